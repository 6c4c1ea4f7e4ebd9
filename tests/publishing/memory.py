"""A broker in memory that fails as real ones do, publishers on it, and what is wrong with what has arrived."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Any
from uuid import UUID

import orjson

from app.workers.messages import BrokerFailed, Message
from app.workers.publishing import Publisher
from tests.world import World

COMMITTED = (
    "select id from event where tenant_id = $1 and object not in ('user', 'pipeline')"  # what a tenant begins with
)


@dataclass
class Memory:
    """`fails` is the share of sendings that fail: some of a wave may have been taken then, and nobody is told which."""

    random: Random = field(default_factory=lambda: Random(1))
    fails: float = 0.0
    largest: int = 1_000_000
    is_away: bool = False
    got: list[Message] = field(default_factory=list)
    open: int = 0

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["Memory"]:
        if self.is_away:
            raise BrokerFailed("away")
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    async def send(self, messages: Sequence[Message]) -> None:
        await asyncio.sleep(0.001)
        if self.is_away:
            raise BrokerFailed("away")
        failing = self.random.random() < self.fails
        self.got += [one for one in messages if not failing or self.random.random() < 0.5]
        if failing:
            raise BrokerFailed("not confirmed")

    def of(self, tenant_id: UUID) -> list[dict[str, Any]]:
        return [orjson.loads(one.body) for one in self.got if one.path[0] == str(tenant_id)]


class Hasty(Publisher):
    """Starts anew at once."""

    async def run(self) -> None:
        self.looks_every_s = self.stands_by_s = 0.02
        await super().run()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, 0.01 if name == "pause_s" and value else value)


@asynccontextmanager
async def publishing(*publishers: Publisher) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.ensure_future(one.run()) for one in publishers]
    try:
        yield tasks
        assert not [task.exception() for task in tasks if task.done() and not task.cancelled()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def arrived(world: World, broker: Memory, tenant_id: UUID, within_s: float = 40.0) -> list[str]:
    """What is wrong when everything that is committed has arrived, or when time is up."""
    await world.settled()
    async with world.place.connect() as administrator:
        rows = await administrator.fetch(COMMITTED, tenant_id)
    wanted = {str(row["id"]) for row in rows}
    with suppress(AssertionError):
        await until(lambda: wanted <= {one.id for one in broker.got}, within_s)
    return list(faults(wanted, broker.of(tenant_id)))


async def until(reached: Callable[[], bool], within_s: float = 20.0) -> None:
    end = monotonic() + within_s
    while not reached():
        assert monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.01)


def faults(wanted: set[str], got: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What is told again is told again in order, so the first time of every version is enough to look at."""
    if lost := wanted - {event["id"] for event in got}:
        yield f"{len(lost)} of {len(wanted)} events were lost"
    first: dict[str, list[int]] = defaultdict(list)
    for event in got:
        version = event["data"]["version"]
        if version not in first[event["partitionkey"]]:
            first[event["partitionkey"]].append(version)
    for record, versions in first.items():
        if versions != sorted(versions):
            yield f"the versions of {record} came as {versions}"
