import pytest

from tests.world import Client, World


@pytest.fixture
async def client(world: World) -> Client:
    """The administrator of a tenant whose beginning has settled: a stream that opens now tells nothing of it."""
    return await settled_tenant(world)


@pytest.fixture
async def stranger(world: World) -> Client:
    """So is somebody of another tenant."""
    return await settled_tenant(world)


async def settled_tenant(world: World) -> Client:
    client = await world.tenant()
    await world.settled()
    return client
