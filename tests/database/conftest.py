from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.database.cluster import Cluster
from tests.servers import Nursery, programs
from tests.world import Place


@pytest.fixture
async def spoilt(place: Place) -> AsyncIterator[asyncpg.Connection]:
    """The administrator in a transaction that is rolled back: for schemas, which have no events."""
    async with place.connect() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


@pytest.fixture(scope="module")
async def same_version(place: Place) -> Path:
    """The programs of the server under test, where they are on this machine, else our own."""
    async with place.connect() as administrator:
        found = Path(await administrator.fetchval("select setting from pg_config where name = 'BINDIR'"))
    return found if (found / "initdb").exists() else programs().postgres


@pytest.fixture(scope="module")
def bare_url(nursery: Nursery, same_version: Path) -> Iterator[str]:
    """A cluster that has never heard of us. It belongs to this file, so these tests run beside all others."""
    postgres = nursery.bare_postgres(same_version)
    yield postgres.admin_url
    postgres.stop()


@pytest.fixture
async def cluster(bare_url: str) -> AsyncIterator[Cluster]:
    async with Cluster.fresh(bare_url) as fresh:
        yield fresh
