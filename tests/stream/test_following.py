"""No listener misses an event, or gets one twice or out of order, however slow it is and wherever it hangs up."""

from collections.abc import AsyncIterator, Callable
from random import Random

import pytest

from app.api import channel, stream
from app.repositories.pool import Pool, Target
from tests.servers import Servers
from tests.stream import planted
from tests.stream.checker import Streaming
from tests.world import World, running

pytestmark = pytest.mark.own_server


@pytest.fixture
async def alone(own_server: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """With so little room that a few events fill it."""
    monkeypatch.setattr(channel, "KEPT", 3)
    monkeypatch.setattr(stream, "PAGE", 4)
    monkeypatch.setattr(stream, "CAUGHT_UP_BY", 3)
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.5)
    monkeypatch.setattr(stream, "POLL_S", 0.02)
    async with running(own_server.place, rate_limit_per_minute=0) as world:
        yield world


async def run(world: World, seed: int, steps: int) -> list[str]:
    pool = Pool(Target(world.place.url, "rapport_app", size=2))
    found = await Streaming(world, await world.tenant(), pool, Random(seed), pause_s=0.03).go(steps)
    await pool.close()
    return found


async def test_no_event_is_lost_doubled_or_out_of_order(alone: World, seed: int) -> None:
    assert await run(alone, seed, steps=40) == []


@pytest.mark.parametrize(
    "bug",
    [
        planted.cursor_by_sequence_alone,
        planted.gap_between_catching_up_and_listening,
        planted.twice_at_the_seam,
        planted.the_slow_get_what_is_left,
    ],
)
async def test_the_listeners_notice_a_planted_bug(
    alone: World, seed: int, monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None]
) -> None:
    bug(monkeypatch)
    for attempt in range(30):  # some bugs show in one run of three only
        if await run(alone, seed + attempt, steps=25):
            return
    pytest.fail("nobody noticed")
