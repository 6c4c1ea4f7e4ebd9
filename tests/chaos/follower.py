"""A reader of the change feed, which must hold in the end what the clients were told."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.chaos.calling import Wire
from tests.chaos.stage import Stage, Tenant
from tests.chaos.waiting import until
from tests.events.checker import fold

OBJECTS = ("account", "contact")


@dataclass(slots=True)
class Follower:
    """Goes on from its cursor, by whichever API answers."""

    stage: Stage
    tenant: Tenant
    random: Random
    pause_s: float = 0.2
    cursor: str = "0-0"
    events: list[dict[str, Any]] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    _wires: list[Wire] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._wires = [Wire(front.port, self.tenant.key) for front in self.stage.fronts]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not await self._step():
                await asyncio.sleep(self.pause_s)

    async def catch_up(self, within_s: float = 15.0) -> None:
        """For as long as anything that was acknowledged is missing."""
        wanted = sum(one.tenant == self.tenant.id for one in self.stage.acks)
        await until(lambda: len(self.events) >= wanted, within_s)
        for wire in self._wires:
            wire.close()

    async def _step(self) -> bool:
        """Whether something came."""
        answer = await self.random.choice(self._wires).call("GET", f"/events?limit=200&after={self.cursor}")
        if answer is None or answer.status != 200:
            await asyncio.sleep(0.1)
            return False
        body = answer.json()
        ours = [one for one in body["data"] if one["object"] in OBJECTS]
        self.events += ours
        self.arrived += [time.monotonic()] * len(ours)
        self.cursor = body["page"]["nextCursor"]
        return bool(body["data"])

    def until(self, at: float) -> Iterator[dict[str, Any]]:
        """What had come by then."""
        return (event for event, arrived in zip(self.events, self.arrived, strict=True) if arrived < at)

    def faults(self) -> Iterator[str]:
        """Gaps, doubles, what stands out of order, and records that the events do not lead to."""
        written = Counter((one.record, one.version) for one in self.stage.acks if one.tenant == self.tenant.id)
        came = Counter((one["recordId"], one["version"]) for one in self.events)
        if came != written:
            yield f"{(written - came).total()} acknowledged writes are not in the log, {(came - written).total()} extra"
        versions = defaultdict(list)
        for event in self.events:
            versions[event["recordId"]].append(event["version"])
        wrong = {record: one for record, one in versions.items() if one != [*range(1, len(one) + 1)]}
        for record, one in [*wrong.items()][:1]:
            yield f"the versions of {len(wrong)} records have gaps or are out of order: {record} has {one}"
        held = fold(self.events)
        if unlike := sum(not _is_as_told(held.get(record), told) for record, told in self.tenant.states.items()):
            yield f"{unlike} records are not what was acknowledged"


def _is_as_told(held: dict[str, Any] | None, told: dict[str, Any] | None) -> bool:
    if held is None or told is None:
        return held is told
    return all(held[name] == value for name, value in told.items())
