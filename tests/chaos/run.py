"""One run: clients write and readers follow while the faults of a storm happen; then everything has to arrive."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from tests.chaos.checker import Findings
from tests.chaos.faults import Storm, supervise
from tests.chaos.follower import Follower
from tests.chaos.receivers import Manner
from tests.chaos.stage import Stage
from tests.chaos.waiting import until
from tests.chaos.watcher import Watcher
from tests.chaos.writers import Writer

DRAINS_WITHIN_S = 60.0
WRITERS = 3  # of each tenant
PROBES_FOR_S = 5.0


def manners() -> Sequence[Sequence[Manner]]:
    """Of the receivers of each tenant: what fails and what loses answers stands beside what is well."""
    return [[Manner(), Manner(fails=0.03)], [Manner(loses=0.005), Manner(fails=0.01)], [Manner()]]


@dataclass(slots=True)
class Result:
    findings: Findings
    wrong: list[str]
    faults: str
    wrote_s: float
    drained_s: float
    followed: int = 0

    def breaches(self) -> Iterator[str]:
        yield from self.findings.breaches()
        yield from self.wrong


@dataclass(slots=True)
class Run:
    stage: Stage
    random: Random
    events: int
    kills: int
    patience_s: float
    longest_pause_s: float = 9.0
    writers: list[Writer] = field(default_factory=list)

    async def go(self) -> Result:
        tenants = [await self.stage.tenant(*receivers) for receivers in manners()]
        self.writers = [
            Writer(self.stage, one, Random(self.random.random())) for one in tenants for _ in range(WRITERS)
        ]
        readers = [Follower(self.stage, one, Random(self.random.random())) for one in tenants]
        readers += [Watcher(self.stage, one, Random(self.random.random())) for one in tenants]
        storm = Storm(self.stage, self.random, self.kills, self.patience_s, self.longest_pause_s)
        async with beside(self.stage, readers):
            began = time.monotonic()
            await self._weather(storm)
            wrote = time.monotonic()
            drained_s = await self.stage.drained(DRAINS_WITHIN_S)
            await probe(self.stage, self.writers)
            for one in readers:
                await one.catch_up()
        wrong = [*self.stage.wrong, *(f"{type(one).__name__}: {said}" for one in readers for said in one.faults())]
        faults = ", ".join(f"{number} {kind}" for kind, number in storm.done.most_common())
        followed = sum(len(one.events) for one in readers)
        return Result(self.stage.findings(tenants), wrong, faults, wrote - began, drained_s, followed)

    async def _weather(self, storm: Storm) -> None:
        async with asyncio.TaskGroup() as busy:
            for one in self.writers:
                busy.create_task(one.run())
            await storm.run(self.events)
            await until(lambda: len(self.stage.acks) >= self.events, 600)
            for one in self.writers:
                one.stopped = True


@asynccontextmanager
async def beside(stage: Stage, readers: Sequence[Follower] = ()) -> AsyncIterator[None]:
    """While something happens, readers read, and nothing dies unseen."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.run()) for one in readers]
        tasks.append(group.create_task(supervise(stage)))
        yield
        for task in tasks:
            task.cancel()


async def probe(stage: Stage, writers: Sequence[Writer]) -> None:
    if stage.missing():
        await ask_for_what_is_missing(stage, writers)
        await stage.drained(PROBES_FOR_S)
    for writer in writers:
        writer.close()


async def ask_for_what_is_missing(stage: Stage, writers: Sequence[Writer]) -> None:
    """What is missing is lost if the next version of its record arrives: so there is one."""
    missing = {record for _, record, _ in stage.missing()}
    for writer in writers:
        for record in missing & writer.records.keys():
            await writer.update(record)
