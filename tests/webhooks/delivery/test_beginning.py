"""From when on an endpoint is told: of everything that is written after it was made, and of nothing before."""

import asyncio

from tests.factories.accounts import make_account
from tests.webhooks.delivery.engine import Engine, subscribe
from tests.webhooks.delivery.receiver import Receiver, receiving
from tests.world import Client


async def test_what_happened_before_is_not_sent(client: Client, engine: Engine, receiver: Receiver) -> None:
    await make_account(client, name="Before")
    await engine.world.settled()
    await subscribe(client, receiver)
    await make_account(client, name="After")
    await engine.delivered()
    assert [one["data"]["name"] for one in receiver.events] == ["After"]


async def test_a_second_endpoint_is_not_told_what_the_first_has_yet_to_be_told(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    """The relay has not come to it when the second one is made."""
    await subscribe(client, receiver, "account.*")
    await make_account(client, name="Before")
    await engine.world.settled()
    async with receiving() as second:
        await subscribe(client, second, "account.*")
        await make_account(client, name="After")
        await engine.delivered()
        assert {one["data"]["name"] for one in receiver.events} == {"Before", "After"}
        assert [one["data"]["name"] for one in second.events] == ["After"]


async def test_every_write_that_is_acknowledged_after_it_was_made_is_sent_once(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    """While others write all the time: none that was begun afterwards is missing, and none comes twice."""
    made = asyncio.Event()
    afterwards: list[str] = []

    async def write() -> None:
        for _ in range(12):
            is_after = made.is_set()
            account = await make_account(client)
            if is_after:
                afterwards.append(account["id"])

    async def make() -> None:
        await asyncio.sleep(0.05)
        await subscribe(client, receiver)
        made.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(make())
        for _ in range(4):
            group.create_task(write())
    afterwards.append((await make_account(client))["id"])
    await engine.delivered()

    told = [one["recordId"] for one in receiver.events]
    assert set(afterwards) <= set(told)
    assert len(told) == len(set(told))
