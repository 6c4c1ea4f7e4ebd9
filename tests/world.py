"""The running application, the ways into its database, and the tenants of a test."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import httpx
from starlette.types import ASGIApp

from app.domain.kernel.ids import uuid7
from app.settings import Settings

ENVIRONMENT = "test"
SETTLES_WITHIN_S = 10.0

# Transaction ids are the one thing about other databases that every role may see.
HOLDERS = """
select l.pid, a.datname, a.application_name, a.state from pg_locks l left join pg_stat_activity a using (pid)
 where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted
"""


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

    def __init__(self, app: ASGIApp, tenant_id: UUID, user_id: UUID, key_id: UUID, key: str) -> None:
        super().__init__(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://test/api/v1",
            headers={"Authorization": f"Bearer {key}"},
        )
        self.app, self.tenant_id, self.user_id, self.key_id, self.key = app, tenant_id, user_id, key_id, key


class World:
    def __init__(self, app: ASGIApp, settings: Settings, place: Place) -> None:
        self.app, self.settings, self.place = app, settings, place

    async def tenant(self, *, role: str = "admin", scopes: Sequence[str] = ("admin",)) -> Client:
        """A client of a new tenant, which has this one user."""
        tenant_id = uuid7()
        async with self.place.connect() as admin:
            await admin.execute(
                "insert into tenant (tenant_id, name, time_zone, locale, currency) values ($1, 'Test', 'UTC', 'en', 'EUR')",
                tenant_id,
            )
            user_id = await _add_user(admin, tenant_id, role)
            return await self._client(admin, tenant_id, user_id, scopes)

    async def member_of(self, client: Client, *, scopes: Sequence[str] = ("admin",), role: str = "member") -> Client:
        """Another user of the same tenant."""
        async with self.place.connect() as admin:
            user_id = await _add_user(admin, client.tenant_id, role)
            return await self._client(admin, client.tenant_id, user_id, scopes)

    async def key_of(self, client: Client, *, scopes: Sequence[str]) -> Client:
        """The same user with another key."""
        async with self.place.connect() as admin:
            return await self._client(admin, client.tenant_id, client.user_id, scopes)

    async def settled(self) -> None:
        """Returns when every event that is committed now can be read; transactions elsewhere may hold that up."""
        async with self.place.connect() as admin:
            latest = await admin.fetchval(
                "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint + app_settle_base()"
            )
            end = monotonic() + SETTLES_WITHIN_S
            while not await admin.fetchval("select app_horizon() >= $1", latest):
                if monotonic() > end:
                    raise AssertionError(f"the horizon stands still, held by {await admin.fetch(HOLDERS)}")
                await asyncio.sleep(0.005)

    async def _client(self, admin: asyncpg.Connection, tenant_id: UUID, user_id: UUID, scopes: Sequence[str]) -> Client:
        key_id, secret = uuid7(), token_hex(16)
        key = f"crm_{ENVIRONMENT}_{key_id.hex}_{secret}"
        await admin.execute(
            "insert into api_key (tenant_id, id, user_id, name, digest, scopes) values ($1, $2, $3, 'Test', $4, $5)",
            *(tenant_id, key_id, user_id, sha256(key.encode()).digest(), list(scopes)),
        )
        return Client(self.app, tenant_id, user_id, key_id, key)


async def _add_user(admin: asyncpg.Connection, tenant_id: UUID, role: str) -> UUID:
    user_id = uuid7()
    await admin.execute(
        'insert into "user" (tenant_id, id, version, settle, created_at, modified_at, name, email, role, status)'
        " values ($1, $2, 1, app_settle(), now(), now(), 'Ada Test', $3, $4, 'active')",
        *(tenant_id, user_id, f"{user_id.hex}@test.example", role),
    )
    return user_id


@asynccontextmanager
async def running(place: Place, **settings: Any) -> AsyncIterator[World]:
    """The application on that place, from its startup to its shutdown."""
    from app.main import create_app  # noqa: PLC0415  # tests that need no application run also while it does not

    own = Settings(database_url=place.url, redis_url=place.redis_url, environment=ENVIRONMENT, **settings)
    app = create_app(own)
    async with lifespan(app):
        yield World(app, own, place)


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
