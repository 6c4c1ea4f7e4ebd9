"""RELIABILITY R1 and R4 in small: whatever is killed, an acknowledged write is there, once, and whole."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from random import Random
from typing import Any

import httpx
import pytest

from app.domain.kernel.ids import uuid7
from app.repositories.verify import verify
from tests.servers import Servers
from tests.world import Client, World

pytestmark = pytest.mark.own_server

BACKENDS = "select pid from pg_stat_activity where application_name = 'rapport' and datname = current_database()"
KEYS, CLIENTS = 20, 10
WRITERS, KILLS = 6, 3
EVENTS = "select record_id, count(*) as events from event where tenant_id = $1 and object = $2 group by record_id"


async def kill_backends(world: World, random: Random, killed: list[int], answered: asyncio.Event) -> None:
    """One after each answer: how fast the machine is decides neither how many, nor whether anybody gets through."""
    async with world.place.connect() as administrator:
        while True:
            if pids := [row["pid"] for row in await administrator.fetch(BACKENDS)]:
                killed.append(random.choice(pids))
                await administrator.execute("select pg_terminate_backend($1)", killed[-1])
            answered.clear()
            await answered.wait()


async def until_answered(client: Client, key: str, answered: asyncio.Event) -> httpx.Response:
    """What a client does that must know: the same request again, until there is an answer."""
    async with asyncio.timeout(60):
        while True:
            body = {"lastName": key, "account": {"name": key}}
            answer = await client.post("/contacts", json=body, headers={"Idempotency-Key": key})
            if answer.status_code not in (503, 409):
                answered.set()
                return answer
            await asyncio.sleep(0.02)


@pytest.mark.quick
async def test_one_key_has_one_effect_and_one_answer_while_backends_are_killed(own_world: World, seed: int) -> None:
    client, killed, answered = await own_world.tenant(), list[int](), asyncio.Event()
    keys = [f"key-{number}" for number in range(KEYS)]
    killer = asyncio.ensure_future(kill_backends(own_world, Random(seed), killed, answered))
    try:
        answers = await asyncio.gather(*(until_answered(client, key, answered) for key in keys * CLIENTS))
    finally:
        killer.cancel()
        await asyncio.wait([killer])

    by_key = {key: {(one.status_code, one.content) for one in answers[place::KEYS]} for place, key in enumerate(keys)}
    assert [len(different) for different in by_key.values()] == [1] * KEYS
    assert {status for ((status, _),) in by_key.values()} == {201}
    for plural in ("contacts", "accounts"):
        assert (await client.get(f"/{plural}?count=exact")).json()["meta"]["count"] == KEYS
    assert len(killed) >= 3
    assert await verify(own_world.place.url) == []


class Api:
    """`crm serve` on a socket that outlives it."""

    def __init__(self, servers: Servers) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        settings = {"CRM_DATABASE_URL": servers.place.url, "CRM_REDIS_URL": servers.place.redis_url}
        self._environment = os.environ | settings | {"CRM_RATE_LIMIT_PER_MINUTE": "0", "CRM_LOG_LEVEL": "CRITICAL"}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "app.cli", "serve", "--fd", str(self.socket.fileno())]
        self._process = subprocess.Popen(
            command, env=self._environment, pass_fds=[self.socket.fileno()], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self) -> None:
        """The process and all that it has started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None


@pytest.fixture
def api(own_server: Servers) -> Iterator[Api]:
    made = Api(own_server)
    yield made
    made.kill()
    made.socket.close()


class Writers:
    """Each contact comes with its account; `acknowledged` are the contacts that were answered 201."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.headers = f"{url}/api/v1", {"Authorization": f"Bearer {key}"}
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.lost, self.stopped = 0, False
        self._fresh: asyncio.Queue[str] = asyncio.Queue()

    async def acknowledge(self, more: int) -> None:
        """Returns after so many more answers."""
        for _ in range(more + self._fresh.qsize()):
            await self._fresh.get()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(self._write())

    async def _write(self) -> None:
        while not self.stopped:
            try:
                async with httpx.AsyncClient(headers=self.headers, timeout=30) as client:
                    while not self.stopped:
                        body = {"lastName": str(uuid7()), "account": {"name": "With its contact"}}
                        answer = await client.post(f"{self.url}/contacts", json=body)
                        assert answer.status_code in (201, 503), answer.text
                        if answer.status_code == 201:
                            self.acknowledged[answer.json()["id"]] = answer.json()
                            self._fresh.put_nowait(answer.json()["id"])
            except httpx.TransportError:
                self.lost += 1
                await asyncio.sleep(0.05)


@pytest.mark.timeout(300)  # four times it waits for the API to start
async def test_what_a_killed_api_has_acknowledged_is_there_with_its_event(
    own_world: World, api: Api, seed: int
) -> None:
    client, random = await own_world.tenant(), Random(seed)
    writers = Writers(api.url, client.key)
    async with asyncio.TaskGroup() as group:
        group.create_task(writers.run())
        for _ in range(KILLS):
            api.start()
            await writers.acknowledge(20)
            await asyncio.sleep(random.random() / 4)
            await asyncio.to_thread(api.kill)
        writers.stopped = True
        api.start()

    assert writers.lost >= KILLS
    async with own_world.place.connect() as administrator:
        written = {
            str(one["record_id"]): one["events"]
            for one in await administrator.fetch(EVENTS, client.tenant_id, "contact")
        }
        rows = {
            str(one["id"]): one["account_id"] for one in await administrator.fetch("select id, account_id from contact")
        }
        accounts = {one["id"] for one in await administrator.fetch("select id from account")}
    assert writers.acknowledged.keys() <= rows.keys()
    assert written == dict.fromkeys(rows, 1)
    assert set(rows.values()) == accounts
    assert await verify(own_world.place.url) == []
