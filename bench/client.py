"""A client that costs little: requests made beforehand, plain sockets, keep-alive, no pipelining."""

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
PATIENCE_S = 30.0
LONGEST_S = 120.0


@dataclass(slots=True)
class Driven:
    """What came back: how often each status, how long each answer took, and one body of each connection."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    wall_s: float = 0.0

    def percentile_ms(self, share: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(slots=True)
class Wire:
    """One connection, with what it still has to ask."""

    socket: socket.socket
    requests: Iterator[bytes]
    received: bytearray = field(default_factory=bytearray)
    sent_at: float = 0.0
    wanted: int = 0
    body: bytes = b""

    def ask(self) -> bool:
        request = next(self.requests, None)
        if request is None:
            return False
        self.received.clear()
        self.wanted = 0
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)
        return True

    def is_answered(self) -> bool:
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise ConnectionError("the server closed a connection")
        self.received += chunk
        if not self.wanted:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            length = _LENGTH.search(self.received, 0, end + 2)
            self.wanted = end + 4 + (int(length[1]) if length else 0)
        return len(self.received) >= self.wanted

    @property
    def status(self) -> int:
        return int(self.received[9:12])


def drive(port: int, batches: Sequence[Sequence[bytes]], host: str = "127.0.0.1") -> Driven:
    """Each batch on a connection of its own, all at once; every connection has one request under way."""
    driven = Driven()
    with selectors.DefaultSelector() as selector:
        begun = time.perf_counter()
        for batch in batches:
            wire = Wire(connect(host, port), iter(batch))
            if wire.ask():
                selector.register(wire.socket, selectors.EVENT_READ, wire)
        while selector.get_map():
            ready = selector.select(PATIENCE_S)
            if not ready or time.perf_counter() - begun > LONGEST_S:
                raise TimeoutError(
                    f"answered were {len(driven.latencies_ms)} requests in {LONGEST_S:.0f} s: {driven}"[:300]
                )
            for key, _ in ready:
                _go_on(key.data, selector, driven)
        driven.wall_s = time.perf_counter() - begun
    return driven


def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    driven = drive(port, [[request]])
    return next(iter(driven.statuses)), driven.bodies[0]


def _go_on(wire: Wire, selector: selectors.BaseSelector, driven: Driven) -> None:
    if not wire.is_answered():
        return
    driven.latencies_ms.append((time.perf_counter() - wire.sent_at) * 1e3)
    driven.statuses[wire.status] += 1
    if not wire.ask():
        driven.bodies.append(bytes(wire.received[wire.received.find(b"\r\n\r\n") + 4 :]))
        selector.unregister(wire.socket)
        wire.socket.close()


def connect(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port), timeout=PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection
