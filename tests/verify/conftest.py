"""A database of this folder's own: what is spoilt in it would be found by every other test that verifies."""

from collections.abc import AsyncIterator

import pytest

from tests.run import Run
from tests.world import PATIENT, Client, Place, World, running


@pytest.fixture(scope="module")
def own_database(run: Run) -> Place:
    return run.database()


@pytest.fixture(scope="module")
async def own(own_database: Place) -> AsyncIterator[World]:
    async with running(own_database, **PATIENT) as world:
        yield world


@pytest.fixture(scope="module")
async def writer(own: World) -> Client:
    return await own.tenant()
