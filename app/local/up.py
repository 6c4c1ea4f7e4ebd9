"""The order of things: folder, port, servers, schema, first key, worker, API; and back the same way."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from app.local.account import server_account
from app.local.binaries import binaries
from app.local.environment import settings_of_environment, with_own_key
from app.local.errors import CannotStart, GaveUp
from app.local.life import Life, Say, Seed
from app.local.port import listening
from app.local.process import Child, Program, running
from app.local.servers import Servers
from app.local.signals import until_told
from app.local.state import locate, opened, prepared_for_servers, write_private
from app.repositories.cluster import make_login_and_database

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """`seed` is given the address of the API and the admin key."""

    port: int
    workers: int = 1
    state: Path | None = None
    ready_file: Path | None = None
    seed: Seed | None = None


def up(options: Options, say: Say, notice: Say) -> None:
    """Runs until it is told to stop, which is a wish and no failure."""
    os.umask(0o022)
    if asyncio.run(until_told(_live(options, say, notice))):
        notice("Stopped.")


async def _live(options: Options, say: Say, notice: Say) -> None:
    """What is entered here is left in reverse: port, API, worker, Valkey, PostgreSQL, folder."""
    settings = settings_of_environment()
    account = None if settings.database_url else server_account()
    async with AsyncExitStack() as stack:
        state = await stack.enter_async_context(opened(locate(options.state, account)))
        listener = stack.enter_context(listening(HOST, options.port))
        api_url = f"http://{HOST}:{listener.getsockname()[1]}"
        settings = with_own_key(settings, state.encryption_key)
        life = Life(state, settings, api_url, options.ready_file, say, notice)
        life.forget()
        if account:
            await stack.enter_async_context(prepared_for_servers(state, account))
            await _start_servers(life, Servers(state, account, binaries(account, state.runtime)), stack)
        from app.repositories.migrate import migrate  # noqa: PLC0415  # half a second that no refusal waits for

        await migrate(life.settings.database_url)
        life.admin_key = state.admin_key.read()
        if life.admin_key is None:
            from app.local.tenants import first_key  # noqa: PLC0415  # as long, and only the first start waits for it

            life.admin_key, life.key_is_new = await first_key(state.admin_key, life.settings)
        await _start_product(life, options.workers, listener, stack)
        stack.callback(listener.close)
        stack.callback(life.forget)
        await _keep(life, options.seed)


async def _start_servers(life: Life, servers: Servers, stack: AsyncExitStack) -> None:
    if not servers.has_cluster():
        async with running(Child(servers.initdb(), life.state.roll, life.notice)) as (initdb,):
            await initdb.finish()
        servers.adopt_cluster()
    await stack.enter_async_context(running(life.child("postgres", servers.postgres())))
    await stack.enter_async_context(running(life.child("valkey", servers.valkey())))
    await make_login_and_database(servers.administrator_url)
    addresses = {"database_url": servers.database_url, "redis_url": servers.redis_url}
    life.settings = life.settings.model_copy(update=addresses)
    write_private(life.state.addresses, json.dumps(addresses))
    stack.callback(life.state.addresses.unlink, missing_ok=True)


async def _start_product(life: Life, workers: int, listener: socket.socket, stack: AsyncExitStack) -> None:
    """The API processes accept from one socket, which is ours: a connection made while one starts anew waits."""
    worker = life.child("worker", _program(life, "The worker", ["worker"]))
    await stack.enter_async_context(running(worker))
    port = listener.fileno()
    apis = [life.child("api", _program(life, "The API", ["serve", "--fd", str(port)], port)) for _ in range(workers)]
    await stack.enter_async_context(running(*apis))


def _program(life: Life, name: str, arguments: Sequence[str], *descriptors: int) -> Program:
    """Our own command in a new process; addresses and keys reach it by the environment, which other users cannot read.

    Modules come from where ours came from, never from a folder that happens to be the current one.
    """
    root, keys = str(Path(__file__).parents[2]), life.settings.encryption_keys
    environment = os.environ | {
        "CRM_DATABASE_URL": life.settings.database_url,
        "CRM_REDIS_URL": life.settings.redis_url,
        "CRM_ENCRYPTION_KEYS": keys.get_secret_value() if keys else "",
        "OMP_NUM_THREADS": "1",
        "PROMETHEUS_MULTIPROC_DIR": str(life.state.metrics),
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, "-P", "-m", "app.cli", *arguments]
    return Program(name=name, command=command, environment=environment, descriptors=descriptors)


async def _keep(life: Life, seed: Seed | None) -> None:
    """Waits for the API, tells the world, then does nothing but start again what dies."""
    await life.await_answer()
    await life.identify()
    life.announce()

    def restarted(dead: int) -> None:
        mark_process_dead(dead, str(life.state.metrics))  # type: ignore[no-untyped-call]  # the library has no annotations there
        life.tell()

    try:
        async with asyncio.TaskGroup() as keepers:
            for child in life.everyone():
                keepers.create_task(child.keep(restarted))
            if seed:
                await life.seed(seed)
            life.ready = True
            life.tell()
    except* (CannotStart, GaveUp) as group:
        raise group.exceptions[0] from None
