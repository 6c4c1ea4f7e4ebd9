"""The limit holds over three processes, with Redis and without."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic

import httpx
import pytest

from app.domain.kernel.ids import uuid7
from tests.servers import Nursery, Servers

pytestmark = pytest.mark.own_server

PROCESSES = 3
LIMIT = 60
AT_ONCE = 4


@pytest.fixture(scope="module")
def servers(nursery: Nursery) -> Iterator[Servers]:
    """Of this module alone; both run again at the end of each test."""
    started = nursery.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def sockets(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    folder = tmp_path_factory.mktemp("sockets")
    paths = [folder / f"{number}.sock" for number in range(PROCESSES)]
    serve = [sys.executable, "-m", "uvicorn", "tests.limits.serving:application", "--log-level", "error", "--uds"]
    environment = os.environ | {"REDIS_URL": servers.place.redis_url}
    processes = [subprocess.Popen([*serve, str(path)], env=environment) for path in paths]
    yield paths
    for process in processes:
        process.terminate()
    for process in processes:
        assert process.wait(60) in (0, -15)


@pytest.fixture
async def clients(sockets: list[Path]) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with AsyncExitStack() as stack:
        transports = [httpx.AsyncHTTPTransport(uds=str(path)) for path in sockets]
        made = [httpx.AsyncClient(transport=transport, base_url="http://process") for transport in transports]
        for client in made:
            await stack.enter_async_context(client)
        await until(made, str(PROCESSES))
        yield made


async def until(clients: list[httpx.AsyncClient], state: str) -> None:
    """Every process says so of itself."""
    end = monotonic() + 60
    while [await _state(client) for client in clients] != [state] * len(clients):
        assert monotonic() < end, [await _state(client) for client in clients]
        await asyncio.sleep(0.1)


async def _state(client: httpx.AsyncClient) -> str:
    try:
        return (await client.get("/")).text
    except httpx.TransportError:
        return "not there"


async def flood(clients: list[httpx.AsyncClient]) -> list[int]:
    """Ten times the limit, over all processes alike: how many each admitted."""
    key_id, each = uuid7(), 10 * LIMIT // len(clients) // AT_ONCE

    async def send(client: httpx.AsyncClient) -> int:
        answers = [(await client.get(f"/{key_id}/{LIMIT}")).status_code for _ in range(each)]
        assert set(answers) <= {204, 429}
        return answers.count(204)

    admitted = await asyncio.gather(*(send(client) for client in clients for _ in range(AT_ONCE)))
    return [sum(admitted[start : start + AT_ONCE]) for start in range(0, len(admitted), AT_ONCE)]


async def test_three_processes_at_ten_times_the_limit_admit_the_limit_together(clients):
    admitted = sum(await flood(clients))
    assert 0.95 * LIMIT <= admitted <= 1.05 * LIMIT


async def test_without_redis_each_process_admits_its_share_and_with_it_they_share_again(servers, clients):
    servers.valkey.kill()
    await until(clients, "apart")
    assert await flood(clients) == [LIMIT // PROCESSES] * PROCESSES
    servers.valkey.start()
    await until(clients, str(PROCESSES))
    admitted = sum(await flood(clients))
    assert 0.95 * LIMIT <= admitted <= 1.05 * LIMIT
