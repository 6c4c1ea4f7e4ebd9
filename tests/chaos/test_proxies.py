"""What the proxies of the chaos kit do to a connection is what a network may do to it, and no more."""

import asyncio
from random import Random

from tests.chaos.proxies import Cut, Dial, Proxy


def dial_to(port: int) -> Dial:
    return lambda factory: asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)


async def test_pieces_keep_their_order_when_a_delay_ends() -> None:
    """Else the events of a stream, each a piece of its own, would change places, and nobody could tell by what."""
    came: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await came.put(await reader.readexactly(3))
        writer.close()

    async with await asyncio.start_server(read, "127.0.0.1", 0) as server:
        proxy = Proxy(dial_to(server.sockets[0].getsockname()[1]))
        await proxy.start()
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        for delay_s, piece in ((0.2, b"1"), (0.05, b"2"), (0.0, b"3")):
            proxy.delay_s = delay_s
            writer.write(piece)
            await asyncio.sleep(0.02)
        assert await asyncio.wait_for(came.get(), 10) == b"123"
        writer.close()
        proxy.close()


async def test_a_cut_that_is_called_off_leaves_no_connection_open() -> None:
    """Half open means that one side has gone and the other was not told: it is the proxy that has to end it."""
    met, over = asyncio.Event(), asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.set()
        assert await reader.read() == b""
        writer.close()
        over.set()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        proxy = Proxy(dial_to(server.sockets[0].getsockname()[1]))
        await proxy.start()
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            await met.wait()
            cut = tasks.create_task(proxy.cut(Cut.half_open, Random(1), share=1.0))
            await asyncio.sleep(0.05)
            writer.close()
            await asyncio.sleep(0.05)
            cut.cancel()
        proxy.close()
        await asyncio.wait_for(over.wait(), 10)
