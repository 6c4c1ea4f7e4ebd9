"""RELIABILITY R9: followers of the change feed hold in the end what the tables hold, whatever happened meanwhile."""

from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random

import pytest

from app.repositories.pool import Pool, Target
from app.repositories.verify import verify
from tests.events import planted
from tests.events.checker import Run
from tests.isolation.matrix import forgotten_statements
from tests.servers import Servers
from tests.world import Place, World, running

pytestmark = pytest.mark.own_server

Bug = Callable[[Place, pytest.MonkeyPatch], Awaitable[None]]


@pytest.fixture
async def alone(own_server: Servers) -> AsyncIterator[World]:
    """The horizon is that of a whole cluster, so this test has one of its own; nobody counts its requests."""
    async with running(own_server.place, rate_limit_per_minute=0) as world:
        yield world


async def run(world: World, seed: int, steps: int) -> list[str]:
    pool = Pool(Target(world.place.url, "rapport_app", size=2))
    found = await Run(world, await world.tenant(), pool, Random(seed)).go(steps)
    await pool.close()
    return found


@pytest.mark.quick
async def test_no_event_is_lost_doubled_late_or_out_of_order(alone: World, seed: int) -> None:
    assert await run(alone, seed, steps=40) == []
    assert await verify(alone.place.url) == []


@pytest.mark.parametrize(
    "bug",
    [
        planted.cursor_by_sequence_alone,
        planted.order_by_transaction_id,
        planted.horizon_of_another_snapshot,
        planted.event_outside_the_transaction,
    ],
)
async def test_the_followers_notice_a_planted_bug(
    alone: World, seed: int, monkeypatch: pytest.MonkeyPatch, bug: Bug
) -> None:
    with forgotten_statements():
        await bug(alone.place, monkeypatch)
        for attempt in range(30):  # some bugs show in one run of three only
            if await run(alone, seed + attempt, steps=25):
                return
    pytest.fail("nobody noticed")
