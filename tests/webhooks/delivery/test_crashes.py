"""A worker that dies between sending and settling: what was sent is sent once more, under the same id."""

import asyncio

import pytest

from app.domain.kernel.work import Family
from app.repositories import delivering
from app.workers.running import Outside
from tests.factories.accounts import make_account
from tests.webhooks.delivery.engine import deliveries, running_engine, subscribe, until
from tests.webhooks.delivery.receiver import Receiver
from tests.world import Client, World

LEASES_OUT = "update work set due_at = now() where tenant_id = $1 and token is not null"


async def test_what_was_sent_and_not_settled_is_sent_exactly_once_more(
    client: Client, world: World, reached: Outside, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = await subscribe(client, receiver)
    for _ in range(3):
        await make_account(client)

    async def die(*_: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(delivering, "record", die)
        async with running_engine(world, reached, client) as first:
            await first.relayed()
            await until(lambda: len(receiver.requests) == 3)
    async with running_engine(world, reached, client) as second:
        await second.drained()
        assert len(receiver.requests) == 3
        await second.query(LEASES_OUT, client.tenant_id)
        await second.drained()

    before, after = receiver.requests[:3], receiver.requests[3:]
    assert sorted(one.id for one in before) == sorted(one.id for one in after)
    assert {one["state"] for one in await deliveries(client, endpoint)} == {"delivered"}


async def test_who_was_given_up_and_succeeds_after_all_is_believed(
    client: Client, world: World, reached: Outside, receiver: Receiver
) -> None:
    """Its lease has run out and another has sent it again: it counts once, and nothing is sent a third time."""
    endpoint = await subscribe(client, receiver)
    await make_account(client)
    receiver.free.clear()
    async with (
        running_engine(world, reached, client) as slow,
        running_engine(world, reached, client) as other,
    ):
        await slow.relayed()
        await until(lambda: len(receiver.requests) == 1)
        await slow.query(LEASES_OUT, client.tenant_id)
        other.wake()
        await until(lambda: len(receiver.requests) == 2)
        receiver.free.set()
        await slow.drained()
        await other.drained()
        await other.overdue()
        await other.drained()

    assert len(receiver.requests) == 2
    assert len({one.id for one in receiver.requests}) == 1
    (delivery,) = await deliveries(client, endpoint)
    assert delivery["state"] == "delivered"


async def test_a_worker_that_stops_ends_what_is_under_way(
    client: Client, world: World, reached: Outside, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    await make_account(client)
    receiver.free.clear()
    async with running_engine(world, reached, client) as engine, asyncio.TaskGroup() as group:
        await engine.relayed()
        await until(lambda: len(receiver.requests) == 1)
        line = engine.work.lines[Family.webhooks]
        group.create_task(line.close())
        await until(lambda: line.closing)
        receiver.free.set()
    (delivery,) = await deliveries(client, endpoint)
    assert (delivery["state"], len(delivery["attempts"])) == ("delivered", 1)
