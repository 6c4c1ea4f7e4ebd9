from collections.abc import Callable, Iterator

import pytest

from app.local.account import Account
from tests.operation.conftest import MYSELF
from tests.operation.crm import Crm
from tests.operation.installation import Installation


@pytest.fixture(scope="package")
def living(installed: Callable[[Account], Installation]) -> Iterator[Crm]:
    """One that runs while all of these do, and no longer, with two API processes."""
    one = Crm(installed(MYSELF), "living")
    one.up("--workers", "2")
    yield one
    one.end()
