"""A body that does not arrive is not waited for beyond the deadline."""

import asyncio
import json
import time
from collections.abc import Iterator

import pytest

from tests.fuzz.conftest import Untouched
from tests.fuzz.server import serving
from tests.world import Client, Place

DEADLINE_S = 2.0  # enough to serve a whole body, the first one too
SLACK_S = 20.0
BODY = b'{"name": "Acme"}'


@pytest.fixture(scope="module")
def address(place: Place) -> Iterator[tuple[str, int]]:
    with serving(place, deadline_s=DEADLINE_S) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


async def answer_to(
    address: tuple[str, int], client: Client, more: str, *parts: bytes
) -> tuple[int, dict[str, object]]:
    """Sends the head of a POST, then part after part, and then nothing."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        head = f"POST /api/v1/accounts HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {client.key}\r\n"
        writer.write(f"{head}Content-Type: application/json\r\nIdempotency-Key: slow\r\n{more}\r\n\r\n".encode())
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.05)
        async with asyncio.timeout(DEADLINE_S + SLACK_S):
            answered = await reader.readuntil(b"\r\n\r\n")
            length = int(answered.lower().partition(b"content-length:")[2].split()[0])
            return int(answered.split()[1]), json.loads(await reader.readexactly(length))
    finally:
        writer.close()


async def test_a_body_that_stops_is_given_up_at_the_deadline(
    address: tuple[str, int], client: Client, untouched: Untouched
) -> None:
    """Each by itself, all at once."""

    async def is_given_up(more: str, *parts: bytes) -> None:
        began = time.monotonic()
        status, problem = await answer_to(address, client, more, *parts)
        assert (status, problem["code"]) == (408, "requestTimeout")
        assert time.monotonic() - began >= DEADLINE_S * 0.9

    async with untouched(client):
        await asyncio.gather(
            is_given_up("Content-Length: 16"),
            is_given_up("Content-Length: 16", BODY[:8]),
            is_given_up("Content-Length: 16", *(BODY[at : at + 1] for at in range(10))),
            is_given_up("Transfer-Encoding: chunked"),
            is_given_up("Transfer-Encoding: chunked", b"8\r\n" + BODY[:8] + b"\r\n"),
        )


async def test_a_client_that_goes_away_leaves_nothing(
    address: tuple[str, int], client: Client, untouched: Untouched
) -> None:
    async with untouched(client):
        for part in (b"", BODY[:8]):
            _, writer = await asyncio.open_connection(*address)
            head = f"POST /api/v1/accounts HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {client.key}\r\n"
            writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 16\r\n\r\n".encode() + part)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
    status, _ = await answer_to(address, client, "Content-Length: 16", BODY)
    assert status == 201
