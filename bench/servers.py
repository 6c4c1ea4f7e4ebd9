"""PostgreSQL and Valkey for the bench, from the wheels: with fsync, and with the memory that a real server gets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.local.account import server_account
from app.local.binaries import binaries
from app.local.process import Child, Program, running
from app.local.servers import Servers
from app.local.state import opened, prepared_for_servers

POSTGRES = {
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A database as its administrator and as the product reach it; `postmaster` where its CPU can be seen."""

    admin_url: str
    url: str
    redis_url: str
    postmaster: int | None = None


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Place]:
    """On the data in `folder`, which may be of an earlier run."""
    account = server_account()
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(opened(folder))
        await stack.enter_async_context(prepared_for_servers(state, account))
        servers = Servers(state, account, binaries(account, state.runtime))

        def child(program: Program) -> Child:
            return Child(program, state.roll, print)

        if not servers.has_cluster():
            async with running(child(servers.initdb())) as (initdb,):
                await initdb.finish()
            servers.adopt_cluster()
        postgres, valkey = child(_with_settings(servers.postgres())), child(servers.valkey())
        await stack.enter_async_context(running(postgres))
        await stack.enter_async_context(running(valkey))
        admin_url = servers.administrator_url.replace("/postgres?", "/crm?")
        yield Place(admin_url, servers.database_url, servers.redis_url, postgres.pid)


def _with_settings(program: Program) -> Program:
    options = [part for name, value in POSTGRES.items() for part in ("-c", f"{name}={value}")]
    return replace(program, command=[*program.command, *options])
