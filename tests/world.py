"""The running application, the ways into its database, and the tenants of a test."""

import asyncio
import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import httpx
from starlette.types import ASGIApp

from app.domain.governance.schemas import ApiKeyCreate, TenantCreate, UserCreate
from app.domain.governance.service import UserService, administrator, create_key
from app.domain.kernel.ids import uuid7
from app.domain.kernel.schema import Schema
from app.domain.kernel.schemas import creating
from app.domain.registry import SCHEMA
from app.domain.tenants.service import create_tenant
from app.main import create_app
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from app.settings import Settings

ENVIRONMENT = "test"
EVERYTHING = ("admin",)
ENCRYPTION_KEYS = f"1:{b64encode(os.urandom(32)).decode()}"
SETTLES_WITHIN_S = 60.0
# How fast an answer is, other tests tell: on a slow machine the first one alone compiles its statement for seconds.
PATIENT = {"deadline_s": 20.0, "pool_wait_s": 20.0}

# Transaction ids are the one thing about other databases that every role may see.
HOLDERS = """
select l.pid, a.datname, a.application_name, a.state from pg_locks l left join pg_stat_activity a using (pid)
 where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted
"""
LATEST = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint + app_settle_base()"


@dataclass(frozen=True, slots=True)
class Place:
    """A migrated database and a Redis: as their administrator, and as the application reaches them."""

    admin_url: str
    url: str
    redis_url: str

    @property
    def database(self) -> str:
        return urlsplit(self.url).path.removeprefix("/")

    def at(self, database: str, *, redis_database: int = 0) -> "Place":
        """Another database of the same servers."""
        admin_url, url = (urlunsplit(urlsplit(one)._replace(path=f"/{database}")) for one in (self.admin_url, self.url))
        return Place(admin_url, url, _at_redis_database(self.redis_url, redis_database))

    @asynccontextmanager
    async def connect(
        self, role: str | None = None, tenant_id: UUID | None = None
    ) -> AsyncIterator[asyncpg.Connection]:
        """As the administrator, or in one of our roles; in a tenant, or in none."""
        settings = {"TimeZone": "UTC"} | ({"role": role} if role else {})
        connection = await asyncpg.connect(self.url if role else self.admin_url, server_settings=settings)
        try:
            if tenant_id is not None:
                await connection.execute("select set_config('app.tenant', $1, false)", str(tenant_id))
            yield connection
        finally:
            await connection.close()


class Client(httpx.AsyncClient):
    """One user of one tenant, with a key of its own."""

    def __init__(self, app: ASGIApp, tenant_id: UUID, user_id: UUID, key: str) -> None:
        self._app = httpx.ASGITransport(app, raise_app_exceptions=False)
        super().__init__(transport=self._app, base_url="http://test/api/v1", headers={"Authorization": f"Bearer {key}"})
        self.app, self.tenant_id, self.user_id, self.key = app, tenant_id, user_id, key

    async def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        """As it is: to look for cookies, redirects and a sign-in takes as long as many an answer."""
        answer = await self._app.handle_async_request(request)
        answer.request = request
        await answer.aread()
        return answer


class World:
    def __init__(self, app: ASGIApp, settings: Settings, place: Place, pool: Pool) -> None:
        self.app, self.settings, self.place = app, settings, place
        self._pool = pool
        self._onlooker: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    async def tenant(self, *, scopes: Sequence[str] = EVERYTHING) -> Client:
        """A client of a new tenant, whose one user is its administrator."""
        new = await create_tenant(self._pool, SCHEMA, TenantCreate(name="Test", currency="EUR"), "admin@test.example")
        return await self._client(new.tenant_id, new.admin_user_id, scopes)

    async def member_of(self, client: Client, *, scopes: Sequence[str] = EVERYTHING, role: str = "member") -> Client:
        """Another user of the same tenant."""
        user_id = uuid7()
        user = {"id": user_id, "name": "Ada Test", "email": f"{user_id}@test.example", "role": role}
        session = Session(self._pool, administrator(client.tenant_id, client.user_id), SCHEMA, origin="cli")
        await UserService(session).create(creating(UserCreate).model_validate(user))
        return await self._client(client.tenant_id, user_id, scopes)

    async def key_of(self, client: Client, *, scopes: Sequence[str] = EVERYTHING, **more: Any) -> Client:
        """The same user with another key; `more` are fields of `ApiKeyCreate`."""
        return await self._client(client.tenant_id, client.user_id, scopes, **more)

    async def settled(self) -> None:
        """Returns when every event that is committed now can be read; transactions elsewhere may hold that up."""
        [(latest,)] = await self.look(LATEST)
        end = monotonic() + SETTLES_WITHIN_S
        while not (await self.look("select app_horizon() >= $1", latest))[0][0]:
            if monotonic() > end:
                raise AssertionError(f"the horizon stands still, held by {await self.look(HOLDERS)}")
            await asyncio.sleep(0.005)

    async def look(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """What the administrator reads, on one connection for all: a new one reads the catalog first."""
        async with self._one_at_a_time:
            if self._onlooker is None or self._onlooker.is_closed():
                self._onlooker = await asyncpg.connect(self.place.admin_url, server_settings={"TimeZone": "UTC"})
                await self._onlooker.set_type_codec(
                    "jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads
                )
            return list(await self._onlooker.fetch(query, *arguments))

    async def close(self) -> None:
        if self._onlooker is not None:
            await self._onlooker.close()

    async def _client(self, tenant_id: UUID, user_id: UUID, scopes: Sequence[str], **more: Any) -> Client:
        data = ApiKeyCreate(name="Test", scopes=list(scopes), **more)
        key = await create_key(self._pool, SCHEMA, ENVIRONMENT, tenant_id, user_id, data)
        return Client(self.app, tenant_id, user_id, key)


@asynccontextmanager
async def running(place: Place, *, schema: Schema = SCHEMA, **settings: Any) -> AsyncIterator[World]:
    """The application on that place, from its startup to its shutdown."""
    given = {"environment": ENVIRONMENT, "encryption_keys": ENCRYPTION_KEYS} | settings
    own = Settings(database_url=place.url, redis_url=place.redis_url, **given)
    app, pool = create_app(own, schema=schema), Pool(Target(place.url, "rapport_app", size=2))
    try:
        async with lifespan(app):
            world = World(app, own, place, pool)
            yield world
            await world.close()
    finally:
        await pool.close()


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """What a server does around an application. The application waits in its own task: a fixture has two."""
    told: asyncio.Queue[Any] = asyncio.Queue()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.create_task(app(scope, told.get, heard.put))  # noqa: TID251  # outlives the fixture's first half
    try:
        await _step(task, told, heard, "lifespan.startup")
        yield
        await _step(task, told, heard, "lifespan.shutdown")
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _step(task: asyncio.Task[None], told: asyncio.Queue[Any], heard: asyncio.Queue[Any], name: str) -> None:
    await told.put({"type": name})
    answer = asyncio.ensure_future(heard.get())
    await asyncio.wait([task, answer], return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        answer.cancel()
        task.result()
    assert answer.result()["type"] == f"{name}.complete", answer.result()


def _at_redis_database(url: str, number: int) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return urlunsplit(parts._replace(query=f"db={number}"))
    return urlunsplit(parts._replace(path=f"/{number}"))
