"""Streams live longer than the servers that they come from."""

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from app.api import stream
from app.domain.kernel.query import Position
from app.local.serving import DRAIN_S
from app.repositories.tail import Tail
from tests.factories.accounts import make_account
from tests.forgotten import crash
from tests.fuzz.server import serving
from tests.operation.connections import idle
from tests.servers import Servers
from tests.stream.reading import connected, listening
from tests.world import Client, Place, World

pytestmark = pytest.mark.own_server


async def test_a_server_that_is_told_to_stop_ends_its_streams_and_silent_connections_and_the_next_one_goes_on(
    place: Place, client: Client
) -> None:
    async with AsyncExitStack() as stack:
        with serving(place) as url:
            source = await stack.enter_async_context(connected(url, client.key))
            made = [await make_account(client) for _ in range(2)]
            assert [(await source.next()).data["recordId"] for _ in made] == [one["id"] for one in made]
            silent = stack.enter_context(idle(url))
            begun = time.monotonic()
        assert time.monotonic() - begun < DRAIN_S
        assert await source.until_its_end() == []
        assert silent.recv(1) == b""
    missed = await make_account(client)
    with serving(place) as url:
        async with connected(url, client.key, source.parser.last_id) as source:
            assert (await source.next()).data["recordId"] == missed["id"]


async def test_a_stream_waits_for_the_database_and_goes_on(
    own_world: World, own_server: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.3)
    client = await own_world.tenant()
    async with listening(own_world.app, client.key) as source:
        await source.opened()
        await asyncio.to_thread(own_server.postgres.kill)
        for _ in range(3):
            await source.comment()
        await asyncio.to_thread(own_server.postgres.start)
        made = await made_again(client)
        assert (await source.next()).data["recordId"] == made["id"]


async def test_what_a_transaction_writes_whose_id_was_given_out_before_a_crash_is_read(
    own_world: World, own_server: Servers
) -> None:
    tail, client = Tail(own_server.place.url), await own_world.tenant()
    await own_world.settled()

    async def place() -> Position:
        return (await tail.after(await tail.end(), 1)).end

    before = await crash(own_server, place)
    made = await made_again(client)
    await own_world.settled()
    read = await tail.after(before, 100)
    await tail.rest()
    assert [row["record_id"] for row in read.rows] == [made["id"]]


async def made_again(client: Client) -> dict[str, str]:
    """An account, as soon as the application has noticed that its database is back."""
    for _ in range(100):
        answer = await client.post("/accounts", json={"name": "Back"})
        if answer.is_success:
            return dict(answer.json())
        await asyncio.sleep(0.1)
    raise AssertionError(answer.text)
