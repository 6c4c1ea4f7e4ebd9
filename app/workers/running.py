"""What `crm worker` runs: the lines of due work, the relays of the log, the answer to the doorbell, and the chores."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.domain.kernel.installation import Installation
from app.domain.kernel.schema import Schema
from app.domain.kernel.sealing import Seal
from app.domain.kernel.work import Family
from app.domain.registry import SCHEMA
from app.repositories.claims import work_pool as work_pool_of
from app.repositories.pool import Pool, Target
from app.settings import Settings
from app.workers import queue
from app.workers.capture import Expiries
from app.workers.clients.calling import Caller
from app.workers.forecasting import ForecastClock
from app.workers.housekeeping import chores
from app.workers.jobs import JobRunner
from app.workers.leads import LeadClock
from app.workers.line import Handler, Line
from app.workers.pipeline import PipelineClock
from app.workers.queue import Doorbell
from app.workers.quoting import Expiring
from app.workers.relay import Relay, Subscriber
from app.workers.resending import REPLAYING, Tests
from app.workers.scoring import ScoreClock
from app.workers.settings import SHARES
from app.workers.webhooks import Deliveries, Subscription

log = logging.getLogger(__name__)
JOB_KINDS: Final = (REPLAYING,)
CONNECTIONS: Final = 6
GRACE_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Work:
    """The engine of one process. `tenants` narrows it to some; only tests, which share a database, ask for that."""

    lines: dict[Family, Line]
    relays: list[Relay]

    @classmethod
    def on(
        cls,
        pool: Pool,
        handlers: Sequence[Handler],
        subscribers: Sequence[Subscriber] = (),
        tenants: Sequence[UUID] | None = None,
    ) -> "Work":
        families = {one.kind.family for one in handlers}
        lines = {
            family: Line(pool, [one for one in handlers if one.kind.family is family], SHARES[family].places, tenants)
            for family in families
        }
        return cls(lines, [Relay(pool, one, tenants) for one in subscribers])

    async def relay(self) -> None:
        """Until all that has settled is relayed."""
        for one in self.relays:
            await one.drained()

    def ring(self, family: Family, _: UUID) -> None:
        """For what this process itself has made due."""
        if family in self.lines:
            self.lines[family].wake()

    async def close(self) -> None:
        async with asyncio.TaskGroup() as group:
            for line in self.lines.values():
                group.create_task(line.close())

    def start(self, group: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        lines = [group.create_task(one.run()) for one in self.lines.values()]
        return lines + [group.create_task(one.run()) for one in self.relays]


async def run(settings: Settings) -> None:
    """Until cancelled: then nothing more is claimed, and what is under way gets time to end."""
    log.info("worker started", extra={"pid": os.getpid()})
    doorbell = Doorbell(settings.redis_url)
    async with _outside(settings) as outside, asyncio.TaskGroup() as group:
        work = work_of(outside, doorbell)
        drains = {Family.events: work.relay} | {family: line.drained for family, line in work.lines.items()}
        tasks = [*work.start(group), group.create_task(doorbell.run())]
        tasks.append(group.create_task(queue.answer(settings.redis_url, drains)))
        tasks += [group.create_task(chore.repeat(settings.database_url)) for chore in chores(settings)]
        if settings.broker_url is not None:
            from app.workers.publishing import publish  # noqa: PLC0415  # the clients of brokers; most have none

            tasks.append(group.create_task(publish(settings)))
        try:
            await asyncio.Event().wait()
        finally:
            if not any(task.done() for task in tasks):
                await _finish(work)
            for task in tasks:
                task.cancel()


async def _finish(work: Work) -> None:
    try:
        async with asyncio.timeout(GRACE_S):
            await work.close()
    except TimeoutError:
        log.warning("some work was given up: it is due again when its lease has run out")


@dataclass(frozen=True, slots=True)
class Outside:
    """What handlers reach: the database in both roles, other people's servers, and what the installation knows."""

    work_pool: Pool
    app_pool: Pool
    caller: Caller
    installation: Installation
    schema: Schema = SCHEMA


def work_of(outside: Outside, doorbell: Doorbell, tenants: Sequence[UUID] | None = None) -> Work:
    """Every kind of work that there is, and everyone who follows the log."""

    def ring(family: Family, tenant_id: UUID) -> None:
        """This process at once, and the others by way of Redis."""
        work.ring(family, tenant_id)
        doorbell.ring(family, tenant_id)

    pool, schema, installation = outside.app_pool, outside.schema, outside.installation
    deliveries = Deliveries(outside.work_pool, pool, outside.caller, installation, schema)
    jobs = JobRunner(pool, schema, {one.name: one for one in JOB_KINDS}, ring, installation)
    handlers = (
        deliveries.handler(),
        Tests(deliveries).handler(),
        jobs.handler(),
        *PipelineClock(pool, schema, ring).handlers(),
        Expiries(pool, schema, ring).handler(),
        *LeadClock(pool, schema, ring).handlers(),
        Expiring(pool, schema, ring).handler(),
        *ScoreClock(pool, schema, ring).handlers(),
        ForecastClock(pool, schema, ring).handler(),
    )
    work = Work.on(outside.work_pool, handlers, (Subscription(schema, ring),), tenants)
    return work


@asynccontextmanager
async def _outside(settings: Settings) -> AsyncIterator[Outside]:
    work_pool = work_pool_of(settings.database_url, CONNECTIONS)
    app_pool = Pool(Target(settings.database_url, "rapport_app", CONNECTIONS))
    installation = Installation(Seal(settings.keys), settings.allow_loopback_callouts)
    try:
        async with Caller(allow_loopback=settings.allow_loopback_callouts) as caller:
            yield Outside(work_pool, app_pool, caller, installation)
    finally:
        await app_pool.close()
        await work_pool.close()
