from collections.abc import Iterator

import pytest

from tests.product import Product, up


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-answers", action="store_true", help="write the real answers into the pages")


@pytest.fixture
def fresh() -> Iterator[Product]:
    """Started as nobody has used it yet."""
    with up() as product:
        yield product
