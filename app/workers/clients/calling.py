"""The one client for calls to servers that are not ours. It never raises: what went wrong is an answer, too."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic
from types import TracebackType
from typing import Final, Self, cast

import httpcore

from app.domain.webhooks.addresses import Place, RefusedUrl, place_of
from app.workers.clients.guard import Blocked, Guard, Names, guarded
from app.workers.clients.wire import TlsFailed

READ_BYTES: Final = 64 * 1024
KEPT_BYTES: Final = 2 * 1024
IDLE_S: Final = 4.0
"""Less than the five seconds after which common servers close an idle connection, perhaps under our request."""
IDLE_PER_HOST: Final = 32
MOST_HOSTS: Final = 256
_USER_AGENT: Final = (b"User-Agent", b"Rapport")
_OURS: Final = frozenset(
    (
        *("host", "user-agent", "content-length", "transfer-encoding", "accept-encoding", "expect", "te", "trailer"),
        *("connection", "keep-alive", "upgrade", "proxy-connection", "proxy-authorization"),
    )
)

# At the level DEBUG it would log addresses and headers.
logging.getLogger("httpcore").setLevel(logging.WARNING)

Lines = list[tuple[bytes, bytes]]


class Failure(StrEnum):
    BLOCKED = "blocked"  # the URL or an address behind it may not be called
    TIMEOUT = "timeout"
    CONNECT = "connect"  # no such name, or nobody listens
    TLS = "tls"
    PROTOCOL = "protocol"  # what was to be sent, or what came, is not HTTP; or the connection broke
    TOO_LARGE = "tooLarge"


@dataclass(frozen=True, slots=True)
class Called:
    """`status` is None where no answer began. With a status, `error` says why its body was not read to the end."""

    status: int | None
    headers: Mapping[str, str]
    body_start: bytes
    latency_ms: int
    error: Failure | None = None


@dataclass(slots=True)
class _Answer:
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body_start: bytes = b""


@dataclass(slots=True)
class _Host:
    """Connections to one origin. How many are open is up to the callers; no host waits for another."""

    pool: httpcore.AsyncConnectionPool
    calls: int = 0


class Caller:
    """`ssl_context` replaces the trust of the system."""

    def __init__(
        self, *, allow_loopback: bool, ssl_context: ssl.SSLContext | None = None, guard: Guard | None = None
    ) -> None:
        self._allow_loopback = allow_loopback
        self._names = Names()
        self._guard = guard or guarded(self._names, allow_loopback=allow_loopback)
        self._ssl_context = ssl_context or httpcore.default_ssl_context()
        self._hosts: dict[tuple[str, str, int], _Host] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._names.close()
        for host in self._hosts.values():
            await host.pool.aclose()

    async def post(
        self,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_s: float,
        *,
        custom: Mapping[str, str] | None = None,
    ) -> Called:
        """`timeout_s` is for everything together. `custom` headers replace none of `headers`, and neither ours."""
        began, answer, error = monotonic(), _Answer(), None
        try:
            place = place_of(url, allow_loopback=self._allow_loopback)
            lines = _lines(place, headers, custom or {}, len(body))
            async with asyncio.timeout(timeout_s):
                error = await self._exchange(place, lines, body, answer)
        except (RefusedUrl, Blocked):
            error = Failure.BLOCKED
        except TimeoutError:
            error = Failure.TIMEOUT
        except TlsFailed:
            error = Failure.TLS
        except httpcore.ConnectError:
            error = Failure.CONNECT
        except (httpcore.ProtocolError, httpcore.NetworkError, UnicodeEncodeError):
            error = Failure.PROTOCOL
        latency_ms = round(1000 * (monotonic() - began))
        return Called(answer.status, answer.headers, answer.body_start, latency_ms, error)

    async def _exchange(self, place: Place, lines: Lines, body: bytes, answer: _Answer) -> Failure | None:
        url = httpcore.URL(
            scheme=place.scheme.encode(), host=place.host.encode(), port=place.port, target=place.target.encode()
        )
        host = self._host(place)
        host.calls += 1
        try:
            await self._make_room()
            response = await host.pool.handle_async_request(httpcore.Request(b"POST", url, headers=lines, content=body))
            answer.status, answer.headers = response.status, _kept(response.headers)
            try:
                return await _read(response, answer)
            finally:
                await response.aclose()
        finally:
            host.calls -= 1

    def _host(self, place: Place) -> _Host:
        """The one that was called last stands last."""
        key = (place.scheme, place.host, place.port)
        host = self._hosts.pop(key, None)
        self._hosts[key] = host if host is not None else _Host(self._pool())
        return self._hosts[key]

    async def _make_room(self) -> None:
        """Of too many hosts those go that have waited longest."""
        if (surplus := len(self._hosts) - MOST_HOSTS) > 0:
            for key in [key for key, host in self._hosts.items() if not host.calls][:surplus]:
                await self._hosts.pop(key).pool.aclose()

    def _pool(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._ssl_context,
            max_connections=None,
            max_keepalive_connections=IDLE_PER_HOST,
            keepalive_expiry=IDLE_S,
            network_backend=self._guard,
        )


async def _read(response: httpcore.Response, answer: _Answer) -> Failure | None:
    """To the end, so that the connection can be used again; but not for ever."""
    size = 0
    async for chunk in cast("AsyncIterable[bytes]", response.stream):
        size += len(chunk)
        answer.body_start += chunk[: KEPT_BYTES - len(answer.body_start)]
        if size > READ_BYTES:
            return Failure.TOO_LARGE
    return None


def _lines(place: Place, headers: Mapping[str, str], custom: Mapping[str, str], length: int) -> Lines:
    lines = [(b"Host", place.authority.encode()), _USER_AGENT, (b"Content-Length", b"%d" % length)]
    taken = set(_OURS)
    for given in (headers, custom):
        lines += [
            (name.encode("ascii"), value.encode("ascii")) for name, value in given.items() if name.lower() not in taken
        ]
        taken.update(name.lower() for name in given)
    return lines


def _kept(lines: Lines) -> Mapping[str, str]:
    """The first of each name, as far as there is room; `retry-after` always has its place."""
    kept: dict[str, str] = {}
    room = KEPT_BYTES
    for name, value in sorted(lines, key=lambda line: line[0].lower() != b"retry-after"):
        room -= len(name) + len(value)
        if room >= 0:
            kept.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    return kept
