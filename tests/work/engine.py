"""Due work of kinds that belong to one test alone, so that no line of another test finds it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from app.domain.governance.service import administrator
from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Done, Family, NewWork, Outcome, Work, WorkKind
from app.domain.registry import SCHEMA
from app.repositories import claims
from app.repositories.claims import BEGINNING, Claimed, Wanted, work_pool
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from app.repositories.work import DueWork
from app.workers.line import Handler, Line
from tests.world import Place

SWEEP_S = 0.05
PATIENCE_S = 60.0
AT_ONCE = 5_000  # rows: who writes longer holds the horizon of every database of the server
BACKLOG = """
insert into work (tenant_id, id, kind, key, target, order_key, order_seq, due_at)
select $1, gen_random_uuid(), $2, 'row ' || n, 'target ' || n % $4, case when $5 > 0 then $2 || n % $5 end, n,
       now() - make_interval(secs => $3::int - n)
  from generate_series($6::int, least($3::int, $6::int + $7 - 1)) n
"""
NEXT_WEEK = """
insert into work (tenant_id, id, kind, key, due_at)
select tenant_id, gen_random_uuid(), $1, n::text, now() + interval '7 days'
  from (select gen_random_uuid() as tenant_id from generate_series(1, $2::int / 10)) t, generate_series(1, 10) n
"""
ROWS = "select * from work where kind = $1 order by created_at, order_seq"
DUE_NOW = "update work set due_at = now() - interval '1 second' where tenant_id = $1 and kind = $2 and token is null"
AGAIN = "update work set due_at = now() where kind = $1 and state = 'due'"
LANES = 1_000

Act = Callable[[Work], Awaitable[Outcome | None]]


def kind(**more: Any) -> WorkKind:
    return WorkKind(**{"name": f"test.{uuid7().hex}", "family": Family.checks, **more})


@dataclass
class Engine:
    place: Place
    app: Pool
    work: Pool

    def session(self, tenant_id: UUID) -> Session:
        return Session(self.app, administrator(tenant_id, UUID(int=1)), SCHEMA)

    def due(self, tenant_id: UUID) -> DueWork:
        return DueWork(self.session(tenant_id))

    async def add(self, tenant_id: UUID, kind: WorkKind, key: str, **more: Any) -> None:
        assert await self.due(tenant_id).add(NewWork(kind=kind, key=key, **more)) == 1

    async def backlog(
        self, tenant_id: UUID, kind: WorkKind, rows: int, *, targets: int = 1, order_keys: int = 0
    ) -> None:
        """Due for as many seconds as it has rows, one more every second."""
        async with self.place.connect() as administrator:
            for first in range(1, rows + 1, AT_ONCE):
                await administrator.execute(BACKLOG, tenant_id, kind.name, rows, targets, order_keys, first, AT_ONCE)

    async def next_week(self, kind: WorkKind) -> None:
        """Ten timers of each of 5,000 tenants."""
        async with self.place.connect() as administrator:
            for _ in range(10):
                await administrator.execute(NEXT_WEEK, kind.name, AT_ONCE)

    async def rows(self, kind: WorkKind) -> list[asyncpg.Record]:
        async with self.place.connect() as administrator:
            return list(await administrator.fetch(ROWS, kind.name))

    async def run(self, sql: str, *arguments: Any) -> None:
        async with self.place.connect() as administrator:
            await administrator.execute(sql, *arguments)

    async def expire(self, kind: WorkKind) -> None:
        """All leases, and the waits after failures."""
        await self.run(AGAIN, kind.name)

    async def claim(self, kind: WorkKind, places: int = 10, **more: Any) -> Claimed:
        """As a line does that has nothing under way."""
        given = {"failing_places": places, "places_per_tenant": places, "left": {}} | more
        return await claims.claim(self.work, kind, Wanted(places=places, **given), BEGINNING, uuid7())

    async def claim_of(self, tenant_id: UUID, kind: WorkKind) -> list[Work]:
        """Of one tenant. What is due of others by then, as the mornings of all are at six, may stand before it."""
        return list((await self.claim(kind, places=LANES, tenants=[tenant_id])).work)

    async def claim_planned(self, tenant_id: UUID, kind: WorkKind) -> list[Work]:
        """Whatever one tenant has planned is due now."""
        await self.run(DUE_NOW, tenant_id, kind.name)
        return await self.claim_of(tenant_id, kind)

    async def settle(self, settle: Callable[..., Awaitable[None]], kind: WorkKind, ends: Sequence[Any]) -> None:
        async with self.work.transaction(None, time.monotonic() + 5) as connection:
            await settle(connection, kind, ends)

    @asynccontextmanager
    async def line(
        self, *handlers: Handler, places: int = 10, pool: Pool | None = None, **more: Any
    ) -> AsyncIterator[Line]:
        """Running; what it has under way when it is left is given up, as by a kill."""
        line = Line(pool or self.work, handlers, places, **{"sweep_s": SWEEP_S, **more})
        task = asyncio.create_task(line.run())  # noqa: TID251  # a group would wrap what the test raises
        try:
            yield line
        finally:
            if not task.done():
                task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()


@asynccontextmanager
async def engine(place: Place) -> AsyncIterator[Engine]:
    made = Engine(place, Pool(Target(place.url, "rapport_app", 4)), work_pool(place.url, 4))
    try:
        yield made
    finally:
        await made.app.close()
        await made.work.close()


def doing(kind: WorkKind, act: Act) -> Handler:
    """`act` answers nothing where it has succeeded."""

    async def handle(work: Work, _: Any) -> Outcome:
        return await act(work) or Done()

    return Handler(kind=kind, act=handle)


@dataclass
class Crowd:
    """An act that takes a while, and how many of it there were at once."""

    takes_s: float
    now: int = 0
    most: int = 0
    acts: list[Work] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    async def act(self, work: Work) -> None:
        self.acts.append(work)
        self.at.append(time.monotonic())
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.now -= 1


async def until(condition: Callable[[], bool], within_s: float = PATIENCE_S) -> float:
    """How long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within_s, "it did not happen in time"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def until_gone(engine: Engine, kind: WorkKind, within_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + within_s
    while rows := await engine.rows(kind):
        assert time.monotonic() < end, [dict(one) for one in rows[:3]]
        await asyncio.sleep(0.02)
