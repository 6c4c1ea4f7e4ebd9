"""Each planted bug in a worker of its own, which serves one tenant: all at once, on one stage."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos import patches
from tests.chaos.processes import Process
from tests.chaos.receivers import Manner
from tests.chaos.run import ask_for_what_is_missing
from tests.chaos.stage import Stage, Tenant
from tests.chaos.waiting import until
from tests.chaos.writers import Writer

WRITERS, WRITES = 4, 14
STARTED, STARTS_WITHIN_S = "worker started", 100.0
ROUNDS = 4  # whether a reader comes just between two writers is a matter of chance
DRAINS_WITHIN_S, LOOKS_EVERY_S = 5.0, 0.25
PENDING = "still pending"
DELAY_S = 0.01  # of every piece on its way to the database, which keeps transactions of clients open side by side
NOBODY = "redis://127.0.0.1:1/0"


@dataclass(frozen=True, slots=True)
class Plant:
    """`breach` is part of what the checker must say; without a bug it must say nothing."""

    bug: str
    breach: str
    fails: float = 0.0
    takes_s: float = 0.0
    creates: float = 0.3
    has_bell: bool = True

    @property
    def manner(self) -> Manner:
        return Manner(fails=self.fails, takes_s=self.takes_s)


PLANTS = (
    Plant("", "", fails=0.1),
    Plant(patches.marks_before_sending.__name__, "are lost", fails=0.3),
    Plant(patches.forgets_what_failed.__name__, "are lost", fails=0.3),
    Plant(patches.minds_no_order.__name__, "out of order", fails=0.3),
    Plant(patches.never_sweeps.__name__, PENDING, has_bell=False),
    Plant(patches.reads_by_number_alone.__name__, "are lost", creates=0.8),
    Plant(patches.leases_too_shortly.__name__, "without any cause", takes_s=0.5),
)


async def unseen(stage: Stage, random: Random, plants: Sequence[Plant] = PLANTS) -> list[str]:
    """The bugs that the checker did not see for what they are, and what it said instead."""
    tenants = [await stage.tenant(plant.manner) for plant in plants]
    left = list(zip(plants, tenants, strict=True))
    for plant, tenant in left:
        _start(stage, plant, tenant)
    await _until_started(stage.workers)
    for _ in range(ROUNDS):
        await _play(stage, random, left)
        left = [(plant, tenant) for plant, tenant in left if not _is_seen(plant, _said(stage, tenant))]
        if not left:
            break
    return [f"{plant.bug or 'no bug'}: the checker said {_said(stage, tenant)}" for plant, tenant in left]


async def _play(stage: Stage, random: Random, parts: Sequence[tuple[Plant, Tenant]]) -> None:
    writers = [
        Writer(stage, tenant, Random(random.random()), creates=plant.creates, most=WRITES, nested=0.7)
        for plant, tenant in parts
        for _ in range(WRITERS)
    ]
    stage.postgres_of_apis.delay_s = DELAY_S
    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.run(WRITES))
    stage.postgres_of_apis.delay_s = 0.0
    await _told(stage, parts)
    if unknown := [(plant, tenant) for plant, tenant in parts if not _is_seen(plant, _said(stage, tenant))]:
        await ask_for_what_is_missing(stage, writers)
        await _told(stage, unknown)
    for writer in writers:
        writer.close()


async def _told(stage: Stage, parts: Sequence[tuple[Plant, Tenant]]) -> None:
    """Until of each its bug is seen, or all has arrived, or nothing comes any more."""
    async with asyncio.TaskGroup() as group:
        for plant, tenant in parts:
            group.create_task(_told_of(stage, plant, tenant))


async def _told_of(stage: Stage, plant: Plant, tenant: Tenant) -> None:
    """What is pending at first may still come: that is a bug only when nothing comes any more.

    Where there is none, what failed comes again after a pause as long as that.
    """
    since, missing, quiet_s = time.monotonic(), stage.missing_of(tenant), DRAINS_WITHIN_S * (1 if plant.bug else 2)
    while missing and time.monotonic() < since + quiet_s:
        if plant.bug and plant.breach != PENDING and _is_seen(plant, _said(stage, tenant)):
            return
        await asyncio.sleep(LOOKS_EVERY_S)
        before, missing = missing, stage.missing_of(tenant)
        since = since if missing == before else time.monotonic()


async def _until_started(workers: Sequence[Process]) -> None:
    def told(worker: Process) -> bool:
        assert not worker.has_ended(), worker.printed()
        return STARTED in worker.printed()

    assert await until(lambda: all(told(one) for one in workers), STARTS_WITHIN_S), "a worker did not start"


def _start(stage: Stage, plant: Plant, tenant: Tenant) -> None:
    environment = {"CHAOS_TENANTS": tenant.id, "CRM_LOG_LEVEL": "INFO"}
    if not plant.has_bell:
        environment["CRM_REDIS_URL"] = NOBODY
    bugs = [plant.bug] if plant.bug else []
    stage.add_worker(f"worker {plant.bug or 'as it is'}", ["brisk", "hasty", "narrow", *bugs], **environment)


def _said(stage: Stage, tenant: Tenant) -> list[str]:
    return [*stage.findings([tenant]).breaches()]


def _is_seen(plant: Plant, said: Sequence[str]) -> bool:
    return any(plant.breach in one for one in said) if plant.bug else not said
