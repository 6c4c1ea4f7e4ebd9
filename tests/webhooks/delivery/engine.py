"""The engine of due work in the process of the tests, for the tenants of one test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import UUID

from app.domain.kernel.installation import Installation
from app.domain.kernel.schema import Schema
from app.domain.kernel.sealing import Seal
from app.domain.kernel.work import Family
from app.domain.registry import SCHEMA
from app.repositories.claims import work_pool
from app.repositories.pool import Pool, Target
from app.workers.clients.calling import Caller
from app.workers.running import Outside, Work, work_of
from tests.factories.webhooks import make_endpoint
from tests.webhooks.delivery.receiver import Receiver
from tests.world import Client, World

OVERDUE = """
update work set due_at = now() - interval '1 second'
 where tenant_id = any($1) and kind = 'webhook.delivery' and state = 'due' and token is null
"""


class Silence:
    """A doorbell that nobody hears: the sweep has to do."""

    def ring(self, family: Family, tenant_id: UUID) -> None:
        pass


@dataclass
class Engine:
    world: World
    work: Work
    tenants: list[UUID]

    async def relayed(self) -> None:
        """Returns when all that was written is relayed."""
        await self.world.settled()
        await self.work.relay()

    async def delivered(self) -> None:
        """Returns when all that was written is relayed, and all that is due is done."""
        await self.relayed()
        await self.drained()

    async def drained(self) -> None:
        for family in (Family.bulk, Family.webhooks):
            await self.work.lines[family].drained()

    def wake(self) -> None:
        self.work.lines[Family.webhooks].wake()

    async def retried(self) -> None:
        """As if the time for the next attempt had come."""
        await self.overdue()
        await self.drained()

    async def overdue(self) -> None:
        """What waits for its next attempt is due; it is claimed with the next look."""
        async with self.world.place.connect() as administrator:
            await administrator.execute(OVERDUE, self.tenants)

    async def query(self, text: str, *arguments: Any) -> list[Any]:
        async with self.world.place.connect() as administrator:
            return list(await administrator.fetch(text, *arguments))


@asynccontextmanager
async def outside(world: World, schema: Schema = SCHEMA) -> AsyncIterator[Outside]:
    installation = Installation(Seal(world.settings.keys), allow_loopback=True)
    work, app = work_pool(world.place.url, 4), Pool(Target(world.place.url, "rapport_app", 4))
    try:
        async with Caller(allow_loopback=True) as caller:
            yield Outside(work, app, caller, installation, schema)
    finally:
        await app.close()
        await work.close()


@asynccontextmanager
async def running_engine(world: World, reached: Outside, *clients: Client) -> AsyncIterator[Engine]:
    tenants = [client.tenant_id for client in clients]
    work = work_of(reached, Silence(), tenants)
    async with asyncio.TaskGroup() as group:
        tasks = work.start(group)
        try:
            yield Engine(world, work, tenants)
        finally:
            for task in tasks:
                task.cancel()


async def subscribe(client: Client, receiver: Receiver, *event_types: str, **fields: Any) -> dict[str, Any]:
    """An endpoint for all events of accounts, where nothing else is said."""
    return await make_endpoint(
        client, **{"url": receiver.url, "eventTypes": list(event_types) or ["account.*"], **fields}
    )


async def change(client: Client, path: str, **fields: Any) -> dict[str, Any]:
    answer = await client.patch(path, json=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def secrets(client: Client, endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that sign now, newest first."""
    answer = await client.get(f"/webhook-endpoints/{endpoint['id']}/secret")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def deliveries(client: Client, endpoint: dict[str, Any], **asked: Any) -> list[dict[str, Any]]:
    """As the log tells of them, oldest first."""
    answer = await client.get(f"/webhook-endpoints/{endpoint['id']}/deliveries", params={"limit": 200, **asked})
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["data"]))


async def job(client: Client, job_id: str) -> dict[str, Any]:
    answer = await client.get(f"/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def until(holds: Callable[[], Awaitable[bool] | bool], within_s: float = 10.0) -> None:
    end = monotonic() + within_s
    while True:
        found = holds()
        if found if isinstance(found, bool) else await found:
            return
        assert monotonic() < end, "it did not come true"
        await asyncio.sleep(0.01)
