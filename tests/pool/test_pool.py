"""What callers notice of the pool: nothing of a lost idle connection, and a clear refusal where it is exhausted."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.domain.kernel.errors import Unavailable
from app.domain.kernel.ids import uuid7
from app.repositories.compile import Statement
from app.repositories.pool import Pool, Target
from tests.factories.accounts import make_account
from tests.pool.lending import SEEN, SLEEP, soon
from tests.world import Client, Place, World, running

MOVING = "select pg_advisory_lock(hashtextextended('account.parent_id ' || $1::text, 0))"
STUCK = """
select count(*) from pg_locks where locktype = 'advisory' and not granted
   and database = (select oid from pg_database where datname = current_database())
"""
OURS = "select pg_terminate_backend(pid, 20000) from pg_stat_activity where application_name = 'rapport'"
LOCK = "select pg_advisory_xact_lock($1)"


@pytest.fixture
async def narrow(place: Place) -> AsyncIterator[World]:
    """The application with two connections, for which it waits a second."""
    async with running(place, pool_size=2, pool_wait_s=1.0) as world:
        yield world


@asynccontextmanager
async def stuck_moves(client: Client, place: Place, number: int) -> AsyncIterator[list[asyncio.Future[httpx.Response]]]:
    """So many requests that hold a connection each, until somebody gives a lock free."""
    parent = await make_account(client)
    records = [await make_account(client) for _ in range(number)]
    async with place.connect() as holder:
        await holder.execute(MOVING, str(client.tenant_id))
        moves = [client.patch(f"/accounts/{one['id']}", json={"parentId": parent["id"]}) for one in records]
        tasks = [asyncio.ensure_future(move) for move in moves]
        end = time.monotonic() + 20
        while await holder.fetchval(STUCK) < number:
            assert time.monotonic() < end, "they are not stuck"
            await asyncio.sleep(0.01)
        yield tasks
        await holder.execute("select pg_advisory_unlock_all()")
        await asyncio.wait(tasks)


async def test_an_exhausted_pool_answers_503_after_its_wait_and_recovers(narrow: World) -> None:
    client = await narrow.tenant()
    async with stuck_moves(client, narrow.place, 2) as moves:
        began = time.monotonic()
        refused = await asyncio.gather(*(client.get("/accounts") for _ in range(5)))
        took = time.monotonic() - began

    assert {(one.status_code, one.headers["retry-after"], one.json()["code"]) for one in refused} == {
        (503, "1", "unavailable")
    }
    assert 0.9 < took < 4
    assert [(await move).status_code for move in moves] == [200, 200]
    assert (await client.get("/accounts")).status_code == 200


async def test_lost_idle_connections_are_noticed_by_nobody(narrow: World) -> None:
    """A write is never repeated, so the pool must not begin one on a connection that is known to be closed."""
    client = await narrow.tenant()
    for _ in range(3):
        await asyncio.gather(*(client.get("/accounts") for _ in range(4)))
        async with narrow.place.connect() as administrator:
            await administrator.execute(OURS + " and datname = current_database()")
        await asyncio.sleep(0.05)

        made = await asyncio.gather(*(client.post("/accounts", json={"name": "Acme"}) for _ in range(4)))

        assert [one.status_code for one in made] == [201] * 4


@pytest.fixture
async def pool(place: Place) -> AsyncIterator[Pool]:
    made = Pool(Target(place.url, "rapport_app", size=1, wait_s=2))
    yield made
    await made.close()


@asynccontextmanager
async def lent(pool: Pool) -> AsyncIterator[None]:
    """The one connection is with somebody."""
    async with pool.transaction(uuid7(), soon()):
        yield


def waiting(pool: Pool) -> asyncio.Future[Any]:
    return asyncio.ensure_future(pool.row(uuid7(), SEEN, [], soon()))


async def test_who_gave_up_waiting_is_passed_over(pool: Pool) -> None:
    async with lent(pool):
        first, second = waiting(pool), waiting(pool)
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0.01)
        assert pool.waiting == 1

    assert (await second)["seen"] == []
    assert (pool.in_use, pool.waiting) == (0, 0)


async def test_what_was_given_to_somebody_who_gave_up_meanwhile_is_passed_on(pool: Pool) -> None:
    async with lent(pool):
        first, second = waiting(pool), waiting(pool)
        await asyncio.sleep(0.01)
    first.cancel()

    assert (await second)["seen"] == []
    assert (pool.in_use, pool.waiting) == (0, 0)


async def test_who_waits_gets_the_place_of_a_connection_that_was_lost(pool: Pool) -> None:
    first = asyncio.ensure_future(pool.row(uuid7(), SLEEP, [], soon()))
    await asyncio.sleep(0.02)
    second = waiting(pool)
    await asyncio.sleep(0.01)
    first.cancel()

    assert (await second)["seen"] == []
    assert (pool.in_use, pool.waiting) == (0, 0)


async def test_a_server_that_is_not_there_is_said_to_be_so() -> None:
    pool = Pool(Target("postgresql://nobody@/nothing?host=/nowhere", "rapport_app"))

    with pytest.raises(Unavailable, match="cannot be reached"):
        await pool.row(None, SEEN, [], soon())

    assert pool.in_use == 0


async def test_repeated_deadlocks_leave_every_connection_with_its_tenant(database_copy: Place) -> None:
    """A deadlock is a plain refusal: the connection is kept, the transaction is not."""
    async with database_copy.connect() as administrator:
        await administrator.execute(f"alter database {database_copy.database} set deadlock_timeout = '10ms'")
    pool, tenants = Pool(Target(database_copy.url, "rapport_app", size=2)), (uuid7(), uuid7())

    async def take(tenant: UUID, first: int, second: int, both: asyncio.Barrier) -> bool:
        try:
            async with pool.transaction(tenant, soon()) as connection:
                await connection.execute(LOCK, first)
                await both.wait()
                await connection.execute(LOCK, second)
        except asyncpg.DeadlockDetectedError:
            return True
        return False

    deadlocks = 0
    for turn in range(20):
        one, other, both = tenants[turn % 2], tenants[(turn + turn // 2) % 2], asyncio.Barrier(2)
        deadlocks += sum(await asyncio.gather(take(one, 1, 2, both), take(other, 2, 1, both)))
        row = await pool.row(one, Statement("select app_tenant() as tenant", (), {}), [], soon())
        assert row is not None
        assert row["tenant"] == one
    assert deadlocks == 20
    assert (pool.in_use, pool.waiting) == (0, 0)
    await pool.close()


async def test_a_pool_whose_closing_is_broken_off_keeps_no_connection(pool: Pool) -> None:
    async with pool.transaction(uuid7(), soon()) as connection:
        pass
    closing = asyncio.ensure_future(pool.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    assert connection.is_closed()
