"""The end of the settled log of all tenants, for processes that hand on what comes. In the role that sees them all."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.domain.kernel.query import Position
from app.repositories.compile import Statement
from app.repositories.pool import SETTINGS, Pool, Target, dsn

CHANNEL = "events"  # of LISTEN and NOTIFY; a notice says that something has settled, and no more
TIMEOUT_S = 5.0
DAY_MS = 86_400_000

# Places are those of events, and never the horizon itself: after a crash PostgreSQL gives transaction ids out again that
# only undone transactions had, and what these write would stand before a horizon that was read in time.
_LAST = Statement(
    "select settle, seq, id::text from event where settle < app_horizon() order by settle desc, seq desc limit 1",
    (),
    {},
)
# The horizon is that of the snapshot in which the events are read: what settles later stands behind it.
_NEXT = Statement(
    """
    select json_agg(page) as events from (
      select * from event where (settle, seq) > ($1, $2) and settle < app_horizon() and id > $3
       order by settle, seq limit $4) page
    """,
    ("settle", "seq", "floor", "limit"),
    {},
)


@dataclass(frozen=True, slots=True)
class Page:
    """`end` is behind all that has settled, unless there is `more`: the place of the last event that was read."""

    rows: list[dict[str, Any]]
    end: Position
    more: bool


class Tail:
    """On connections of its own: one to read, and one to listen."""

    def __init__(self, url: str) -> None:
        self._target = Target(url, "rapport_work", size=1)
        self._pool = Pool(self._target)

    async def end(self) -> Position:
        """Behind everything that has settled by now."""
        row = await self._pool.row(None, _LAST, [], time.monotonic() + TIMEOUT_S)
        return Position.of(dict(row)) if row else Position()

    async def after(self, place: Position, limit: int) -> Page:
        """The next events, as rows of the table."""
        floor = UUID(int=max(place.milliseconds - DAY_MS, 0) << 80)
        asked = [place.settle, place.seq, floor, limit]
        row = await self._pool.row(None, _NEXT, asked, time.monotonic() + TIMEOUT_S)
        assert row is not None  # noqa: S101  # the statement always answers its one row
        rows = orjson.loads(row["events"]) if row["events"] else []
        return Page(rows, Position.of(rows[-1]) if rows else place, more=len(rows) == limit)

    async def listen(self, ring: Callable[[], None]) -> None:
        """Calls `ring` for every notice; returns when the connection is lost."""
        connection = await asyncpg.connect(
            dsn(self._target.url), server_settings=SETTINGS | {"role": self._target.role}, timeout=TIMEOUT_S
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, lambda *_: ring())
            await lost.wait()
        finally:
            connection.terminate()

    async def rest(self) -> None:
        """Lets the connections go; whoever reads on opens new ones."""
        pool, self._pool = self._pool, Pool(self._target)
        await pool.close()
