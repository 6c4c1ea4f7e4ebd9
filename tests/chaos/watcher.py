"""A reader of the event stream, which comes back with the last id that it has seen."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos.follower import OBJECTS, Follower
from tests.stream.reading import connected

LONGEST_SILENCE_S = 30.0
BROKEN = (OSError, EOFError, TimeoutError, ValueError, IndexError)  # a head or a chunk that breaks off is no number


@dataclass(slots=True)
class Watcher(Follower):
    """What it holds in the end is judged like that of a follower of the feed."""

    last_id: str = "0-0"
    returns: int = 0

    async def run(self) -> None:
        while True:
            with suppress(*BROKEN):
                await self._watch(self.random.choice(self.stage.fronts).port)
            self.returns += 1
            await asyncio.sleep(0.1)

    async def _watch(self, port: int) -> None:
        async with connected(f"http://127.0.0.1:{port}", self.tenant.key, self.last_id) as source:
            while source.status == 200:
                event = await source.next(LONGEST_SILENCE_S)
                self.last_id = event.id
                if event.data["object"] in OBJECTS:
                    self.events.append(event.data)
                    self.arrived.append(time.monotonic())
