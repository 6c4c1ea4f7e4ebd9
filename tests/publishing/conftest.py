from collections.abc import AsyncIterator

import pytest

from tests.publishing.receiving import Receiver, receivers
from tests.world import World

FORGET = "delete from relay_position where starts_with(subscriber, 'publisher:')"


@pytest.fixture
async def begins_now(world: World) -> None:
    """What earlier tests have written stays out of it."""
    await world.settled()
    async with world.place.connect() as administrator:
        await administrator.execute(FORGET)


@pytest.fixture(params=list(receivers))
async def receiver(request: pytest.FixtureRequest) -> AsyncIterator[Receiver]:
    """A queue or a stream of this test's own on each of the real brokers."""
    async with receivers[request.param]() as one:
        yield one
