"""A TCP proxy in front of a server, whose connections can be cut, held, slowed down, or robbed of an answer."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from enum import StrEnum
from random import Random
from typing import Any, cast

Dial = Callable[[Callable[[], asyncio.Protocol]], Awaitable[tuple[asyncio.BaseTransport, asyncio.BaseProtocol]]]


class Cut(StrEnum):
    reset = "reset"  # both sides are closed at once
    half_open = "half-open"  # nothing passes any more, and nobody is told
    late = "late"  # every piece comes a little later
    deaf = "deaf"  # what is asked still arrives, the answer does not


class Proxy:
    """`dial` connects to the server behind it."""

    def __init__(self, dial: Dial) -> None:
        self.dial, self.delay_s = dial, 0.0
        self.pairs: set[Pair] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: Pair(self), "127.0.0.1", 0)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.reset(list(self.pairs))

    def some(self, random: Random, share: float) -> "list[Pair]":
        return [one for one in self.pairs if random.random() < share]

    def reset(self, pairs: "list[Pair]") -> None:
        for one in pairs:
            one.abort()

    async def cut(self, how: Cut, random: Random, share: float = 0.5) -> None:
        """Done to a share of the connections there are; what was held or robbed is closed in the end."""
        pairs = self.some(random, share)
        if how is Cut.late:
            self.delay_s = random.uniform(0.01, 0.1)
            await asyncio.sleep(random.uniform(0.5, 2))
            self.delay_s = 0.0
            return
        try:
            if how is not Cut.reset:
                for one in pairs:
                    one.held = how is Cut.half_open
                    one.deaf = how is Cut.deaf
                await asyncio.sleep(random.uniform(0.5, 4 if how is Cut.half_open else 1))
        finally:  # also when the run is over before
            self.reset(pairs)


class Side(asyncio.Protocol):
    """One of the two connections of a pair; what it reads, the other one writes."""

    def __init__(self, pair: "Pair") -> None:
        self.pair = pair

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.pair.server = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.pair.answered(data)

    def connection_lost(self, _: Exception | None) -> None:
        self.pair.end()


class Pair(asyncio.Protocol):
    """The client's connection, which owns the one to the server."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.client: asyncio.Transport
        self.server: asyncio.Transport | None = None
        self.held = self.deaf = self.is_over = False
        self._early = b""
        self._late: tuple[deque[bytes], deque[bytes]] = (deque(), deque())
        self._dialling: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.client = cast("asyncio.Transport", transport)
        self.proxy.pairs.add(self)
        self._dialling = asyncio.ensure_future(self._dial())

    async def _dial(self) -> None:
        try:
            await self.proxy.dial(lambda: Side(self))
        except OSError:
            self.abort()
            return
        if self.is_over:
            self.abort()
        elif self._early:
            self._pass(self.server, self._early)

    def data_received(self, data: bytes) -> None:
        if self.held:
            return
        if self.server is None:
            self._early += data
        else:
            self._pass(self.server, data)

    def answered(self, data: bytes) -> None:
        if not (self.held or self.deaf):
            self._pass(self.client, data)

    def _pass(self, to: Any, data: bytes) -> None:
        """In their order, also behind the end of a delay: each timer sends what has waited longest."""
        waiting = self._late[to is self.client]
        if not (self.proxy.delay_s or waiting):
            to.write(data)
            return
        waiting.append(data)
        asyncio.get_running_loop().call_later(self.proxy.delay_s, lambda: to.write(waiting.popleft()))

    def connection_lost(self, _: Exception | None) -> None:
        self.end()

    def end(self) -> None:
        """One side has gone, in its own time: what it sent before still reaches the other."""
        self.is_over = True
        self.proxy.pairs.discard(self)
        for one in (self.client, self.server):
            if one is not None and not self.held:
                one.close()

    def abort(self) -> None:
        self.is_over, self.held = True, False
        self.proxy.pairs.discard(self)
        for one in (self.client, self.server):
            if one is not None:
                one.abort()
