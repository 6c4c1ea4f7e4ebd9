"""A piece of work that is done again and again, on a connection of its own, whatever becomes of the database."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import uniform
from typing import Final

import asyncpg

from app.repositories.housekeeping import connected
from app.repositories.pool import LOST

log = logging.getLogger(__name__)
LONGEST_PAUSE_S: Final = 10.0
FAILURES: Final = (*LOST, asyncpg.PostgresError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Chore:
    """`act` runs every `every_s` seconds; without a `role` the connection is the login's own."""

    name: str
    every_s: float
    role: str | None
    act: Callable[[asyncpg.Connection], Awaitable[None]]

    async def repeat(self, url: str) -> None:
        """Until cancelled. A failure is logged, the pause after it grows, and the connection is made anew.

        Only failures of the database are expected: any other ends the process, and its supervisor starts a new one.
        """
        pause_s = 0.0
        while True:
            try:
                async with connected(url, self.role) as connection:
                    while True:
                        await self.act(connection)
                        if pause_s:
                            log.info("%s goes on", self.name)
                        pause_s = 0.0
                        await asyncio.sleep(self.every_s)
            except FAILURES as error:
                pause_s = min(LONGEST_PAUSE_S, max(0.5, 2 * pause_s))
                log.warning("%s failed (%s), again in %.1f s", self.name, type(error).__name__, pause_s)
                await asyncio.sleep(pause_s * uniform(0.8, 1.2))  # noqa: S311  # spreads load, guards nothing
