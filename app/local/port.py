"""The listening socket, taken before anything that would have to be undone is started."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from app.local.errors import CannotStart

BACKLOG = 2048


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """It listens at once: two who want one port must not both think that they have it."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise CannotStart(
                f"Port {port} cannot be used ({reason}): choose another with --port, or 0 for any that is free."
            ) from error
        yield listener
