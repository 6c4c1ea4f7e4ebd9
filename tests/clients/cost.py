"""What a call costs in CPU time against bare httpx to the same receiver: `python -m tests.clients.cost`."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from statistics import median
from time import process_time

import httpx

from app.workers.clients.calling import Caller

BODY = b'{"type":"account.updated","data":{}}' * 30
HEADERS = {"content-type": "application/json", "webhook-id": "1" * 36, "webhook-signature": "v1," + "a" * 44}
CALLS, TURNS = 1500, 7

Call = Callable[[], Awaitable[object]]


class Answering(asyncio.Protocol):
    """Two hundred to everything that has come as a whole."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.received = transport, b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        _, found, body = self.received.partition(b"\r\n\r\n")
        if found and len(body) >= len(BODY):
            self.received = body[len(BODY) :]
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok")


async def receive() -> None:
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  # a program for the terminal
    await server.serve_forever()


async def cost_us(call: Call, together: int) -> float:
    async def some() -> None:
        for _ in range(CALLS // together):
            await call()

    await call()
    began = process_time()
    await asyncio.gather(*(some() for _ in range(together)))
    return (process_time() - began) / CALLS * 1e6


async def compare(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as bare, Caller(allow_loopback=True) as caller:

        async def by_httpx() -> None:
            assert (await bare.post(url, content=BODY, headers=HEADERS)).status_code == 200

        async def by_us() -> None:
            assert (await caller.post(url, HEADERS, BODY, 15)).status == 200

        for together in (1, 8):
            pairs = [(await cost_us(by_httpx, together), await cost_us(by_us, together)) for _ in range(TURNS)]
            bare_us, ours_us = (median(one) for one in zip(*pairs, strict=True))
            ratio = median(ours / theirs for theirs, ours in pairs)
            print(f"{together} at a time: httpx {bare_us:.0f} us, ours {ours_us:.0f} us, ratio {ratio:.2f}")  # noqa: T201  # a program for the terminal


def main() -> None:
    if sys.argv[1:] == ["receive"]:
        asyncio.run(receive())
        return
    with subprocess.Popen([sys.executable, "-m", "tests.clients.cost", "receive"], stdout=subprocess.PIPE) as receiver:
        assert receiver.stdout
        port = int(receiver.stdout.readline())
        asyncio.run(compare(f"http://127.0.0.1:{port}/hook"))
        receiver.kill()


if __name__ == "__main__":
    main()
