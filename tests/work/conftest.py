from collections.abc import AsyncIterator

import pytest

from tests.work.engine import Engine, engine
from tests.world import Place


@pytest.fixture
async def work(place: Place) -> AsyncIterator[Engine]:
    async with engine(place) as made:
        yield made


@pytest.fixture
async def alone(database_copy: Place) -> AsyncIterator[Engine]:
    """In a database that may be filled."""
    async with engine(database_copy) as made:
        yield made
