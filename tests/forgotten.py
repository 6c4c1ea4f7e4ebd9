"""A crash after which PostgreSQL gives out ids of transactions again: what is undone need not be on the disk."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from tests.servers import Servers

T = TypeVar("T")
UNDONE = "begin; select pg_current_xact_id(); rollback"
NEXT_ID = "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


async def crash(servers: Servers, reader: Callable[[], Awaitable[T]]) -> T:
    """What `reader` has read when ids had been given out that the crash forgot."""
    for _ in range(10):
        administrator = await asyncpg.connect(servers.place.admin_url)
        for _ in range(20):
            await administrator.execute(UNDONE)
        found = await reader()
        given_out = await administrator.fetchval(NEXT_ID)
        await asyncio.to_thread(servers.postgres.kill)
        administrator.terminate()
        await asyncio.to_thread(servers.postgres.start)
        async with servers.place.connect() as administrator:
            if await administrator.fetchval(NEXT_ID) < given_out - 10:
                return found
    raise AssertionError("no id was given out again")
