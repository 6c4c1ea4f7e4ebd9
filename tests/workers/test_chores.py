"""What the worker does by the hour, on the database of this run: each test has rows of its own tenant."""

from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from app.repositories.housekeeping import Lag, Worker, beat, connected, forget_dead
from app.workers.chores import Chore
from app.workers.housekeeping import CHUNK, MONTHS_AHEAD, delete_expired, make_partitions, months_from
from tests.world import Place

PARTITIONS = """
select c.relname, c.relrowsecurity and c.relforcerowsecurity as is_protected
  from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'event'::regclass
"""
SOME_KEYS = """
insert into idempotency (tenant_id, actor_id, key, fingerprint, status, expires_at)
select $1, $1, 'key ' || n, '', 201, now() + $3 from generate_series(1, $2) n
"""


@given(st.dates(date(1970, 1, 1), date(9000, 1, 1)))
def test_the_months_to_be_ready_are_this_one_and_those_after_it(day):
    months = months_from(day)
    assert months[0] == day.replace(day=1)
    assert len(months) == MONTHS_AHEAD + 1
    assert all((month - timedelta(days=1)).replace(day=1) == before for before, month in pairwise(months))


async def partitions(place: Place) -> dict[str, bool]:
    async with connected(place.url, "rapport_owner") as owner:
        return {row["relname"]: row["is_protected"] for row in await owner.fetch(PARTITIONS)}


async def test_a_missing_month_is_made_with_row_security_and_the_others_are_left_alone(place):
    names = [f"event_{month:%Y_%m}" for month in months_from(utc_now().date())]
    async with connected(place.url, "rapport_owner") as owner:
        await owner.execute(f"drop table {names[-1]}")
        await make_partitions(owner)
        await make_partitions(owner)
    made = await partitions(place)
    assert {name: made[name] for name in names} == dict.fromkeys(names, True)


async def remaining(place: Place, tenant_id: UUID) -> int:
    async with connected(place.url, "rapport_work") as work:
        count: int = await work.fetchval("select count(*) from idempotency where tenant_id = $1", tenant_id)
        return count


async def test_expired_keys_of_every_tenant_go_and_live_ones_stay(place):
    expired, live = uuid7(), uuid7()
    admin = await asyncpg.connect(place.admin_url)
    await admin.execute(SOME_KEYS, expired, CHUNK + 7, timedelta(seconds=-1))
    await admin.execute(SOME_KEYS, live, 3, timedelta(hours=1))
    await admin.close()
    async with connected(place.url, "rapport_work") as work:
        await delete_expired(work)
    assert (await remaining(place, expired), await remaining(place, live)) == (0, 3)


async def test_a_worker_has_one_row_that_moves_and_the_dead_are_forgotten(place):
    alive, dead = Worker(uuid7(), "here", 1), Worker(uuid7(), "there", 2)
    async with connected(place.url, "rapport_work") as work:
        for worker in (alive, dead, alive):
            await beat(work, worker, Lag(2.5, 77, "other"))
        await work.execute("update heartbeat set beat_at = now() - interval '1 hour' where worker_id = $1", dead.id)
        await forget_dead(work, 60)
        rows = await work.fetch("select * from heartbeat where worker_id in ($1, $2)", alive.id, dead.id)
    (row,) = rows
    assert row["worker_id"] == alive.id
    assert row["beat_at"] > row["started_at"]
    assert (row["horizon_lag_s"], row["horizon_pid"], row["horizon_database"]) == (2.5, 77, "other")


async def test_a_failed_chore_waits_and_goes_on_with_a_new_connection(place, caplog):
    connections: list[asyncpg.Connection] = []

    async def fail_once(connection: asyncpg.Connection) -> None:
        connections.append(connection)
        if len(connections) == 1:
            await connection.execute("select 1/0")
        if len(connections) == 3:
            raise KeyError  # which no database explains, and so ends it

    with pytest.raises(KeyError):
        await Chore("sums", 0.1, None, fail_once).repeat(place.url)
    assert connections[0] is not connections[1] is connections[2]
    assert "sums failed (DivisionByZeroError)" in caplog.text


async def test_what_no_database_explains_ends_the_worker_so_that_its_supervisor_sees_it(place):
    async def broken(_: asyncpg.Connection) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await Chore("broken", 0.1, None, broken).repeat(place.url)
