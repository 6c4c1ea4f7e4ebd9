"""A job that counts: each chunk makes a few accounts, and says so with them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.domain.accounts.service import AccountService
from app.domain.governance.service import administrator
from app.domain.jobs.service import Chunk, Given, JobKind, JobService
from app.domain.kernel.errors import Invalid
from app.domain.registry import SCHEMA
from app.repositories.claims import work_pool
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from app.workers.jobs import JobRunner
from app.workers.line import Line
from tests.world import Client, Place

PER_CHUNK = 3
NOW = "update work set due_at = now() where tenant_id = $1 and state = 'due'"


@dataclass
class Counting:
    """`during` runs in the middle of each chunk; it may raise."""

    during: Callable[[Session, int], Any] = lambda *_: None
    chunks: list[int] = field(default_factory=list)

    def kind(self, **more: Any) -> JobKind:
        return JobKind("counting", self.chunk, **more)

    async def chunk(self, session: Session, given: Given, progress: Given) -> Chunk:
        begun, upto = progress.get("next", 0), given["upto"]
        end = min(begun + PER_CHUNK, upto)
        self.chunks.append(begun)
        for number in range(begun, end):
            await AccountService(session).create(
                AccountService.kind.create.model_validate({"name": f"{given['name']} {number}"})
            )
        happened = self.during(session, begun)
        if asyncio.iscoroutine(happened):
            await happened
        if end == upto:
            return Chunk(end - begun, result={"counted": end})
        return Chunk(end - begun, progress={"next": end})


@dataclass
class Factory:
    """Jobs of one tenant, and the workers that do them when told to."""

    place: Place
    client: Client
    app: Pool
    work: Pool

    def session(self, client: Client | None = None) -> Session:
        of = client or self.client
        return Session(self.app, administrator(of.tenant_id, of.user_id), SCHEMA)

    async def start(self, upto: int, client: Client | None = None) -> UUID:
        given = {"upto": upto, "name": "Count"}
        return (await JobService(self.session(client)).start("counting", given, total=upto)).id

    async def run(self, kind: JobKind) -> None:
        """Until nothing of the tenant is due."""
        async with self.line(kind) as line:
            await line.drained()

    @asynccontextmanager
    async def line(self, kind: JobKind) -> AsyncIterator[Line]:
        runner = JobRunner(self.app, SCHEMA, {kind.name: kind})
        line = Line(self.work, [runner.handler()], 2, [self.client.tenant_id], sweep_s=0.05)
        task = asyncio.create_task(line.run())  # noqa: TID251  # a group would wrap what the test raises
        try:
            yield line
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def hurry(self) -> None:
        """What waits after a failure is due at once."""
        async with self.connect() as administrator:
            await administrator.execute(NOW, self.client.tenant_id)

    def connect(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """As the administrator of the database."""
        return self.place.connect()


@asynccontextmanager
async def factory(place: Place, client: Client) -> AsyncIterator[Factory]:
    app, work = Pool(Target(place.url, "rapport_app", 4)), work_pool(place.url, 4)
    try:
        yield Factory(place, client, app, work)
    finally:
        await app.close()
        await work.close()


async def shown(client: Client, job_id: UUID) -> dict[str, Any]:
    answer = await client.get(f"/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    return dict(orjson.loads(answer.content))


REFUSAL = Invalid("No such number.", code="noSuchNumber")
