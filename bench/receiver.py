"""Answers every POST with 204 and writes when it came: `python -m bench.receiver PORT FILE`, in a process of its own."""

import asyncio
import re
import sys
import time
from pathlib import Path
from typing import TextIO

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_ID = re.compile(rb"\r\nwebhook-id: *([^\r]+)", re.IGNORECASE)
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receiver(asyncio.Protocol):
    def __init__(self, arrivals: TextIO) -> None:
        self._arrivals = arrivals
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, end)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            found = _ID.search(self._received, 0, end + 2)
            self._arrivals.write(f"{time.time():.6f} {found[1].decode() if found else '-'}\n")
            del self._received[:size]
            self._transport.write(ANSWER)


async def main(port: int, arrivals: TextIO) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Receiver(arrivals), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with Path(sys.argv[2]).open("w", buffering=1) as file:
        asyncio.run(main(int(sys.argv[1]), file))
