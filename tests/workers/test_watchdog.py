"""R10: our own transactions do not hold the settled horizon for long, and whoever else does is named."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic, time
from typing import Any

import asyncpg
import pytest

from app.domain.kernel.errors import Unavailable
from app.domain.kernel.ids import uuid7
from app.repositories.housekeeping import MIGRATION, Heartbeat, Horizon, Lag, connected, last_heartbeat
from app.repositories.pool import LOST, SETTINGS, Pool, Target
from app.settings import Settings
from app.workers.housekeeping import run
from app.workers.watchdog import Watchdog
from tests.world import Place

WRITE = """
insert into event (tenant_id, id, settle, at, object, record_id, version, type, origin, changes, data)
values ($1, $2, app_settle(), now(), 'account', $1, 1, 'account.created', 'api', '{}', '{}')
"""
READABLE = "select id from event where tenant_id = $1 and settle < app_horizon() order by settle, seq"


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


async def until(condition: Callable[[], Awaitable[Any]], within_s: float = 15) -> None:
    end = monotonic() + within_s
    while not await condition():
        assert monotonic() < end
        await asyncio.sleep(0.1)


async def write(place: Place, tenant_id: Any) -> Any:
    async with connected(place.url, "rapport_app") as app:
        await app.execute("select set_config('app.tenant', $1, false)", str(tenant_id))
        event_id = uuid7()
        await app.execute(WRITE, tenant_id, event_id)
        return event_id


async def readable(place: Place, tenant_id: Any) -> list[Any]:
    async with connected(place.url, "rapport_app") as app:
        await app.execute("select set_config('app.tenant', $1, false)", str(tenant_id))
        return [row["id"] for row in await app.fetch(READABLE, tenant_id)]


@pytest.mark.own_server
async def test_a_writer_in_another_database_delays_readers_is_named_and_loses_nothing(own_server):
    place, tenant_id = own_server.place, uuid7()
    foreign = await asyncpg.connect(place.at("postgres").admin_url)
    async with working(place) as pool:
        before = [await write(place, tenant_id)]
        await until(lambda: _equals(readable(place, tenant_id), before))
        transaction = foreign.transaction()
        await transaction.start()
        await foreign.execute("create table something (a int)")
        meanwhile = [await write(place, tenant_id) for _ in range(3)]

        async def is_named() -> bool:
            beat = await heartbeat(pool)
            named = (foreign.get_server_pid(), "postgres")
            return beat is not None and beat.horizon_lag_s > 2 and (beat.horizon_pid, beat.horizon_database) == named

        await until(is_named)
        meanwhile.append(await write(place, tenant_id))
        assert await readable(place, tenant_id) == before
        await transaction.rollback()
        await until(lambda: _equals(readable(place, tenant_id), before + meanwhile))
        await until(lambda: _is_free(pool))
    await foreign.close()


async def _equals(found: Awaitable[Any], expected: Any) -> bool:
    return await found == expected


async def _is_free(pool: Pool) -> bool:
    beat = await heartbeat(pool)
    return beat is not None and beat.horizon_lag_s == 0


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
async def test_a_transaction_of_another_login_is_left_alone(own_server):
    foreign = await asyncpg.connect(own_server.place.admin_url)
    await foreign.execute("begin; create table something (a int)")
    async with connected(own_server.place.url, None) as login:
        await Watchdog(longest_write_s=0).look(login)
    assert await foreign.fetchval("select 1") == 1
    await foreign.close()


@pytest.mark.own_server
async def test_a_transaction_that_nobody_goes_on_with_ends_by_itself(own_server):
    """`idle_in_transaction_session_timeout` of every connection of the application."""
    connection = await asyncpg.connect(own_server.place.url, server_settings=SETTINGS | {"role": "rapport_app"})
    await connection.execute("begin; select pg_current_xact_id()")
    await asyncio.sleep(3.5)
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
