"""RELIABILITY R7: PostgreSQL goes away or stands still; the API says so at once and needs no restart afterwards."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import httpx
import pytest

from app.repositories.pool import Pool, Target
from tests.factories.accounts import make_account
from tests.pool.lending import SEEN, soon
from tests.servers import Postgres, Servers
from tests.world import Client, World

pytestmark = pytest.mark.own_server


class Load:
    """Reads and writes with hardly a pause, and what was answered when."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.stopped = False
        self.answers: list[tuple[float, float, httpx.Response]] = []

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(self._ask("GET" if number % 2 else "POST"))

    async def _ask(self, method: str) -> None:
        body = {"name": "Load"} if method == "POST" else None
        while not self.stopped:
            began = time.monotonic()
            answer = await self.client.request(method, "/accounts", json=body)
            self.answers.append((began, time.monotonic() - began, answer))
            await asyncio.sleep(0.04)

    async def until(self, wanted: Callable[[httpx.Response], bool]) -> float:
        """When the first request began that has such an answer, of those from now on."""
        now = time.monotonic()
        async with asyncio.timeout(60):
            while True:
                if found := [began for began, _, answer in self.answers if began > now and wanted(answer)]:
                    return min(found)
                await asyncio.sleep(0.01)


async def test_a_restart_under_load_is_answered_503_and_forgotten_within_five_seconds(
    own_world: World, own_server: Servers
) -> None:
    load = Load(await own_world.tenant())
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        await load.until(lambda answer: answer.is_success)
        for how in (own_server.postgres.kill, own_server.postgres.stop):
            await asyncio.to_thread(how)
            await load.until(lambda answer: answer.status_code == 503)
            await asyncio.sleep(1)
            await asyncio.to_thread(own_server.postgres.start)
            back = time.monotonic()
            recovered = await load.until(lambda answer: answer.is_success)
            assert recovered - back < 5
            await asyncio.sleep(1.5)
        load.stopped = True

    refused = [answer for _, _, answer in load.answers if not answer.is_success]
    assert {(one.status_code, one.headers["retry-after"]) for one in refused} == {(503, "1")}
    times = [took for _, took, _ in load.answers]
    assert quantiles(times, n=100)[-1] < 3
    assert max(times) < own_world.settings.deadline_s
    assert all(answer.is_success for began, _, answer in load.answers if began > recovered + 1)


@contextmanager
def standing_still(postgres: Postgres) -> Iterator[None]:
    """The server and every process of it, the ones that serve connections as well.

    First the one that starts and buries the others: so each of these is there to be stopped, and to be woken.
    """
    os.kill(postgres.pid, signal.SIGSTOP)
    children = Path(f"/proc/{postgres.pid}/task/{postgres.pid}/children").read_text().split()
    everybody = [*map(int, children), postgres.pid]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)


async def test_a_server_that_stands_still_costs_no_more_than_the_deadline(
    own_world: World, own_server: Servers
) -> None:
    client = await own_world.tenant()
    account = await make_account(client)
    with standing_still(own_server.postgres):
        began = time.monotonic()
        answers = await asyncio.gather(
            client.get(f"/accounts/{account['id']}", headers={"Prefer": "wait=1"}),
            client.patch(f"/accounts/{account['id']}", json={"name": "Late"}, headers={"Prefer": "wait=1"}),
        )
        took = time.monotonic() - began

    assert [one.status_code for one in answers] == [503, 503]
    assert {one.json()["code"] for one in answers} <= {"deadlineExceeded", "unavailable"}
    assert "deadlineExceeded" in {one.json()["code"] for one in answers}
    assert took < 10
    assert (await client.get(f"/accounts/{account['id']}")).status_code == 200


async def test_a_pool_is_closed_though_its_server_stands_still_and_opens_again(own_server: Servers) -> None:
    """Whoever closes one has other things to end: an error would take them along."""
    pool = Pool(Target(own_server.place.url, "rapport_app", size=1))
    await pool.row(None, SEEN, [], soon())
    with standing_still(own_server.postgres):
        await pool.close()
    assert pool.in_use == 0
    assert await pool.row(None, SEEN, [], soon())
    await pool.close()


RUNNING = "insert into idempotency (tenant_id, actor_id, key, fingerprint, status) values ($1, $2, 'one', '', 200)"


async def test_a_keyed_request_that_waits_for_a_running_one_is_told_so_and_replayed_later(own_world: World) -> None:
    client = await own_world.tenant()
    account = await make_account(client)
    keyed = {"Idempotency-Key": "one"}
    path, change = f"/accounts/{account['id']}", {"name": "Renamed"}
    async with own_world.place.connect() as holder:
        running = holder.transaction()
        await running.start()
        await holder.execute(RUNNING, client.tenant_id, client.user_id)
        told = await client.patch(path, json=change, headers=keyed | {"Prefer": "wait=1"})
        await running.rollback()

    first = await client.patch(path, json=change, headers=keyed)
    again = await client.patch(path, json=change, headers=keyed)

    assert (told.status_code, told.json()["code"], told.headers["retry-after"]) == (409, "requestInProgress", "1")
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
