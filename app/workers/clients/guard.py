"""Decides with every connection where it may go, so that no name, however it is resolved, leads into our network."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpcore

from app.domain.webhooks.addresses import may_be_called
from app.workers.clients.wire import Dialler

_LOOK_UPS: Final = 16
_MOST_ATTEMPTS: Final = 4

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Blocked(httpcore.ConnectError):
    """An answer for this name is an address that may not be called."""


class Guard(httpcore.AsyncNetworkBackend):
    """Resolves once, looks at all answers, and connects to one of them: the name is not asked again."""

    def __init__(self, resolve: Resolve, inner: httpcore.AsyncNetworkBackend, *, allow_loopback: bool) -> None:
        self._resolve, self._inner, self._allow_loopback = resolve, inner, allow_loopback

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not all(may_be_called(one, port, allow_loopback=self._allow_loopback) for one in addresses):
            raise Blocked
        for address in addresses[:_MOST_ATTEMPTS]:
            try:
                return await self._inner.connect_tcp(address, port)
            except httpcore.ConnectError:
                continue
        raise httpcore.ConnectError


class Names:
    """The resolver of the system, in threads of its own. A name that hangs holds one of them, however many ask."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOK_UPS, "names")
        self._asked: dict[str, asyncio.Future[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        asked = self._asked.get(host)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._asked[host] = asked
            asked.add_done_callback(lambda _: self._asked.pop(host))
        try:
            return await asyncio.shield(asked)
        except OSError:
            raise httpcore.ConnectError from None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def guarded(names: Names, *, allow_loopback: bool) -> Guard:
    return Guard(names.addresses, Dialler(), allow_loopback=allow_loopback)


def _look_up(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
