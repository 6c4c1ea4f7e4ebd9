"""A connection for httpcore straight on a transport of the event loop: no layer of streams, no timer per read or write.

Whoever calls sets one deadline for the whole call.
"""

import asyncio
import ssl
from typing import Any, Final, cast

import httpcore

_MOST_UNREAD: Final = 256 * 1024
"""More than head and body of any answer that is read to its end: whoever sends more is not listened to."""
_CONNECT_S: Final = 3.0


class TlsFailed(httpcore.ConnectError):
    """The other side did not prove who it is, or speaks no TLS that we speak."""


class Wire(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """Its own protocol. What is written leaves with the next read: head and body of a request in one packet."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._unsent = bytearray()
        self._unread = bytearray()
        self._ended = False
        self._change: asyncio.Future[None] | None = None

    async def read(self, max_bytes: int, *_: Any, **__: Any) -> bytes:
        if self._unsent:
            self._transport.write(bytes(self._unsent))
            self._unsent.clear()
        while not (self._unread or self._ended):
            await self._changed()
        data = bytes(self._unread[:max_bytes])
        del self._unread[:max_bytes]
        return data

    async def write(self, buffer: bytes, *_: Any, **__: Any) -> None:
        if self._ended:
            raise httpcore.WriteError
        self._unsent += buffer

    async def aclose(self) -> None:
        """At once: nobody waits until the other side has said goodbye, too."""
        self._transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, *_: Any, **__: Any
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(self._transport, self, ssl_context, server_hostname=server_hostname)
        except OSError:
            raise TlsFailed from None
        if secured is None:
            raise TlsFailed
        self._transport = secured
        return self

    def get_extra_info(self, info: str) -> Any:
        """An idle connection with something to read was closed by the other side, or answers what was not asked."""
        if info == "is_readable":
            return self._ended or bool(self._unread)
        return self._transport.get_extra_info(info)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if len(self._unread) > _MOST_UNREAD:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """None lets the transport close itself."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # as the loop calls it
        self._ended = True
        self._wake()

    async def _changed(self) -> None:
        self._change = asyncio.get_running_loop().create_future()
        try:
            await self._change
        finally:
            self._change = None

    def _wake(self) -> None:
        if self._change and not self._change.done():
            self._change.set_result(None)


class Dialler(httpcore.AsyncNetworkBackend):
    """Connects to an address, never to a name."""

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(_CONNECT_S):
                connected = await asyncio.get_running_loop().create_connection(Wire, host, port)
        except (OSError, TimeoutError):
            raise httpcore.ConnectError from None
        return connected[1]
