"""What the publisher keeps whatever its broker does; here that is one in memory."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from time import monotonic

import asyncpg
import pytest

from app.domain.governance.service import administrator
from app.domain.kernel.query import Position
from app.domain.pipeline.objects import PRODUCT
from app.domain.pipeline.service import ProductService
from app.domain.registry import SCHEMA
from app.repositories import publishing as log_of_all
from app.repositories import relay
from app.repositories.pool import Pool, Target
from app.repositories.relay import WHOLE_LOG
from app.repositories.session import Session
from app.workers import publishing as module
from app.workers.messages import Broker, Message, message_of
from tests.factories.accounts import make_account
from tests.publishing.memory import Hasty, Memory, arrived, publishing, until
from tests.world import Client, World

NAME = "publisher:memory"
CAUGHT_UP = """
select not exists (select from event e, relay_position p
                    where p.subscriber = $1 and e.tenant_id = $2 and (e.settle, e.seq) > (p.settle, p.seq))
"""
pytestmark = pytest.mark.usefixtures("begins_now")


def hasty(world: World, broker: Memory, *, kind: type[Hasty] = Hasty, from_beginning: bool = False) -> Hasty:
    connect: Callable[[], AbstractAsyncContextManager[Broker]] = broker.connect
    return kind(world.place.url, NAME, connect, from_beginning)


async def leads(broker: Memory) -> None:
    await until(lambda: broker.open == 1)


async def begun(world: World) -> None:
    """Whether or not it reaches its broker."""
    await comes_true(world, "select exists(select from relay_position where subscriber = $1)", NAME)


async def caught_up(world: World, client: Client) -> None:
    """What the broker has confirmed, no other publisher sends again."""
    await comes_true(world, CAUGHT_UP, NAME, client.tenant_id)


async def comes_true(world: World, question: str, *given: object) -> None:
    end = monotonic() + 20
    async with world.place.connect() as administrator:
        while not await administrator.fetchval(question, *given):
            assert monotonic() < end, question
            await asyncio.sleep(0.01)


async def contend(client: Client, steps: int = 8) -> None:
    """Writers that change the same few records."""
    accounts = [(await make_account(client))["id"] for _ in range(3)]

    async def write(writer: int) -> None:
        for step in range(steps):
            path = f"/accounts/{accounts[(writer + step) % 3]}"
            assert (await client.patch(path, json={"employees": writer * 100 + step})).status_code in {200, 409}

    await asyncio.gather(*(write(writer) for writer in range(4)))


async def outcome(world: World, client: Client, seed: int, kind: type[Hasty] = Hasty) -> list[str]:
    """Of a broker that takes some, and says so or not, while writers contend."""
    broker = Memory(Random(seed), fails=0.2)
    async with publishing(hasty(world, broker, kind=kind)):
        await leads(broker)
        await contend(client)
        return await arrived(world, broker, client.tenant_id, within_s=0.5 if kind is not Hasty else 40.0)


async def test_nothing_is_lost_or_passes_an_earlier_event_of_its_record_whatever_is_confirmed(
    world, client, seed, monkeypatch
):
    monkeypatch.setattr(module, "CHUNK", 10)
    assert await outcome(world, client, seed) == []


class MovesFirst(Hasty):
    """The planted bug: what was not confirmed is never sent again."""

    async def step(self, connection: asyncpg.Connection, broker: Broker) -> int:
        before = await relay.position(connection, self.subscriber, WHOLE_LOG)
        assert before is not None
        rows = await log_of_all.page(connection, before, 200, 1_000_000)
        if rows:
            await relay.move(connection, self.subscriber, WHOLE_LOG, before, Position.of(rows[-1]))
            await broker.send([message_of(row, broker.largest) for row in rows])
        return len(rows)


async def test_a_position_that_moves_before_the_confirmation_is_seen_to_lose_events(world, client):
    for seed in range(3, 8):  # whether a confirmation fails at the right moment is a matter of chance
        if any("lost" in fault for fault in await outcome(world, client, seed, MovesFirst)):
            return
    pytest.fail("nobody noticed")


async def test_a_chunk_that_is_sent_at_once_is_seen_to_change_the_order(world, client, monkeypatch):
    def one_wave(messages: list[Message]) -> list[list[Message]]:
        return [messages]

    monkeypatch.setattr(module, "waves", one_wave)
    broker = Memory(Random(3), is_away=True, fails=0.9)
    async with publishing(hasty(world, broker)):
        await begun(world)
        await contend(client)
        broker.is_away = False
        found = await arrived(world, broker, client.tenant_id)
    assert any("came as" in fault for fault in found)


async def test_the_first_start_begins_now_and_every_later_one_where_it_stopped(world, client):
    broker = Memory()
    await make_account(client)
    await world.settled()
    async with publishing(hasty(world, broker)):
        await leads(broker)
    second = await make_account(client)
    await world.settled()
    async with publishing(hasty(world, broker, from_beginning=True)):
        third = await make_account(client)
        await until(lambda: len(broker.of(client.tenant_id)) == 2)
    told = [event["partitionkey"] for event in broker.of(client.tenant_id)]
    assert told == [second["id"], third["id"]]


async def test_the_first_start_can_begin_with_the_first_event(world, client):
    broker = Memory()
    await make_account(client)
    await world.settled()
    async with publishing(hasty(world, broker, from_beginning=True)):
        assert await arrived(world, broker, client.tenant_id) == []
    assert broker.got


async def test_what_was_written_while_the_broker_was_away_comes_when_it_is_back(world, client, caplog):
    broker = Memory()
    async with publishing(hasty(world, broker)):
        await leads(broker)
        broker.is_away = True
        await contend(client, 2)
        await world.settled()
        await until(lambda: counted("broker_behind_events") >= 11)
        assert not broker.of(client.tenant_id)
        assert counted("broker_behind_seconds") > 0
        before = counted("broker_published_total")
        broker.is_away = False
        assert await arrived(world, broker, client.tenant_id) == []
        await until(lambda: counted("broker_published_total") >= before + 11)
    assert "publishing failed (away)" in caplog.text


def counted(name: str) -> float:
    return module.counting.REGISTRY.get_sample_value(name) or 0.0


async def test_of_two_publishers_one_works_and_the_other_follows_it(world, client):
    first, second = Memory(), Memory()
    async with publishing(hasty(world, first), hasty(world, second)) as tasks:
        await until(lambda: first.open + second.open > 0)
        await make_account(client)
        await arrived(world, leader := first if first.open else second, client.tenant_id)
        follower = second if leader is first else first
        assert (leader.open, follower.open, len(follower.got)) == (1, 0, 0)
        await caught_up(world, client)
        tasks[[first, second].index(leader)].cancel()
        await leads(follower)
        account = await make_account(client)
        await world.settled()
        await until(lambda: bool(follower.got))
    assert [event["partitionkey"] for event in follower.of(client.tenant_id)] == [account["id"]]


async def test_a_publisher_whose_connection_to_the_database_ended_moves_nothing(world, client):
    """Another one may lead by then."""
    broker = Memory()
    async with publishing(hasty(world, broker)):
        await leads(broker)
        async with world.place.connect() as administrator:
            locks = "select pid, pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
            assert await administrator.fetch(
                f"{locks} and database = (select oid from pg_database where datname = $1)", world.place.database
            )
        await make_account(client)
        assert await arrived(world, broker, client.tenant_id) == []


async def test_a_chunk_is_bounded_by_bytes_and_has_one_event_at_least(world, client, monkeypatch):
    sizes: list[int] = []
    page = log_of_all.page

    async def noted(*given):
        rows = await page(*given)
        sizes.append(len(rows))
        return rows

    monkeypatch.setattr(log_of_all, "page", noted)
    broker = Memory(is_away=True)
    async with publishing(hasty(world, broker)):
        await begun(world)
        await contend(client, 2)
        broker.is_away = False
        assert await arrived(world, broker, client.tenant_id) == []
        monkeypatch.setattr(module, "CHUNK_BYTES", 1)
        sizes.clear()
        await contend(client, 2)
        assert await arrived(world, broker, client.tenant_id) == []
    assert max(sizes) == 1


@pytest.mark.own_server
@pytest.mark.parametrize("naive", [False, True])
async def test_a_transaction_that_commits_late_is_not_passed_over(own_world, monkeypatch, naive):
    """A cursor without the horizon of what has settled is seen to lose it."""
    if naive:
        monkeypatch.setattr(log_of_all, "_PAGE", log_of_all._PAGE.replace("and settle < app_horizon()", ""))
    client, broker = await own_world.tenant(), Memory()
    pool = Pool(Target(own_world.place.url, "rapport_app", size=1))
    await own_world.settled()
    async with publishing(hasty(own_world, broker)):
        await leads(broker)
        session = Session(pool, administrator(client.tenant_id, client.user_id), SCHEMA)
        async with session.transaction():
            await ProductService(session).create(PRODUCT.create.model_validate({"name": "Late"}))
            await make_account(client)
            await asyncio.sleep(0.2)
            await until(lambda: bool(broker.of(client.tenant_id)) or not naive, 2)
        found = await arrived(own_world, broker, client.tenant_id, within_s=1.0 if naive else 40.0)
    await pool.close()
    assert any("lost" in fault for fault in found) is naive
