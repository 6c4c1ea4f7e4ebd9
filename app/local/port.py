"""The listening socket, taken before anything that would have to be undone is started."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from app.local.errors import CannotStart

BACKLOG = 2048


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """It listens at once: two who want one port must not both think that they have it."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CannotStart(
            f"Port {port} cannot be used ({reason}): choose another with --port, or 0 for any that is free."
        ) from error
    with listener:
        yield listener
