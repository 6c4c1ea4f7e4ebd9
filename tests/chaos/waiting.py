import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], bool], within_s: float) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.02)
    return True
