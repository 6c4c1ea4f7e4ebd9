"""The consumers of docs/brokers.md do what the page says."""

import asyncio
import re
from typing import Any

import orjson
import pytest

from tests.architecture.source import ROOT
from tests.factories.accounts import make_account
from tests.publishing.conformance import violations
from tests.publishing.memory import publishing, until
from tests.publishing.test_brokers import all_of, change, hasty, leads

PAGE = (ROOT / "docs/brokers.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_event_of_the_page_is_a_cloud_event():
    (event,) = blocks("json")
    assert not list(violations(orjson.loads(event)))


@pytest.mark.broker
async def test_a_consumer_of_the_page_handles_each_event_once_and_in_order(world, client, receiver, begins_now):
    (code,) = [block for block in blocks("python") if ("import nats" in block) is (receiver.scheme == "nats")]
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    handled: list[tuple[str, int]] = []

    async def handle(event: dict[str, Any]) -> None:
        handled.append((event["type"], event["data"]["version"]))

    async with publishing(hasty(world, receiver)):
        await leads(world)
        account = await make_account(client)
        await all_of(world, client, receiver)
        follow = namespace["follow"](receiver.url, receiver.name, receiver.durable, handle)
        consumer = asyncio.ensure_future(follow)
        await change(client, account, 2)
        await until(lambda: len(handled) == 3, 10)
        consumer.cancel()
        await asyncio.wait([consumer])
    assert handled == [("rapport.account.created", 1), ("rapport.account.updated", 2), ("rapport.account.updated", 3)]
