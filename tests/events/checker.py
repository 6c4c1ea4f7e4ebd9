"""RELIABILITY R9: what followers of the change feed were given, held against what the tables say in the end."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import asyncpg

from app.domain.accounts.service import AccountService
from app.domain.governance.service import administrator
from app.domain.kernel.errors import AppError
from app.domain.kernel.ids import uuid7
from app.domain.pipeline.objects import PRODUCT
from app.domain.pipeline.service import ProductService
from app.domain.registry import SCHEMA
from app.repositories.pool import Pool
from app.repositories.session import Session
from tests.factories.accounts import make_account
from tests.world import Client, World

RECORDS, WRITERS = 5, 8
GOES_ON = {200, 204, 404, 409, 422}


@dataclass
class Follower:
    """Reads on from its cursor, as a subscriber would; it remembers every event in the order of its arrival."""

    client: Client
    limit: int
    cursor: str = "0-0"
    events: list[dict[str, Any]] = field(default_factory=list)

    async def step(self) -> int:
        query = {"after": self.cursor, "limit": self.limit, "object": "account"}
        answer = await self.client.get("/events", params=query)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        self.events += body["data"]
        self.cursor = body["page"]["nextCursor"]
        return len(body["data"])


@dataclass
class Run:
    """Writers contend for a few records while followers read and somebody foreign holds the horizon back."""

    world: World
    client: Client
    pool: Pool
    random: Random
    pause_s: float = 0
    ids: list[str] = field(default_factory=list)
    done: bool = False

    async def go(self, steps: int) -> list[str]:
        """What is wrong in the end."""
        for _ in range(RECORDS):
            self.ids.append((await make_account(self.client))["id"])
        followers = [Follower(self.client, limit) for limit in (1, 7, 200)]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._foreign_writer())
            for one in followers:
                group.create_task(self._follow(one))
            await asyncio.gather(*(self._write(steps) for _ in range(WRITERS)), self._write_in_transactions(steps))
            self.done = True
        await self.world.settled()
        for one in followers:
            while await one.step():
                pass
        return await faults(self.world, self.client, followers)

    async def _write(self, steps: int) -> None:
        for number in range(steps):
            record = self.random.choice(self.ids)
            method, path, body = self.random.choice(
                (
                    ("PATCH", f"/accounts/{record}", {"name": f"{number} {self.random.random()}"}),
                    ("PATCH", f"/accounts/{record}", {"employees": self.random.randrange(1000)}),
                    ("PATCH", f"/accounts/{record}", {"parentId": self.random.choice([None, *self.ids])}),
                    ("DELETE", f"/accounts/{record}", None),
                    ("POST", f"/accounts/{record}/restore", None),
                )
            )
            keyed = {"Idempotency-Key": str(uuid7())} if self.random.random() < 0.5 else {}
            for _ in range(1 + bool(keyed)):
                answer = await self.client.request(method, path, json=body, headers=keyed)
                assert answer.status_code in GOES_ON, answer.text
            await asyncio.sleep(self.random.uniform(0, self.pause_s))

    async def _write_in_transactions(self, steps: int) -> None:
        """As a batch does: something else first, so that the transaction is older than what it then waits for."""
        actor = administrator(self.client.tenant_id, self.client.user_id)
        for number in range(steps):
            session = Session(self.pool, actor, SCHEMA)
            patch = AccountService.kind.update.model_validate({"country": f"{number}"})
            with suppress(AppError, asyncpg.PostgresError):
                async with session.transaction():
                    await ProductService(session).create(PRODUCT.create.model_validate({"name": "First"}))
                    await asyncio.sleep(0.01)
                    await AccountService(session).update(UUID(self.random.choice(self.ids)), patch)

    async def _follow(self, follower: Follower) -> None:
        while not self.done:
            await follower.step()
            await asyncio.sleep(0.002)

    async def _foreign_writer(self) -> None:
        """In another database, of which only the transaction id is seen here."""
        async with self.world.place.at("postgres").connect() as foreign:
            while not self.done:
                async with foreign.transaction():
                    await foreign.execute("select pg_current_xact_id()")
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.05)


async def faults(world: World, client: Client, followers: list[Follower]) -> list[str]:
    """Gaps, doubles, late inserts, versions out of order, and records that the events do not lead to."""
    async with world.place.connect("rapport_owner") as owner:
        committed = {str(row["id"]) for row in await owner.fetch(LOG, client.tenant_id)}
        last = {str(row["id"]): row["version"] for row in await owner.fetch(ROWS, client.tenant_id)}
    listed = {record["id"]: record for record in (await client.get("/accounts?limit=200")).json()["data"]}
    found = []
    for one in followers:
        told = [*_misses(one, committed), *_misordered(one, last)]
        if fold(one.events) != listed:
            told.append("folding does not lead to the records")
        found += [f"limit {one.limit}: {fault}" for fault in told]
    return found


LOG = "select id from event where tenant_id = $1 and object = 'account'"
ROWS = """
select id, version from account where tenant_id = $1
 union all select record_id, version from bin where tenant_id = $1 and object = 'account'
"""


def _misses(follower: Follower, committed: set[str]) -> Iterator[str]:
    ids = [event["id"] for event in follower.events]
    if lost := committed - set(ids):
        yield f"{len(lost)} events never came"
    if len(ids) != len(set(ids)):
        yield f"{len(ids) - len(set(ids))} events came twice"


def _misordered(follower: Follower, last: dict[str, int]) -> Iterator[str]:
    versions = defaultdict(list)
    for event in follower.events:
        versions[event["recordId"]].append(event["version"])
    for record, version in last.items():
        if versions[record] != list(range(1, version + 1)):
            yield f"the versions of a record came as {versions[record]}, and there are {version}"


def fold(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a subscriber holds who applies the changed fields of one event after the other."""
    held: dict[str, dict[str, Any]] = {}
    for event in events:
        record, data = event["recordId"], event["data"]
        if event["type"].endswith(".deleted"):
            held.pop(record, None)
        elif event["type"].endswith(".updated"):
            changed = (*event["changedFields"], "version", "modifiedAt", "modifiedBy")
            held[record] = {**held.get(record, {}), **{name: data.get(name) for name in changed}}
        else:
            held[record] = data
    return held
