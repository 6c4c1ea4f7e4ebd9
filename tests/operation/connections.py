"""Connections to a server that is about to stop, on which nothing has been asked yet."""

import socket
from urllib.parse import urlsplit

ANSWERS_WITHIN_S = 60
REQUEST = b"GET /health/live HTTP/1.1\r\nHost: test\r\n\r\n"


def connected(url: str) -> socket.socket:
    return socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=ANSWERS_WITHIN_S)


def idle(url: str) -> socket.socket:
    """A connection that the server has: it takes them in their order, and has answered on a later one."""
    connection = connected(url)
    with connected(url) as later:
        later.sendall(REQUEST)
        assert later.recv(4096).startswith(b"HTTP/1.1 200")
    return connection
