"""A client of the API that costs little and sees everything: one connection, one request at a time, no retry of its own."""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson

PATIENCE_S = 12.0


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class Wire:
    """Keeps its connection as long as the server does."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer | None:
        """None where no answer came, or not all of it. Names of headers are given with underscores."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = self._streams or await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
                self._streams = reader, writer
                writer.write(self._request(method, path, body, headers))
                answer = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            self.close()
            return None
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    @property
    def is_open(self) -> bool:
        return self._streams is not None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    def _request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        content = b"" if body is None else orjson.dumps(body)
        lines = [f"{method} /api/v1{path} HTTP/1.1", "Host: test", f"Authorization: Bearer {self.key}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        return "\r\n".join([*lines, "", ""]).encode() + content


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(int(head[0].split(" ")[1]), headers, body)
