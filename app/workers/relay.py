"""From the settled log to those who follow it: each event in order, each subscriber from a position of its own.

The position moves in the transaction that writes what follows from the events, so nothing follows twice and nothing
is left out, whatever dies in between.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import uniform
from typing import Any, Final, Protocol
from uuid import UUID

from app.domain.kernel.query import Position
from app.repositories import relay
from app.repositories.pool import Connection, Pool
from app.repositories.relay import DAY_MS
from app.workers.line import AWAY, FAILURES, SWEEP_S

log = logging.getLogger(__name__)
CHUNK: Final = 100
WAITING_S: Final = 0.02
DEADLINE_S: Final = 5.0
Event = dict[str, Any]


class Subscriber(Protocol):
    """`take` writes what follows from events of one tenant, in their order. It runs in a transaction that must be short."""

    @property
    def name(self) -> str: ...

    async def take(self, connection: Connection, tenant_id: UUID, events: Sequence[Event]) -> None: ...

    def taken(self, tenant_id: UUID) -> None:
        """Called when a transaction in which something was taken has committed."""


@dataclass(slots=True)
class Relay:
    """Serves one subscriber. The tenants take turns by chunks, so that a long log of one delays the others little."""

    pool: Pool
    subscriber: Subscriber
    tenants: Sequence[UUID] | None = None
    sweep_s: float = SWEEP_S
    _behind: dict[UUID, None] = field(default_factory=dict)
    _elsewhere: dict[UUID, None] = field(default_factory=dict)
    _seen: int = -1
    _seen_ms: int = 0
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _level: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        self._level.clear()
        self._woken.set()

    async def drained(self) -> None:
        """Returns when a look, begun after the call, has found nothing that is not relayed."""
        self.wake()
        await self._level.wait()

    async def run(self) -> None:
        """Until cancelled, whatever becomes of the database."""
        while True:
            self._woken.clear()
            waiting = failed = False
            try:
                waiting = await self.look()
                while self._behind:
                    failed |= not await self._step()
            except FAILURES as error:
                log.warning("the log cannot be relayed", extra={"error": type(error).__name__})
                self._seen, failed = -1, True
            if not (waiting or failed or self._woken.is_set()):
                self._level.set()
            await self._pause(WAITING_S if waiting else self.sweep_s * uniform(0.7, 1.3))  # noqa: S311  # spreads load, guards nothing

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def look(self) -> bool:
        """Learns which tenants have news; at first all of them may. Answers whether something written waits to settle.

        What settled last is read before the positions: a tenant whose position begins in between has its events behind it.
        """
        async with self.pool.transaction(None, time.monotonic() + DEADLINE_S) as connection:
            if self._seen < 0:
                now_ms, last = time.time_ns() // 1_000_000, await relay.last(connection)
                self._behind = dict.fromkeys(self._mine(await relay.positions(connection, self.subscriber.name)))
                self._seen, self._seen_ms = last, now_ms
                return True
            floor = UUID(int=max(self._seen_ms - DAY_MS, 0) << 80)
            now_ms = time.time_ns() // 1_000_000
            news = await relay.news(connection, self._seen, floor)
            if news.tenants:
                await relay.notify(connection)
        self._behind |= self._elsewhere | dict.fromkeys(self._mine(news.tenants))
        self._elsewhere.clear()
        self._seen, self._seen_ms = news.last, now_ms
        return news.waiting

    def _mine(self, tenants: Sequence[UUID] | Mapping[UUID, Position]) -> list[UUID]:
        return [one for one in tenants if self.tenants is None or one in self.tenants]

    async def _step(self) -> bool:
        """One chunk of the tenant that has waited longest; with more to come it goes to the end of the queue.

        One that another worker is at is looked at again with the next sweep: that worker may die. So is one whose
        events cannot be taken (then the answer is False), which must not keep the others waiting.
        """
        tenant_id, taken = next(iter(self._behind)), True
        try:
            found = await self._relay(tenant_id)
        except AWAY:
            raise
        except Exception as error:
            log.exception("events cannot be taken", extra={"error": type(error).__name__})
            found, taken = None, False
        del self._behind[tenant_id]
        if found is None:
            self._elsewhere[tenant_id] = None
        elif found == CHUNK:
            self._behind[tenant_id] = None
        return taken

    async def _relay(self, tenant_id: UUID) -> int | None:
        """How many events; None where another worker is at it.

        Nothing is written before all is read: a transaction that has written holds the horizon up for everybody.
        """
        name = self.subscriber.name
        async with self.pool.transaction(None, time.monotonic() + DEADLINE_S) as connection:
            if not await relay.lock(connection, name, tenant_id):
                return None
            before = await relay.position(connection, name, tenant_id)
            if before is None:
                return 0
            events = await relay.events(connection, tenant_id, before, CHUNK)
            if not events:
                return 0
            await self.subscriber.take(connection, tenant_id, events)
            if not await relay.move(connection, name, tenant_id, before, Position.of(events[-1])):
                raise RuntimeError("a position moved under its lock")
        self.subscriber.taken(tenant_id)
        return len(events)
