"""One family of work in one process: claims what is due, does it with no connection held, and settles it in batches.

What it rests on is the sweep: every second or two it looks for itself. A doorbell only makes it look at once.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import uniform
from typing import Any, Final
from uuid import UUID

import asyncpg

from app.domain.kernel.errors import AppError, Unavailable
from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Again, Done, LeaseLost, Outcome, Park, Settled, Work, WorkKind
from app.repositories import claims
from app.repositories.claims import BEGINNING, Lane, Wanted
from app.repositories.pool import LOST, Connection, Pool
from app.workers import counting

log = logging.getLogger(__name__)
SWEEP_S: Final = 1.5
BEGINS_WITHIN_S: Final = claims.LEASE_MARGIN_S / 2
AWAY: Final = (*LOST, Unavailable, OSError, TimeoutError)
FAILURES: Final = (*AWAY, asyncpg.PostgresError, AppError)
LONGEST_BACKOFF_S: Final = 3_600.0

Act = Callable[[Work, Any], Awaitable[Outcome]]
Prepare = Callable[[Sequence[Work]], Awaitable[Mapping[UUID, Any]]]
Ends = Sequence[tuple[Work, Outcome]]
Record = Callable[[Connection, Ends], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """How a kind of work is done. `act` holds no connection and is given up after the time its kind allows.

    `prepare` reads what all of one claim need, by id of the work; `record` writes what became of them in the
    transaction that settles them. A kind whose effect is in the database alone needs neither: it settles its work
    itself, by `DueWork.done`, and answers `Settled`.
    """

    kind: WorkKind
    act: Act
    prepare: Prepare | None = None
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class _Ended:
    handler: Handler
    work: Work
    outcome: Outcome


@dataclass(slots=True)
class Line:
    """`places` is how much is under way at once, and so the most that a kill can repeat."""

    pool: Pool
    handlers: Sequence[Handler]
    places: int
    tenants: Sequence[UUID] | None = None
    sweep_s: float = SWEEP_S
    closing: bool = False
    # By token as well: whoever has lost a lease may still be at it when its work is claimed again.
    _busy: dict[tuple[UUID, UUID], Work] = field(default_factory=dict)
    _ended: list[_Ended] = field(default_factory=list)
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _passed: bool = False  # a bell found a walk in the middle: what is due since may lie in a lane behind it
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _settle: asyncio.Event = field(default_factory=asyncio.Event)
    _dry: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        self._dry.clear()
        self._woken.set()

    async def drained(self) -> None:
        """Returns when a look, begun after the call, has found nothing that is due."""
        self.wake()
        await self._dry.wait()

    async def close(self) -> None:
        """Claims nothing more, and returns when what was under way is settled."""
        self.closing = True
        self.wake()
        while self._busy:
            self._settle.set()
            await asyncio.sleep(0.02)

    async def run(self) -> None:
        """Until cancelled, whatever becomes of the database."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_settling())
            while True:
                self._passed |= self._woken.is_set() and any(one != BEGINNING for one in self._lanes.values())
                self._woken.clear()
                idle = not self._busy
                try:
                    more = await self._look(group)
                except FAILURES as error:
                    log.warning("work cannot be claimed", extra={"error": type(error).__name__})
                    more, idle = False, False
                else:
                    more, self._passed = more or self._passed, more and self._passed
                if idle and not more and not self._busy and not self._woken.is_set():
                    self._dry.set()
                await self._pause(more=more)

    async def _look(self, group: asyncio.TaskGroup) -> bool:
        """Fills the free places; answers whether there may be more that is due."""
        more = False
        for handler in self.handlers:
            if self.closing or len(self._busy) >= self.places:
                return True
            more |= await self._claim(handler, group)
        return more

    async def _claim(self, handler: Handler, group: asyncio.TaskGroup) -> bool:
        began, kind = time.monotonic(), handler.kind
        wanted = self._wanted()
        found = await claims.claim(self.pool, kind, wanted, self._lanes.get(kind.name, BEGINNING), uuid7())
        self._lanes[kind.name] = found.lane
        counting.parked(kind.name, len(found.parked))
        for one in found.work:
            self._busy[one.id, one.token] = one
        try:
            facts = await handler.prepare(found.work) if handler.prepare and found.work else {}
        except FAILURES:
            await self._give_back(found.work)
            raise
        except Exception as error:
            log.exception("work cannot be prepared", extra={"kind": kind.name, "error": type(error).__name__})
            self._forget(found.work)
            return False
        if self.closing or time.monotonic() - began > BEGINS_WITHIN_S:
            await self._give_back(found.work)
            return False
        for one in found.work:
            group.create_task(self._do(handler, one, facts.get(one.id)))
        return found.more or len(found.work) == wanted.places

    def _wanted(self) -> Wanted:
        """A tenant may have three quarters of the places, and targets that fail a quarter."""
        of_tenants = Counter(one.tenant_id for one in self._busy.values())
        failing = sum(one.failing for one in self._busy.values())
        most = max(1, self.places * 3 // 4)
        return Wanted(
            places=self.places - len(self._busy),
            failing_places=max(0, max(1, self.places // 4) - failing),
            places_per_tenant=most,
            left={str(tenant): max(0, most - busy) for tenant, busy in of_tenants.items()},
            tenants=self.tenants,
        )

    async def _give_back(self, works: Sequence[Work]) -> None:
        """As if it had not been claimed; where that fails its lease runs out."""
        try:
            if works:
                await claims.release(self.pool, works)
        finally:
            self._forget(works)

    def _forget(self, works: Sequence[Work]) -> None:
        for one in works:
            self._busy.pop((one.id, one.token), None)

    async def _do(self, handler: Handler, work: Work, facts: Any) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(handler.kind.timeout_s):
                outcome = await handler.act(work, facts)
        except LeaseLost:
            outcome = Settled()
        except TimeoutError:
            outcome = _after_failure(work, "It took longer than it may.")
        except Exception as error:  # noqa: BLE001  # whatever one piece of work does must not end the others
            log.warning("work failed", extra={"kind": handler.kind.name, "error": type(error).__name__})
            outcome = _after_failure(work, error.code if isinstance(error, AppError) else type(error).__name__)
        counting.done(handler.kind.name, type(outcome).__name__, time.monotonic() - began)
        self._ended.append(_Ended(handler, work, outcome))
        self._settle.set()

    async def _pause(self, *, more: bool) -> None:
        """Until there is something to look for: a free place, a bell, or the time of the next sweep."""
        if more and len(self._busy) < self.places and not self.closing:
            return
        try:
            async with asyncio.timeout(self.sweep_s * uniform(0.7, 1.3)):  # noqa: S311  # spreads load, guards nothing
                await self._woken.wait()
        except TimeoutError:
            return

    # Settling -------------------------------------------------------------------------------------

    async def _keep_settling(self) -> None:
        """What ends while a batch is being settled makes the next one. A place is free when its work is settled."""
        pause_s = 0.1
        while True:
            await self._settle.wait()
            self._settle.clear()
            try:
                for handler in self.handlers:
                    await self._settle_each(handler, [one for one in self._ended if one.handler is handler])
                pause_s = 0.1
            except FAILURES as error:
                log.warning("work cannot be settled yet", extra={"error": type(error).__name__})
                self._settle.set()
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, 2.0)

    async def _settle_each(self, handler: Handler, ended: Sequence[_Ended]) -> None:
        """One that the database refuses is left to its lease, and does not hold up the others."""
        if not ended:
            return
        try:
            await self._settle_together(handler, [(one.work, one.outcome) for one in ended])
        except AWAY:
            raise
        except Exception as error:
            if len(ended) > 1:
                for one in ended:
                    await self._settle_each(handler, [one])
                return
            log.exception("work cannot be settled", extra={"kind": handler.kind.name, "error": type(error).__name__})
        settled = {id(one) for one in ended}
        self._ended = [one for one in self._ended if id(one) not in settled]
        self._forget([one.work for one in ended])
        self._woken.set()

    async def _settle_together(self, handler: Handler, ends: Ends) -> None:
        kind = handler.kind
        happened = [work for work, outcome in ends if isinstance(outcome, Done)]
        failed = [(work, outcome) for work, outcome in ends if isinstance(outcome, Again | Park)]
        async with self.pool.transaction(None, time.monotonic() + claims.DEADLINE_S) as connection:
            if handler.record:
                await handler.record(connection, ends)
            if happened:
                await claims.done(connection, kind, happened)
            if failed:
                await claims.failed(connection, kind, failed)


def _after_failure(work: Work, error: str) -> Again:
    """Twice as long each time, up to an hour."""
    return Again(min(LONGEST_BACKOFF_S, 2.0**work.attempts) * uniform(0.8, 1.2), error)  # noqa: S311  # spreads load, guards nothing
