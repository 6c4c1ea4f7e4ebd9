"""The application as a process of its own on loopback: what speaks HTTP to it blocks its own thread."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.world import ENCRYPTION_KEYS, ENVIRONMENT, Place

STARTS_WITHIN_S = 60.0
PROGRAM = ("-m", "app.cli")


@contextmanager
def serving(place: Place, *, port: int = 0, program: Sequence[str] = PROGRAM, **settings: object) -> Iterator[str]:
    """Its URL; `settings` become environment variables."""
    listening = socket.create_server(("127.0.0.1", port))
    port = listening.getsockname()[1]
    given = {
        "database_url": place.url,
        "redis_url": place.redis_url,
        "environment": ENVIRONMENT,
        "encryption_keys": ENCRYPTION_KEYS,
        "log_level": "ERROR",
        **settings,
    }
    process = subprocess.Popen(
        [sys.executable, *program, "serve", "--fd", str(listening.fileno())],
        env=os.environ | {f"CRM_{name.upper()}": str(value) for name, value in given.items()},
        pass_fds=[listening.fileno()],
    )
    try:
        _wait_until_it_answers(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(STARTS_WITHIN_S)
        listening.close()


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int) -> None:
    end = time.monotonic() + STARTS_WITHIN_S
    while True:
        with socket.create_connection(("127.0.0.1", port), timeout=STARTS_WITHIN_S) as connection:
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n")
            if b" 200 " in connection.recv(64):
                return
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < end, "the server does not answer"
        time.sleep(0.05)
