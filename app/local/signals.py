"""How a process of ours is told to stop: by SIGTERM, by Ctrl-C, or because its terminal was closed."""

import asyncio
import signal
from collections.abc import Coroutine

STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


async def until_told(work: Coroutine[object, object, None]) -> bool:
    """Runs `work` to its end, or cancels it, once, when told to stop; answers whether that happened."""
    loop, task, told = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()

    def stop() -> None:
        if task and not told.is_set():
            told.set()
            task.cancel()

    for number in STOP:
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        if not told.is_set():
            raise
    return told.is_set()
