"""The publisher on RabbitMQ and on NATS JetStream, with a proxy between that cuts its connections."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from app.settings import Settings
from app.workers import publishing as module
from app.workers.messages import Message
from app.workers.publishing import publisher_of
from tests.factories.accounts import make_account
from tests.publishing.conformance import violations
from tests.publishing.memory import COMMITTED, faults, publishing, until
from tests.publishing.receiving import Received, Receiver
from tests.world import Client, Place, World

TAKES_OVER_WITHIN_S = 30.0
pytestmark = [pytest.mark.broker, pytest.mark.usefixtures("begins_now")]


def settings_for(place: Place, receiver: Receiver) -> Settings:
    return Settings(
        database_url=place.url,
        redis_url=place.redis_url,
        broker_url=SecretStr(receiver.url),
        broker_exchange=receiver.name,
    )


def hasty(world: World, receiver: Receiver) -> module.Publisher:
    one = publisher_of(settings_for(world.place, receiver))
    one.looks_every_s = 0.02
    return one


async def change(client: Client, account: dict[str, Any], times: int) -> None:
    for number in range(times):
        answer = await client.patch(f"/accounts/{account['id']}", json={"employees": number})
        assert answer.status_code == 200


async def written(world: World, client: Client) -> set[str]:
    async with world.place.connect() as administrator:
        return {str(row["id"]) for row in await administrator.fetch(COMMITTED, client.tenant_id)}


async def reached(world: World, question: str, number: int, within_s: float = 60.0) -> None:
    """Until the database answers with that number or more."""
    end = monotonic() + within_s
    async with world.place.connect() as administrator:
        while (now := await administrator.fetchval(question)) < number:
            assert monotonic() < end, f"{now} for: {question}"
            await asyncio.sleep(0.02)


async def leads(world: World) -> None:
    """Until there is a position to begin from."""
    await reached(world, "select count(*) from relay_position where starts_with(subscriber, 'publisher:')", 1)


async def all_of(world: World, client: Client, receiver: Receiver) -> list[Received]:
    """Once everything that is committed has arrived; nothing may be wrong with it then."""
    wanted = await written(world, client)
    assert wanted
    got = await receiver.until(lambda got: wanted <= {one.id for one in got})
    assert list(faults(wanted, [one.event for one in got])) == []
    return got


async def test_an_event_arrives_as_a_cloud_event_under_its_id_and_route(world, client, receiver):
    async with publishing(hasty(world, receiver)):
        await leads(world)
        account = await make_account(client)
        await change(client, account, 3)
        got = await all_of(world, client, receiver)
    told = (await client.get("/events", params={"object": "account", "limit": 200})).json()["data"]
    assert [one.event["data"] for one in got] == told
    verbs = ["created", "updated", "updated", "updated"]
    assert [one.path for one in got] == [f"{client.tenant_id}.account.{verb}" for verb in verbs]
    for one in got:
        assert not list(violations(one.event))
        assert (one.id, one.kind) == (one.event["id"], "application/cloudevents+json")


async def test_a_cut_connection_loses_nothing(world, client, receiver, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 3)
    async with publishing(hasty(world, receiver)):
        await leads(world)
        account = await make_account(client)
        for _ in range(2):
            await change(client, account, 3)
            receiver.proxy.reset(list(receiver.proxy.pairs))
            await change(client, account, 3)
        await all_of(world, client, receiver)


async def test_a_confirmation_that_got_lost_repeats_the_event(world, client, receiver):
    """RabbitMQ hands it on twice; a stream of NATS knows its id again."""
    async with publishing(hasty(world, receiver)):
        await leads(world)
        await make_account(client)
        (first,) = await all_of(world, client, receiver)
        for pair in receiver.proxy.pairs:
            pair.deaf = True
        await make_account(client)
        (second,) = {one.id for one in await receiver.until(lambda got: len(got) == 2)} - {first.id}
        receiver.proxy.reset(list(receiver.proxy.pairs))
        await until(lambda: bool(receiver.proxy.pairs), 60.0)
        await make_account(client)
        got = [one.id for one in await all_of(world, client, receiver)]
    assert got.count(second) == (2 if receiver.scheme == "amqp" else 1)


async def test_a_body_of_the_size_that_the_broker_names_is_taken(world, receiver):
    publisher = hasty(world, receiver)
    async with publisher.broker() as broker:
        body = orjson.dumps({"x": "x" * (min(broker.largest, 2_000_000) - 8)})
        await broker.send([Message("1", ("t", "o", "v"), "r", body)])
        (got,) = await receiver.until(bool)
    assert (got.id, got.path, orjson.dumps(got.event)) == ("1", "t.o.v", body)


PROGRAM = """
import asyncio
from app.settings import Settings
from app.workers.publishing import publish
asyncio.run(publish(Settings()))
"""


@contextmanager
def process(place: Place, receiver: Receiver) -> Iterator[subprocess.Popen[bytes]]:
    given = {"DATABASE_URL": place.url, "REDIS_URL": place.redis_url, "BROKER_URL": receiver.url}
    given |= {"BROKER_EXCHANGE": receiver.name, "LOG_LEVEL": "ERROR"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    environment = inherited | {f"CRM_{name}": value for name, value in given.items()}
    started = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment)
    try:
        yield started
    finally:
        started.kill()
        started.wait(20)


@pytest.mark.own_server
@pytest.mark.parametrize("receiver", ["amqp"], indirect=True)
async def test_when_the_publishing_process_is_killed_another_one_takes_over(world, client, receiver):
    with process(world.place, receiver) as other:
        await leads(world)
        async with publishing(hasty(world, receiver)):
            account = await make_account(client)
            await change(client, account, 10)
            other.kill()
            await change(client, account, 10)
            killed_at = monotonic()
            await all_of(world, client, receiver)
            assert monotonic() - killed_at < TAKES_OVER_WITHIN_S
