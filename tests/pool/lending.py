"""A thousand loans of one connection, to tenants in turn, whatever happens to each; and what must hold after each."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import asyncpg

from app.domain.kernel.errors import Unavailable
from app.repositories.compile import Statement
from app.repositories.pool import LOST, Pool

SEEN = Statement(
    """
    select pg_backend_pid() as pid,
           array(select tenant_id from tenant union all select tenant_id from tenant_read) as seen
    """,
    (),
    {},
)
SLEEP = Statement("select pg_sleep(0.05)", (), {})
LONG_SLEEP = Statement("select pg_sleep(2)", (), {})
DIVISION = Statement("select 1 / 0", (), {})
RENAME = Statement("update tenant set name = $1 where tenant_id = app_tenant()", ("name",), {})
DEATHS = (*LOST, Unavailable, TimeoutError, asyncpg.PostgresError, asyncio.CancelledError)


def soon() -> float:
    return time.monotonic() + 5


@dataclass
class Lending:
    """`faults` are what must never be: a foreign row, a missing own one, a lost write, a poisoned connection."""

    pool: Pool
    administrator: asyncpg.Connection
    tenants: list[UUID]
    random: Random
    poisoned: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    async def run(self, loans: int) -> None:
        """Every loan may end badly; those that cost a new connection are the rarer ones."""
        steps = {self.nothing: 30, self.renamed: 18, self.refusal: 10, self.refusal_inside: 10, self.too_late: 10}
        steps |= {self.cancelled: 6, self.cancelled_inside: 6, self.too_slow: 5, self.killed: 5}
        for number, step in enumerate(self.random.choices(list(steps), list(steps.values()), k=loans)):
            try:
                await step(self.tenants[number % len(self.tenants)])
                await self.look(self.tenants[(number + self.random.randrange(3)) % len(self.tenants)], step.__name__)
            except DEATHS as error:
                self.faults.append(f"{step.__name__}: {error!r}")

    async def look(self, tenant: UUID, after: str) -> None:
        """One connection was lost where it was killed; then the next look has another."""
        for _ in range(2):
            with suppress(*LOST):
                row = await self.pool.row(tenant, SEEN, [], soon())
                assert row is not None
                if row["seen"] != [tenant, tenant]:
                    self.faults.append(f"after {after}: {len(row['seen'])} rows, not the two of the tenant")
                if row["pid"] in self.poisoned:
                    self.faults.append(f"after {after}: a connection that must be closed is lent again")
                return
        self.faults.append(f"after {after}: no connection")

    async def nothing(self, tenant: UUID) -> None:
        pass

    async def refusal(self, tenant: UUID) -> None:
        with suppress(asyncpg.DivisionByZeroError):
            await self.pool.row(tenant, DIVISION, [], soon())

    async def refusal_inside(self, tenant: UUID) -> None:
        with suppress(asyncpg.DivisionByZeroError):
            async with self.pool.transaction(tenant, soon()) as connection:
                await connection.execute(RENAME.sql, "rolled back")
                await connection.execute(DIVISION.sql)

    async def cancelled(self, tenant: UUID) -> None:
        await self._broken_off(lambda: self.pool.row(tenant, SLEEP, [], soon()))

    async def cancelled_inside(self, tenant: UUID) -> None:
        async def write() -> None:
            async with self.pool.transaction(tenant, soon()) as connection:
                await connection.execute(RENAME.sql, "rolled back")
                await connection.execute(SLEEP.sql)

        await self._broken_off(write)

    async def too_slow(self, tenant: UUID) -> None:
        before = self._idle()
        with suppress(TimeoutError, Unavailable):
            await self.pool.row(tenant, LONG_SLEEP, [], time.monotonic() + self.random.choice((0.002, 0.02)))
            self.faults.append("too_slow: it was fast enough")
        self.poisoned |= before

    async def too_late(self, tenant: UUID) -> None:
        """The deadline is over before the tenant is set."""
        with suppress(Unavailable):
            await self.pool.row(tenant, SEEN, [], time.monotonic() - 1)

    async def killed(self, _: UUID) -> None:
        for pid in self._idle():
            await self.administrator.fetchval("select pg_terminate_backend($1, 20000)", pid)

    async def renamed(self, tenant: UUID) -> None:
        """What was acknowledged can be seen by everybody at once."""
        name = f"renamed {self.random.random()}"
        try:
            async with self.pool.transaction(tenant, soon()) as connection:
                await connection.execute(RENAME.sql, name)
        except LOST:
            return
        if await self.administrator.fetchval("select name from tenant where tenant_id = $1", tenant) != name:
            self.faults.append("renamed: an acknowledged write is lost")

    async def _broken_off(self, work: Callable[[], Awaitable[object]]) -> None:
        before = self._idle()
        task = asyncio.ensure_future(work())
        for _ in range(self.random.randrange(1, 6)):
            await asyncio.sleep(self.random.choice((0, 0, 0.002)))
        task.cancel()
        await asyncio.wait([task])
        if task.cancelled():
            self.poisoned |= before

    def _idle(self) -> set[int]:
        return {connection.get_server_pid() for connection in self.pool._idle}
