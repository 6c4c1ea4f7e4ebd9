"""Receivers of webhooks, each on a port of its own, with a manner of its own, and one log of what they processed."""

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, cast

import orjson
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

OK: Final = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
SORRY: Final = b"HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A request that was processed. With `is_lost` its sender was not told so."""

    at: float
    tenant: str
    endpoint: str
    event: str
    record: str
    version: int
    told_tenant: str
    is_verified: bool
    is_lost: bool


@dataclass(slots=True)
class Manner:
    """Shares of requests that are refused, and that are processed without an answer; a pause before each answer."""

    fails: float = 0.0
    loses: float = 0.0
    takes_s: float = 0.0
    hangs: bool = False


class Receiver:
    """`tenant` is whose events it is meant to get; `told` hears of every receipt."""

    def __init__(self, tenant: str, manner: Manner, random: Random, told: Callable[[Receipt], None]) -> None:
        self.tenant, self.manner, self.random, self.told = tenant, manner, random, told
        self.endpoint = ""
        self.verifier: Webhook | None = None
        self.waiting: set[asyncio.Transport] = set()
        self.open: set[asyncio.Transport] = set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Conversation(self), "127.0.0.1", self.port, backlog=200)

    def stop(self) -> None:
        """Nobody answers at its address any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for one in list(self.open):
            one.abort()

    def recover(self) -> None:
        """Whoever was left hanging is left without an answer."""
        self.manner.hangs = False
        for one in list(self.waiting):
            one.abort()
        self.waiting.clear()

    def verified(self, body: bytes, headers: dict[str, str]) -> bool:
        try:
            assert self.verifier is not None
            self.verifier.verify(body, headers)
        except WebhookVerificationError:
            return False
        return True


class Conversation(asyncio.Protocol):
    """HTTP/1.1 as far as a client that sends whole requests needs it."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver, self._unread = receiver, b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.receiver.open.add(self._transport)

    def connection_lost(self, _: Exception | None) -> None:
        self.receiver.open.discard(self._transport)
        self.receiver.waiting.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, end, rest = self._unread.partition(b"\r\n\r\n")
        if not end:
            return
        headers = _headers(head)
        length = int(headers["content-length"])
        if len(rest) >= length:
            self._unread = rest[length:]
            self._take(headers, rest[:length])

    def _take(self, headers: dict[str, str], body: bytes) -> None:
        manner, chance = self.receiver.manner, self.receiver.random.random()
        if manner.hangs:
            self.receiver.waiting.add(self._transport)
        elif chance < manner.fails:
            self._transport.write(SORRY)
        else:
            self._process(headers, body, is_lost=chance < manner.fails + manner.loses)

    def _process(self, headers: dict[str, str], body: bytes, *, is_lost: bool) -> None:
        told, one = orjson.loads(body), self.receiver
        is_verified = one.verified(body, headers) and headers["webhook-sequence"] == str(told["version"])
        place = headers["webhook-id"], told["recordId"], told["version"], told["tenantId"]
        one.told(Receipt(time.monotonic(), one.tenant, one.endpoint, *place, is_verified, is_lost))
        if is_lost:
            self._transport.abort()
        elif one.manner.takes_s:
            asyncio.get_running_loop().call_later(one.manner.takes_s, self._transport.write, OK)
        else:
            self._transport.write(OK)


def _headers(head: bytes) -> dict[str, str]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.decode().lower(): value.strip().decode() for name, _, value in lines}
