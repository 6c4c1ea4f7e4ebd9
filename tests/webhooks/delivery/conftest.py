from collections.abc import AsyncIterator

import pytest

from app.workers.running import Outside
from tests.webhooks.delivery.engine import Engine, outside, running_engine
from tests.webhooks.delivery.receiver import Receiver, receiving
from tests.world import Client, Place, World, running


@pytest.fixture(scope="session")
async def world(place: Place) -> AsyncIterator[World]:
    """An installation that may call this machine."""
    async with running(place, allow_loopback_callouts=True) as started:
        yield started


@pytest.fixture(scope="session")
async def reached(world: World) -> AsyncIterator[Outside]:
    async with outside(world) as opened:
        yield opened


@pytest.fixture
async def client(world: World) -> Client:
    """The administrator of a tenant whose beginning has settled: an endpoint that is made now is told nothing of it."""
    client = await world.tenant()
    await world.settled()
    return client


@pytest.fixture
async def engine(world: World, reached: Outside, client: Client) -> AsyncIterator[Engine]:
    """Of the client's tenant alone."""
    async with running_engine(world, reached, client) as started:
        yield started


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started
