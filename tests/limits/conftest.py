import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex

import pytest

from app.api.limits import RateLimiter
from tests.world import Place

Limiters = Callable[..., RateLimiter]


@asynccontextmanager
async def run_in_background(limiter: RateLimiter) -> AsyncIterator[RateLimiter]:
    task = asyncio.ensure_future(limiter.run())
    try:
        yield limiter
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
async def limiter_of(place: Place) -> AsyncIterator[Callable[..., object]]:
    """Makes limiters that share the limits of this test, as processes do; each runs until the end of the test."""
    prefix = f"test:{token_hex(4)}:"
    async with AsyncExitStack() as stack:

        async def make(**options: object) -> RateLimiter:
            limiter = RateLimiter(place.redis_url, prefix=prefix, **options)
            return await stack.enter_async_context(run_in_background(limiter))

        yield make
