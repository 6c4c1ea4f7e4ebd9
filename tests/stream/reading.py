"""Server-sent events as their specification reads them, over HTTP or from the application itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.types import ASGIApp, Message

WITHIN_S = 10.0
PATH = "/api/v1/events/stream"


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    type: str
    data: dict[str, Any]


@dataclass(slots=True)
class Parser:
    """Of lines to events. `last_id` is what a browser would come back with, `retry_ms` after how long."""

    last_id: str = ""
    retry_ms: int | None = None
    comments: int = 0
    _id: str = ""
    _type: str = ""
    _data: list[str] = field(default_factory=list)

    def take(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments += 1
            case "id":
                self._id = value
            case "event":
                self._type = value
            case "data":
                self._data.append(value)
            case "retry":
                self.retry_ms = int(value)
            case _:
                raise AssertionError(f"no field of an event stream: {line}")
        return None

    def _dispatch(self) -> Event | None:
        self.last_id, data, type_ = self._id, "\n".join(self._data), self._type
        self._data, self._type = [], ""
        return Event(self.last_id, type_, json.loads(data)) if data else None


def events_in(text: str) -> list[Event]:
    parser = Parser()
    return [found for line in text.split("\n") if (found := parser.take(line))]


class EventSource:
    """One connection. `chunk` answers the next bytes, and raises `EOFError` at their end."""

    def __init__(self, status: int, headers: dict[str, str], chunk: Callable[[], Awaitable[bytes]]) -> None:
        self.status, self.headers = status, headers
        self.parser = Parser()
        self._chunk = chunk
        self._rest = b""

    async def next(self, within_s: float = WITHIN_S) -> Event:
        async with asyncio.timeout(within_s):
            while True:
                found = self.parser.take(await self._line())
                if found is not None:
                    return found

    async def until_its_end(self, within_s: float = WITHIN_S) -> list[Event]:
        found = []
        try:
            while True:
                found.append(await self.next(within_s))
        except EOFError:
            return found

    async def opened(self) -> "EventSource":
        """Returns when it is known from where on events come."""
        async with asyncio.timeout(WITHIN_S):
            while not self.parser.last_id:
                self.parser.take(await self._line())
        return self

    async def comment(self, within_s: float = WITHIN_S) -> None:
        """Returns after a heartbeat, which no event comes before."""
        seen = self.parser.comments
        async with asyncio.timeout(within_s):
            while self.parser.comments == seen or await self._line():
                assert self.parser.take(await self._line()) is None

    async def _line(self) -> str:
        while b"\n" not in self._rest:
            self._rest += await self._chunk()
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()


@asynccontextmanager
async def connected(url: str, key: str, last_id: str | None = None, **query: str) -> AsyncIterator[EventSource]:
    """Over a socket."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    resumed = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
    writer.write(
        f"GET {PATH}?{urlencode(query)} HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {key}\r\n{resumed}\r\n".encode()
    )
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}

        async def chunk() -> bytes:
            size = int((await reader.readline()) or b"0", 16)
            found = await reader.readexactly(size + 2)
            if not size:
                raise EOFError
            return found[:-2]

        yield EventSource(int(head[0].split()[1]), headers, chunk)
    finally:
        writer.close()


class Wire:
    """What an application sends, `room` chunks ahead of who reads."""

    def __init__(self, room: int) -> None:
        self.sent: asyncio.Queue[Message] = asyncio.Queue(room)
        self.gone = asyncio.Event()
        self._asked = False

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if not self.gone.is_set():
            await self.sent.put(message)

    async def chunk(self) -> bytes:
        message = await self.sent.get()
        if not message.get("more_body"):
            raise EOFError
        body: bytes = message["body"]
        return body

    def hang_up(self) -> None:
        """What waits for room has it now."""
        self.gone.set()
        while not self.sent.empty():
            self.sent.get_nowait()


@asynccontextmanager
async def listening(
    app: ASGIApp, key: str, last_id: str | None = None, *, room: int = 1_000, **query: str
) -> AsyncIterator[EventSource]:
    """In this process."""
    wire = Wire(room)
    headers = [(b"authorization", f"Bearer {key}".encode()), (b"accept", b"text/event-stream")]
    headers += [(b"last-event-id", last_id.encode())] if last_id is not None else []
    scope = {"type": "http", "method": "GET", "path": PATH, "raw_path": PATH.encode(), "headers": headers}
    scope |= {"query_string": urlencode(query).encode(), "http_version": "1.1"}
    async with asyncio.TaskGroup() as group:
        group.create_task(app(scope, wire.receive, wire.send))  # type: ignore[arg-type]  # applications are coroutines
        start = await wire.sent.get()
        named = {name.decode(): value.decode() for name, value in start["headers"]}
        try:
            yield EventSource(start["status"], named, wire.chunk)
        finally:
            wire.hang_up()
