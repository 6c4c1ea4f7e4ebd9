from collections.abc import AsyncIterator

import pytest

from tests.leads.waiting import Clock
from tests.work.engine import engine
from tests.world import Place


@pytest.fixture
async def clock(place: Place) -> AsyncIterator[Clock]:
    async with engine(place) as made:
        yield Clock(made)
