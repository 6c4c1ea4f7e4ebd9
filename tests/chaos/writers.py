"""Clients that write, ask again until they are answered, and log what was acknowledged."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from app.domain.kernel.ids import uuid7
from tests.chaos.calling import Answer, Wire
from tests.chaos.stage import Stage, Tenant

GIVES_UP_AFTER_S = 90.0
ASKS_AGAIN = 0.1


def is_final(answer: Answer) -> bool:
    """503, 429, and 409 of a request that still runs, say that the same request is welcome later."""
    return answer.status not in (429, 503) and not (answer.status == 409 and b"requestInProgress" in answer.body)


@dataclass(slots=True)
class Writer:
    """`pause_s` is between one write and the next; `nested` is the share of creates that make two records at once.

    Nobody else writes its records, so it knows what the next version will be.
    """

    stage: Stage
    tenant: Tenant
    random: Random
    ports: Sequence[int] = ()
    pause_s: float = 0.0
    creates: float = 0.3
    most: int = 12
    nested: float = 0.2
    records: dict[str, tuple[str, int]] = field(default_factory=dict)
    stopped: bool = False
    _referred_to: set[str] = field(default_factory=set)
    _wires: list[Wire] = field(default_factory=list)

    def __post_init__(self) -> None:
        ports = self.ports or [front.port for front in self.stage.fronts]
        self._wires = [Wire(port, self.tenant.key) for port in ports]

    async def run(self, writes: int | None = None) -> None:
        """So many writes, or until stopped."""
        while not self.stopped and writes != 0:
            await self.write()
            writes = None if writes is None else writes - 1
            await asyncio.sleep(self.pause_s * self.random.uniform(0.5, 1.5))
        self.close()

    def close(self) -> None:
        for wire in self._wires:
            wire.close()

    async def write(self) -> None:
        chance = self.random.random()
        if not self.records or (chance < self.creates and len(self.records) < self.most):
            await self._create()
        elif chance < 0.92:
            await self.update(self.random.choice(list(self.records)))
        elif lonely := [one for one in self.records if one not in self._referred_to]:
            await self._delete(self.random.choice(lonely))

    async def _create(self) -> None:
        if self.random.random() >= self.nested:
            answer = await self._acknowledged("POST", "/accounts", self._account())
            self._take("accounts", answer)
            return
        body = {"lastName": str(self.random.random()), "account": self._account()}
        answer = await self._acknowledged("POST", "/contacts", body)
        self._take("contacts", answer)
        if answer is not None and answer.status == 201:
            account_id = answer.json()["accountId"]
            self.records[account_id] = "accounts", 1
            self._referred_to.add(account_id)
            self.stage.acknowledged(self.tenant, account_id, 1, body["account"])

    async def update(self, record: str) -> None:
        plural, _ = self.records[record]
        name = {"accounts": "name", "contacts": "lastName"}[plural]
        answer = await self._acknowledged("PATCH", f"/{plural}/{record}", {name: str(self.random.random())})
        self._take(plural, answer)

    async def _delete(self, record: str) -> None:
        plural, version = self.records[record]
        answer = await self._acknowledged("DELETE", f"/{plural}/{record}")
        if self._is_good(answer, 204):
            del self.records[record]
            self.stage.acknowledged(self.tenant, record, version + 1, None)

    def _account(self) -> dict[str, Any]:
        return {"name": str(self.random.random()), "employees": self.random.randrange(1000)}

    def _take(self, plural: str, answer: Answer | None) -> None:
        if self._is_good(answer, 200, 201):
            assert answer is not None
            record = answer.json()
            self.records[record["id"]] = plural, record["version"]
            self.stage.acknowledged(self.tenant, record["id"], record["version"], record)

    def _is_good(self, answer: Answer | None, *statuses: int) -> bool:
        if answer is None:
            self.stage.wrong.append("a client never got an answer")
        elif answer.status not in statuses:
            self.stage.wrong.append(f"a client was answered {answer.status}: {answer.body.decode()[:200]}")
        return answer is not None and answer.status in statuses

    async def _acknowledged(self, method: str, path: str, body: Any = None) -> Answer | None:
        """The answer in the end; some ask once more, and must get the same bytes."""
        key = str(uuid7())
        answer = await self._until_answered(method, path, body, key)
        if answer is not None and self.random.random() < ASKS_AGAIN:
            again = await self._until_answered(method, path, body, key)
            if again is None or (again.status, again.body) != (answer.status, answer.body):
                self.stage.wrong.append(f"one key was answered in two ways: {method} {path}")
        return answer

    async def _until_answered(self, method: str, path: str, body: Any, key: str) -> Answer | None:
        end = time.monotonic() + GIVES_UP_AFTER_S
        while time.monotonic() < end:
            wire = self.random.choice(self._wires)
            answer = await wire.call(method, path, body, Idempotency_Key=key)
            if answer is not None and is_final(answer):
                return answer
            await asyncio.sleep(self.random.uniform(0.02, 0.2))
        return None
