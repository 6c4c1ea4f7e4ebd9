"""R10: our own transactions do not hold the settled horizon for long, and whoever else does is named."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic, time
from typing import Any

import asyncpg
import pytest

from app.domain.kernel.errors import Unavailable
from app.repositories.housekeeping import MIGRATION, Heartbeat, Horizon, Lag, connected, last_heartbeat
from app.repositories.pool import LOST, SETTINGS, Pool, Target
from app.settings import Settings
from app.workers.running import run
from app.workers.watchdog import Watchdog
from tests.factories.accounts import make_account
from tests.observability.scraping import scrape
from tests.world import Client, Place


def standing_at(position: int) -> Horizon:
    return Horizon(position, holds_up_others=True, pid=7, database="x")


def test_a_horizon_that_moves_does_not_lag():
    watchdog = Watchdog()
    for position in range(5):
        assert watchdog.measure(standing_at(position), position * 1.0) == Lag()


def test_a_horizon_that_stands_lags_since_it_was_first_seen_there_and_not_after_it_moved():
    watchdog, held, free = Watchdog(), standing_at(10), Horizon(11, holds_up_others=False, pid=None, database=None)
    assert [watchdog.measure(held, now) for now in (1.0, 2.0, 4.0)] == [Lag(), Lag(1.0, 7, "x"), Lag(3.0, 7, "x")]
    assert watchdog.measure(free, 5.0) == Lag()
    assert watchdog.measure(held, 6.0) == Lag()


@asynccontextmanager
async def working(place: Place) -> AsyncIterator[Pool]:
    """A worker runs on that place; what it says of itself is read as the application does."""
    task = asyncio.ensure_future(run(Settings(database_url=place.url, redis_url=place.redis_url)))
    pool = Pool(Target(place.url, "rapport_app"))
    try:
        yield pool
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await pool.close()


async def heartbeat(pool: Pool) -> Heartbeat | None:
    return await last_heartbeat(pool, monotonic() + 5)


async def until(condition: Callable[[], Awaitable[Any]], within_s: float = 40) -> None:
    end = monotonic() + within_s
    while not await condition():
        assert monotonic() < end
        await asyncio.sleep(0.1)


@pytest.mark.own_server
async def test_a_writer_in_another_database_delays_readers_is_named_and_loses_nothing(own_world):
    client, place = await own_world.tenant(), own_world.place
    before = [(await make_account(client))["id"]]
    await own_world.settled()
    async with working(place), place.at("postgres").connect() as foreign:
        transaction = foreign.transaction()
        await transaction.start()
        await foreign.execute("create table something (a int)")
        holder = {"pid": str(foreign.get_server_pid()), "database": "postgres"}
        meanwhile = [(await make_account(client))["id"] for _ in range(3)]

        async def lags() -> list[tuple[dict[str, str], float]]:
            """Nothing, until the worker's heart has beaten once."""
            seen = (await scrape(client.app)).series("event_horizon_lag_seconds")
            return [(sample.labels, sample.value) for sample in seen]

        async def is_named() -> bool:
            return any(labels == holder and value > 2 for labels, value in await lags())

        async def is_free() -> bool:
            return await lags() == [({"pid": "", "database": ""}, 0)]

        await until(is_named)
        meanwhile.append((await make_account(client))["id"])
        assert await accounts_in_feed(client) == before
        await transaction.rollback()
        await own_world.settled()
        assert await accounts_in_feed(client) == before + meanwhile
        await until(is_free)


async def accounts_in_feed(client: Client) -> list[str]:
    answer = await client.get("/events", params={"object": "account"})
    return [event["recordId"] for event in answer.json()["data"]]


@pytest.mark.own_server
async def test_a_prepared_transaction_is_named_by_its_database(own_server):
    own_server.postgres.stop()
    configuration = own_server.folder / "data" / "postgresql.auto.conf"
    configuration.write_text("max_prepared_transactions = 1\n")
    own_server.postgres.start()
    admin = await asyncpg.connect(own_server.place.admin_url)
    await admin.execute("begin; create table something (a int); prepare transaction 'forgotten'")
    async with connected(own_server.place.url, None) as login:
        watchdog = Watchdog()
        for _ in range(3):
            await admin.execute("select pg_current_xact_id()")
            await watchdog.look(login)
            await asyncio.sleep(0.05)
    assert watchdog.lag.seconds > 0
    assert (watchdog.lag.pid, watchdog.lag.database) == (None, "crm")
    await admin.execute("rollback prepared 'forgotten'")
    await admin.close()


@asynccontextmanager
async def open_transaction(
    place: Place, *, name: str = "rapport", writes: bool = True
) -> AsyncIterator[asyncpg.Connection]:
    """One of ours, as the application or a migration would hold it."""
    connection = await asyncpg.connect(place.url, server_settings={"role": "rapport_app", "application_name": name})
    await connection.execute("begin")
    if writes:
        await connection.execute("select pg_current_xact_id()")
    yield connection
    connection.terminate()


@pytest.mark.own_server
async def test_a_transaction_of_ours_that_has_written_is_ended_when_it_is_too_old(own_server):
    place = own_server.place
    async with (
        open_transaction(place) as ours,
        open_transaction(place, writes=False) as reads,
        open_transaction(place, name=MIGRATION) as migrates,
        connected(place.url, None) as login,
    ):
        await Watchdog(longest_write_s=60).look(login)
        await ours.fetchval("select 1")
        await Watchdog(longest_write_s=0).look(login)
        with pytest.raises(LOST):
            await ours.fetchval("select 1")
        assert await reads.fetchval("select 1") == 1
        assert await migrates.fetchval("select 1") == 1


@pytest.mark.own_server
async def test_a_transaction_of_another_login_is_left_alone_even_by_a_superuser(own_server):
    async with open_transaction(own_server.place) as theirs, connected(own_server.place.admin_url, None) as login:
        await Watchdog(longest_write_s=0).look(login)
        assert await theirs.fetchval("select 1") == 1


@pytest.mark.own_server
async def test_a_transaction_that_nobody_goes_on_with_ends_by_itself(own_server):
    """`idle_in_transaction_session_timeout` of every connection of the application."""
    connection = await asyncpg.connect(own_server.place.url, server_settings=SETTINGS | {"role": "rapport_app"})
    await connection.execute("begin; select pg_current_xact_id()")
    end = monotonic() + 20
    while not connection.is_closed():
        assert monotonic() < end
        await asyncio.sleep(0.1)
    with pytest.raises(LOST):
        await connection.fetchval("select 1")


@pytest.mark.own_server
async def test_the_worker_survives_a_crash_of_the_database(own_server):
    place = own_server.place
    async with working(place) as pool:
        await until(lambda: _beats(pool))
        own_server.postgres.kill()
        await asyncio.sleep(1)
        own_server.postgres.start()
        restarted = time()
        await until(lambda: _beats_since(pool, restarted))


async def _beats(pool: Pool) -> bool:
    return await heartbeat(pool) is not None


async def _beats_since(pool: Pool, moment: float) -> bool:
    try:
        beat = await heartbeat(pool)
    except (Unavailable, *LOST):
        return False
    return beat is not None and beat.age_s < time() - moment
