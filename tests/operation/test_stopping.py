"""A server that is told to stop leaves nobody without an answer."""

import threading

import pytest

from app.local.serving import DRAIN_S
from tests.fuzz.server import serving
from tests.operation.connections import REQUEST, connected, idle
from tests.world import Client, Place

pytestmark = pytest.mark.own_server
STREAM = "GET /api/v1/events/stream HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {}\r\n\r\n"
# Waits for a first request as long as it may, so that on a slow machine the request is there in time.
PATIENT = (
    "-c",
    f"from app.cli import main; from app.local import serving; serving.FIRST_REQUEST_S = {DRAIN_S}; main()",
)


def test_what_is_asked_on_a_connection_made_just_before_is_answered(place: Place, client: Client) -> None:
    """Asked when the server stops for certain: it has ended its streams."""
    with serving(place, program=PATIENT) as url:
        stream = connected(url)
        stream.sendall(STREAM.format(client.key).encode())
        assert stream.recv(4096).startswith(b"HTTP/1.1 200")
        connection = idle(url)

        def ask() -> None:
            while stream.recv(4096):
                pass
            connection.sendall(REQUEST)

        asking = threading.Thread(target=ask)
        asking.start()
    asking.join()
    answer = connection.recv(4096)
    connection.close()
    stream.close()

    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b"\r\nconnection: close\r\n" in answer.lower(), answer
