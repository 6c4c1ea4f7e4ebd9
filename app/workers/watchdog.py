"""Bounds the time for which our own transactions hold up readers of the event log, and watches whoever else does."""

import logging
import time
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from app.repositories.housekeeping import Horizon, Lag, end_overdue, horizon

log = logging.getLogger(__name__)
LONGEST_WRITE_S: Final = 5.0
WORTH_A_WARNING_S: Final = 5.0


@dataclass
class Watchdog:
    """`lag` is what it saw last."""

    longest_write_s: float = LONGEST_WRITE_S
    lag: Lag = field(default_factory=Lag)
    _position: int = -1
    _since: float = 0.0

    async def look(self, connection: asyncpg.Connection) -> None:
        for ended in await end_overdue(connection, self.longest_write_s):
            log.warning(
                "ended a transaction that had written", extra={"pid": ended.pid, "age_s": round(ended.age_s, 1)}
            )
        before = self.lag
        self.lag = self.measure(await horizon(connection), time.monotonic())
        if before.seconds < WORTH_A_WARNING_S <= self.lag.seconds:
            holder = {"pid": self.lag.pid, "database": self.lag.database}
            log.warning("the settled horizon stands still: readers of events wait", extra=holder)

    def measure(self, seen: Horizon, now_s: float) -> Lag:
        """The horizon moves with every write that ends; it lags when it is the same as before and others wait."""
        if not seen.holds_up_others:
            self._position = -1
            return Lag()
        if seen.position != self._position:
            self._position, self._since = seen.position, now_s
            return Lag()
        return Lag(now_s - self._since, seen.pid, seen.database)
