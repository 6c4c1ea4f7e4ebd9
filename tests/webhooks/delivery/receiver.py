"""A receiver of webhooks on this machine: notes what comes, and answers by script."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def as_bytes(self) -> bytes:
        lines = {"content-length": str(len(self.body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"HTTP/1.1 {self.status} So\r\n{head}\r\n".encode() + self.body


SORRY = Answer(500)


@dataclass(frozen=True, slots=True)
class Request:
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return dict(orjson.loads(self.body))

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> None:
        """By the public library, which also refuses what is too old."""
        Webhook(secret).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    """`answer` decides what is answered once the script is used up; while it `hangs` nothing is, and while it is not
    `free` everything waits.

    `most` is how many requests were under way at once.
    """

    answer: Callable[[Request], Answer] = lambda _: Answer()
    script: list[Answer] = field(default_factory=list)
    takes_s: float = 0.0
    hangs: bool = False
    free: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most: int = 0
    _under_way: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [one.event for one in self.requests]

    @property
    def versions(self) -> dict[str, list[int]]:
        """Of each record, in the order in which they came."""
        found = defaultdict(list)
        for one in self.events:
            found[one["recordId"]].append(one["version"])
        return dict(found)

    def forget(self) -> None:
        self.requests.clear()
        self.times.clear()
        self.most = 0

    def hang_up(self) -> None:
        """On all that are connected, and hang no more."""
        self.hangs = False
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                request = await _read(reader)
                self._under_way += 1
                try:
                    await self._answer(request, reader, writer)
                finally:
                    self._under_way -= 1
        self._writers.discard(writer)
        writer.close()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.most = max(self.most, self._under_way)
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        if self.hangs:
            await reader.read()
            return
        await self.free.wait()
        if self.takes_s:
            await asyncio.sleep(self.takes_s)
        answer = self.script.pop(0) if self.script else self.answer(request)
        writer.write(answer.as_bytes())


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    receiver.free.set()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, limit=2**20)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        receiver.hang_up()
        await asyncio.sleep(0)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()[1:-1]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)}
    return Request(headers, await reader.readexactly(int(headers["content-length"])))
