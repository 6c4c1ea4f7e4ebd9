"""Who is told to stop, and told again while it closes what it holds, still closes it."""

import asyncio
import gc
import warnings
from random import Random
from typing import Any

from app.api.limits import RateLimiter
from app.domain.kernel.ids import uuid7
from app.main import spare_what_stays
from tests.world import Place


async def limiting(redis_url: str) -> None:
    await RateLimiter(redis_url, prefix=f"test:{uuid7()}:").run()


async def left_open(run: Any, seed: int) -> list[str]:
    """What the garbage collector finds of a run that is stopped twice, at some moments."""
    random, before = Random(seed), asyncio.all_tasks()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        task = asyncio.ensure_future(run)
        await asyncio.sleep(random.random() * 0.03)
        task.cancel()
        await asyncio.sleep(random.choice([0, random.random() * 0.003]))
        task.cancel()
        await asyncio.wait([task])
        if closing := asyncio.all_tasks() - before:
            await asyncio.wait(closing, timeout=5)
        del task, run
        gc.collect()
    return [text for one in seen if (text := str(one.message)).startswith("unclosed Connection")]


async def test_nothing_stays_open_of_a_limiter_that_is_stopped_twice(place: Place) -> None:
    spare_what_stays()  # what others have left is not this one's, and is not looked at fifty times
    assert [one for seed in range(50) for one in await left_open(limiting(place.redis_url), seed)] == []
