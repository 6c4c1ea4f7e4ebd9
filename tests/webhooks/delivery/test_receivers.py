"""The receivers of the documentation, as processes: they take what is genuine, once and in order, and nothing else."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7_text
from app.domain.webhooks.signing import new_shared_secret, signature_header, timestamp
from tests.architecture.source import ROOT
from tests.factories.accounts import make_account
from tests.factories.webhooks import make_endpoint
from tests.webhooks.delivery.engine import Engine, change, deliveries, secrets
from tests.world import Client

FOLDER = ROOT / "docs" / "receivers"
PROGRAMS = [
    pytest.param((sys.executable, "receiver.py"), id="python"),
    pytest.param(("node", "receiver.mjs"), id="node", marks=pytest.mark.node),
]


@dataclass
class Program:
    process: Process
    secret: str
    port: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def read(self, count: int = 1) -> list[str]:
        """The next lines that it prints."""
        assert self.process.stdout
        async with asyncio.timeout(15):
            return [(await self.process.stdout.readline()).decode().strip() for _ in range(count)]


@asynccontextmanager
async def started(program: tuple[str, str], secret: str) -> AsyncIterator[Program]:
    name, file = program
    process = await asyncio.create_subprocess_exec(
        name, str(FOLDER / file), "0", stdout=PIPE, env={**os.environ, "WEBHOOK_SECRET": secret}
    )
    try:
        running = Program(process, secret)
        (line,) = await running.read()
        running.port = int(line.removeprefix("listening on port "))
        yield running
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.parametrize("program", PROGRAMS)
async def test_it_takes_what_the_product_sends_once_and_in_order(
    client: Client, engine: Engine, program: tuple[str, str]
) -> None:
    endpoint = await make_endpoint(client, url="http://127.0.0.1:9/", eventTypes=["account.updated"])
    path = f"/webhook-endpoints/{endpoint['id']}"
    (secret,) = await secrets(client, endpoint)
    async with started(program, secret["secret"]) as receiver:
        await change(client, path, url=receiver.url)
        account = await make_account(client, name="Ä\N{MUSICAL SYMBOL G CLEF} \\ \u2028")
        await change(client, f"/accounts/{account['id']}", name="Acme")
        await engine.delivered()
        assert await receiver.read() == [f"taken account.updated {account['id']} 2"]

        await replay(client, engine, endpoint, account)
        assert await receiver.read() == [f"duplicate account.updated {account['id']} 2"]

        await change(client, path, eventTypes=["account.created"])
        await replay(client, engine, endpoint, account)
        assert await receiver.read() == [f"stale account.created {account['id']} 1"]

        await client.post(f"{path}/rotate-secret", json={})
        other = await make_account(client)
        await engine.delivered()
        assert await receiver.read() == [f"taken account.created {other['id']} 1"]
    assert {one["state"] for one in await deliveries(client, endpoint)} == {"delivered"}


@pytest.mark.parametrize("program", PROGRAMS)
async def test_it_refuses_what_is_forged_altered_or_old(program: tuple[str, str]) -> None:
    async with started(program, new_shared_secret()) as receiver, httpx.AsyncClient() as sender:
        event = {"type": "account.created", "recordId": uuid7_text(), "version": 1}
        now, secret = utc_now(), receiver.secret
        good = signed(secret, event, now)
        refused = {
            "of another secret": signed(new_shared_secret(), event, now),
            "of long ago": signed(secret, event, now - timedelta(minutes=10)),
            "of the future": signed(secret, event, now + timedelta(minutes=10)),
            "with another body": good | {"content": good["content"] + b" "},
            "under another id": good | {"headers": good["headers"] | {"webhook-id": uuid7_text()}},
            "with another time": good | {"headers": good["headers"] | {"webhook-timestamp": timestamp(now)[:-1] + "x"}},
            "without a signature": good | {"headers": without(good["headers"], "webhook-signature")},
            "without an id": good | {"headers": without(good["headers"], "webhook-id")},
            "without a time": good | {"headers": without(good["headers"], "webhook-timestamp")},
            "with half a signature": good | {"headers": good["headers"] | {"webhook-signature": "v1,"}},
        }
        for why, request in refused.items():
            assert (await sender.post(receiver.url, **request)).status_code == 400, why
        assert await receiver.read(len(refused)) == ["refused"] * len(refused)

        answers = [(await sender.post(receiver.url, **good)).status_code for _ in range(2)]
        told = f"account.created {event['recordId']} 1"
        assert answers == [204, 204]
        assert await receiver.read(2) == [f"taken {told}", f"duplicate {told}"]


async def replay(client: Client, engine: Engine, endpoint: dict[str, Any], record: dict[str, Any]) -> None:
    """From the creation of the record on."""
    wanted = {"from": record["createdAt"]}
    answer = await client.post(f"/webhook-endpoints/{endpoint['id']}/replay", json=wanted)
    assert answer.status_code == 202, answer.text
    await engine.drained()
    await engine.drained()


def signed(secret: str, event: dict[str, Any], at: datetime) -> dict[str, Any]:
    """A request as the product would send it."""
    body, message_id = orjson.dumps(event), uuid7_text()
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp(at),
        "webhook-signature": signature_header([secret], message_id, at, body),
        "webhook-sequence": str(event["version"]),
    }
    return {"headers": headers, "content": body}


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}
