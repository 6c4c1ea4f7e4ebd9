import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.local.state import State
from app.local.tenants import new_tenant
from app.settings import Settings
from tests.product import Product, up


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-answers", action="store_true", help="write the real answers into the pages")


@pytest.fixture(scope="session")
def started(request: pytest.FixtureRequest) -> Iterator[Product]:
    """The one with the sample where that is started anyway; a page by itself does not wait for it."""
    if any("seeded" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield request.getfixturevalue("seeded")
    else:
        with up() as product:
            yield product


@pytest.fixture
async def fresh(started: Product, tmp_path: Path) -> Product:
    """As nobody has used it yet: to a tenant of its own a page is the first, and each start costs seconds."""
    addresses = json.loads(State(started.state).addresses.read_text())
    made = await new_tenant(Settings(**addresses), "My company", "admin@rapport.example")
    state = tmp_path / "state"
    state.mkdir()
    (state / "admin-key").write_text(made.key)
    return replace(started, key=made.key, state=state)
