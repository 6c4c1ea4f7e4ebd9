"""Consumers of real brokers, on an exchange and a stream of their own, which they take away in the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex
from time import monotonic
from typing import Any

import aio_pika
import nats
import orjson

from tests.chaos.proxies import Dial, Proxy

AMQP, NATS = ("127.0.0.1", 5672), ("127.0.0.1", 4222)
ARRIVES_WITHIN_S = 40.0


@dataclass(frozen=True, slots=True)
class Received:
    id: str
    path: str
    kind: str
    event: dict[str, Any]


@dataclass
class Receiver:
    """`url` leads through a proxy, and `fetch` answers all that has arrived in its order."""

    scheme: str
    login: str
    name: str
    proxy: Proxy
    fetch: Callable[[], Awaitable[list[Received]]]

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.login}127.0.0.1:{self.proxy.port}"

    @property
    def durable(self) -> str:
        """A name under which the broker keeps what nobody has taken yet."""
        return self.name.replace(".", "_")

    async def until(self, complete: Callable[[list[Received]], bool]) -> list[Received]:
        end = monotonic() + ARRIVES_WITHIN_S
        while not complete(got := await self.fetch()):
            assert monotonic() < end, f"only {len(got)} have arrived"
            await asyncio.sleep(0.02)
        return got


@asynccontextmanager
async def behind_proxy(address: tuple[str, int]) -> AsyncIterator[Proxy]:
    dial: Dial = lambda make: asyncio.get_running_loop().create_connection(make, *address)  # noqa: E731  # typed so
    proxy = Proxy(dial)
    await proxy.start()
    try:
        yield proxy
    finally:
        proxy.close()


@asynccontextmanager
async def amqp_receiver() -> AsyncIterator[Receiver]:
    name, got = f"rapport.test-{token_hex(4)}", list[Received]()

    async def fetch() -> list[Received]:
        while (one := await queue.get(fail=False)) is not None:
            assert one.delivery_mode is aio_pika.DeliveryMode.PERSISTENT
            path = one.routing_key or ""
            got.append(Received(one.message_id or "", path, one.content_type or "", orjson.loads(one.body)))
            await one.ack()
        return got

    connection = await aio_pika.connect(host=AMQP[0], port=AMQP[1])
    async with connection, behind_proxy(AMQP) as proxy:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "#")
        one = Receiver("amqp", "guest:guest@", name, proxy, fetch)
        kept = await channel.declare_queue(one.durable, durable=True)
        await kept.bind(exchange, "#")
        yield one
        await kept.delete(if_unused=False, if_empty=False)
        await exchange.delete()


@asynccontextmanager
async def nats_receiver() -> AsyncIterator[Receiver]:
    """The stream is for the publisher to make."""
    name = f"rapport.test-{token_hex(4)}"
    stream = name.replace(".", "_")
    got = list[Received]()

    async def fetch() -> list[Received]:
        try:
            last = (await jetstream.stream_info(stream)).state.last_seq
        except nats.js.errors.NotFoundError:
            return []
        while len(got) < last:
            one = await jetstream.get_msg(stream, len(got) + 1)
            headers = one.headers or {}
            path = (one.subject or "").removeprefix(f"{name}.")
            got.append(Received(headers["Nats-Msg-Id"], path, headers["Content-Type"], orjson.loads(one.data or b"")))
        return got

    connection = await nats.connect(f"nats://{NATS[0]}:{NATS[1]}")
    jetstream = connection.jetstream()
    try:
        async with behind_proxy(NATS) as proxy:
            yield Receiver("nats", "", name, proxy, fetch)
    finally:
        await jetstream.delete_stream(stream)
        await connection.close()


receivers: dict[str, Callable[[], AbstractAsyncContextManager[Receiver]]] = {
    "amqp": amqp_receiver,
    "nats": nats_receiver,
}
