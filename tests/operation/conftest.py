import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.local.account import Account, name_of, server_account
from tests.operation.crm import Crm
from tests.operation.installation import Installation, installation
from tests.servers import short_lived_folder

MYSELF = Account(os.geteuid(), os.getegid(), name_of(os.geteuid()))

Started = Callable[..., Crm]


@pytest.fixture(scope="session")
def installed() -> Iterator[Callable[[Account], Installation]]:
    """A home for an account, in which the product can be run as if it had been installed there."""
    top = short_lived_folder("rapport operation ")
    top.chmod(0o755)
    made: dict[str, Installation] = {}

    def make(account: Account) -> Installation:
        if account.name not in made:
            home = top / account.name
            home.mkdir()
            made[account.name] = installation(account, home)
        return made[account.name]

    yield make
    shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="session")
def somebody(installed: Callable[[Account], Installation]) -> Installation:
    """Without rights, and able to use servers that the tests start."""
    return installed(server_account())


@pytest.fixture
def crm(installed: Callable[[Account], Installation]) -> Iterator[Started]:
    """Makes one on a folder of its own; whatever was started on it is ended with the test."""
    made: list[Crm] = []

    def make(name: str, by: Installation | None = None, **environment: str) -> Crm:
        made.append(Crm(by or installed(MYSELF), f"{len(made)} {name}", **environment))
        return made[-1]

    yield make
    for one in made:
        one.end()
        shutil.rmtree(one.folder, ignore_errors=True)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """Where the account of the servers can go, unlike the folders of pytest."""
    with tempfile.TemporaryDirectory(prefix="rapport-operation-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
