"""From the settled log to a subscriber: everything once and in order, whatever dies in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.domain.kernel.ids import uuid7
from app.repositories import relay as positions
from app.repositories.claims import work_pool
from app.repositories.relay import Subscriptions
from app.workers.relay import CHUNK, Relay
from tests.forgotten import crash
from tests.servers import Servers
from tests.work.engine import SWEEP_S, Engine, engine, until

WRITE = """
insert into event (tenant_id, id, settle, at, object, record_id, version, type, origin, changes, data)
select $1, id, app_settle(), clock_timestamp(), 'account', id, 1, 'account.created', 'api', '{}', '{}'
  from unnest($2::uuid[]) id
"""
KEEP = "insert into work (tenant_id, id, kind, key, order_seq) select $1, gen_random_uuid(), $2, id, n from unnest($3::text[]) with ordinality as e(id, n)"
KEPT = "select key from work where kind = $1 order by tenant_id, created_at, order_seq"
LOG = "select id::text from event where tenant_id = $1 order by settle, seq"
Row = dict[str, Any]
Settled = Callable[[], Awaitable[None]]


@dataclass
class Follower:
    """What it takes it writes down in the transaction that moves its position."""

    name: str = field(default_factory=lambda: f"test.{uuid7().hex}")
    dies: int = 0
    refuses: UUID | None = None
    turns: list[UUID] = field(default_factory=list)
    told: int = 0

    async def take(self, connection: asyncpg.Connection, tenant_id: UUID, events: Sequence[Row]) -> None:
        await connection.execute(KEEP, tenant_id, self.name, [one["id"] for one in events])
        if tenant_id == self.refuses:
            raise KeyError
        if self.dies:
            self.dies -= 1
            raise ConnectionError("killed")
        self.turns.append(tenant_id)

    def taken(self, _: UUID) -> None:
        self.told += 1


async def begin(work: Engine, follower: Follower, *tenants: UUID) -> None:
    for tenant_id in tenants:
        await Subscriptions(work.session(tenant_id)).begin(follower.name)


async def write(work: Engine, tenant_id: UUID, events: int) -> None:
    await work.run(WRITE, tenant_id, [uuid7() for _ in range(events)])


async def log_of(work: Engine, tenant_id: UUID) -> list[str]:
    async with work.place.connect() as administrator:
        return [row["id"] for row in await administrator.fetch(LOG, tenant_id)]


async def kept(work: Engine, follower: Follower) -> list[str]:
    async with work.place.connect() as administrator:
        return [row["key"] for row in await administrator.fetch(KEPT, follower.name)]


@asynccontextmanager
async def following(work: Engine, follower: Follower, *tenants: UUID) -> AsyncIterator[Relay]:
    """In a worker of its own."""
    pool = work_pool(work.place.url, 2)
    relay = Relay(pool, follower, tenants, SWEEP_S)
    task = asyncio.create_task(relay.run())  # noqa: TID251  # a group would wrap what the test raises
    try:
        yield relay
    finally:
        task.cancel()
        await asyncio.wait([task])
        await pool.close()


async def test_a_subscriber_gets_every_event_since_it_began_once_and_in_order_and_goes_on_where_it_was(
    work: Engine, settled: Settled
) -> None:
    follower, tenant_id = Follower(), uuid7()
    await write(work, tenant_id, 3)
    await settled()
    before = set(await log_of(work, tenant_id))
    await begin(work, follower, tenant_id)
    async with following(work, follower, tenant_id) as relay:
        await write(work, tenant_id, 2 * CHUNK + 7)
        await relay.drained()
    assert follower.told == 3

    await begin(work, follower, tenant_id)
    await write(work, tenant_id, 5)
    async with following(work, follower, tenant_id) as relay:
        await relay.drained()
    after = [one for one in await log_of(work, tenant_id) if one not in before]
    assert len(after) == 2 * CHUNK + 12
    assert await kept(work, follower) == after


async def test_a_worker_that_dies_between_taking_and_moving_has_taken_nothing(work: Engine) -> None:
    follower, tenant_id = Follower(dies=2), uuid7()
    await begin(work, follower, tenant_id)
    await write(work, tenant_id, 4)
    async with following(work, follower, tenant_id):
        await until(lambda: follower.told == 1)
    assert await kept(work, follower) == await log_of(work, tenant_id)


async def test_a_position_that_moves_apart_from_what_was_taken_is_seen(
    work: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted relay marks events as taken before they are."""
    whole = positions.events

    async def marks_first(connection: Any, tenant_id: UUID, after: Any, limit: int) -> list[Row]:
        found = await whole(connection, tenant_id, after, limit)
        if found:
            last = found[-1]
            await work.run(MARK, tenant_id, follower.name, last["settle"], last["seq"])
        return found

    follower, tenant_id = Follower(dies=1), uuid7()
    await begin(work, follower, tenant_id)
    await write(work, tenant_id, 4)
    monkeypatch.setattr(positions, "events", marks_first)
    async with following(work, follower, tenant_id) as relay:
        await until(lambda: follower.dies == 0)
        await relay.drained()
    assert await kept(work, follower) != await log_of(work, tenant_id)


MARK = "update relay_position set settle = $3, seq = $4 where tenant_id = $1 and subscriber = $2"


async def test_two_workers_take_everything_once_and_in_order_while_it_is_written(work: Engine) -> None:
    follower, tenants = Follower(), [uuid7(), uuid7()]
    await begin(work, follower, *tenants)
    async with following(work, follower, *tenants) as first, following(work, follower, *tenants) as second:
        for _ in range(10):
            await asyncio.gather(*(write(work, tenant_id, 20) for tenant_id in tenants * 2))
        for _ in range(100):
            await first.drained()
            await second.drained()
            if len(await kept(work, follower)) >= 800:
                break
    whole = [one for tenant_id in sorted(tenants) for one in await log_of(work, tenant_id)]
    assert len(whole) == 800
    assert await kept(work, follower) == whole


async def test_a_long_log_of_one_tenant_delays_the_others_by_a_chunk(work: Engine, settled: Settled) -> None:
    follower, long, short = Follower(), uuid7(), uuid7()
    await begin(work, follower, long, short)
    await write(work, long, 5 * CHUNK)
    await write(work, short, 1)
    await settled()
    async with following(work, follower, long, short) as relay:
        await relay.drained()
    assert follower.turns.index(short) <= 1
    assert follower.turns.count(long) == 5


async def test_events_that_cannot_be_taken_keep_no_other_tenant_waiting_and_are_not_lost(work: Engine) -> None:
    bad, good = uuid7(), uuid7()
    follower = Follower(refuses=bad)
    await begin(work, follower, bad, good)
    async with following(work, follower, bad, good) as relay:
        for _ in range(2):
            told = follower.told
            await write(work, bad, 1)
            await write(work, good, 1)
            await until(lambda: follower.told > told)  # noqa: B023  # it is called before the next round
        assert bad not in follower.turns
        follower.refuses = None
        await until(lambda: bad in follower.turns)
        await relay.drained()
    assert sorted(await kept(work, follower)) == sorted([*await log_of(work, bad), *await log_of(work, good)])


async def followed_round_a_late_commit(work: Engine, *, waits: bool = True) -> tuple[list[str], list[str]]:
    """What was taken, and the log, where the first to write is the last to commit; and whether the relay waits for it."""
    follower, tenant_id = Follower(), uuid7()
    await begin(work, follower, tenant_id)
    async with following(work, follower, tenant_id) as relay, work.place.connect() as late:
        await relay.drained()
        transaction = late.transaction()
        await transaction.start()
        await late.execute(WRITE, tenant_id, [uuid7()])
        for _ in range(3):
            await write(work, tenant_id, 1)
            await asyncio.sleep(3 * SWEEP_S)
        await until(lambda: waits or follower.told > 0)
        await transaction.commit()
        await write(work, tenant_id, 1)
        await relay.drained()
    return await kept(work, follower), await log_of(work, tenant_id)


@pytest.mark.own_server
async def test_who_writes_first_and_commits_last_is_taken_first(
    own_server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine(own_server.place) as work:
        taken, log = await followed_round_a_late_commit(work)
        assert (taken, len(log)) == (log, 5)

        for name in ("_OF_TENANT", "_NEWS", "_LAST"):
            naive = getattr(positions, name).replace("app_horizon()", "(select app_settle() + 1)")
            monkeypatch.setattr(positions, name, naive)
        taken, log = await followed_round_a_late_commit(work, waits=False)
        assert taken != log


@pytest.mark.own_server
async def test_what_a_transaction_writes_whose_id_was_given_out_before_a_crash_is_news(own_server: Servers) -> None:
    """Also to a relay that did not notice the crash, because somebody else found the lost connections."""
    async with engine(own_server.place) as work:
        tenant_id, another, follower = uuid7(), uuid7(), Follower()
        await begin(work, follower, tenant_id)
        await write(work, another, 1)
        pool = work_pool(own_server.place.url, 2)
        relay = Relay(pool, follower)

        async def look() -> None:
            relay._behind.clear()
            await relay.look()

        await look()
        await crash(own_server, look)
        await pool.close()
        relay.pool = work_pool(own_server.place.url, 2)
        await write(work, tenant_id, 1)
        await look()
        await relay.pool.close()
        assert [*relay._behind] == [tenant_id]
