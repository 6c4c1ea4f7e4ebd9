"""Any HTTP server beside ours: what it is asked stands in a JSON file, and only the addresses in that file are called.

`peers.example.json` shows the form. In a path or body `{n}` counts up, `{random:1:500}` draws a number, and
`{pick:name}` draws one of the file's `picks`.
"""

import json
import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from bench.client import Driven, drive
from bench.processes import cpu_us
from bench.report import Line

ROUNDS, CONNECTIONS = 5, 8
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PLACE = re.compile(r"\{(n|random:(\d+):(\d+)|pick:(\w+))\}")
_COUNTER, _RANDOM = count(1), random.Random(11)


@dataclass(frozen=True, slots=True)
class Peer:
    """`headers` may name environment variables as `$NAME`; `elsewhere` allows a server that is not on this machine."""

    name: str
    base_url: str
    requests: Mapping[str, Mapping[str, Any]]
    headers: Mapping[str, str] = field(default_factory=dict)
    picks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pid: int | None = None
    elsewhere: bool = False

    @property
    def address(self) -> tuple[str, int]:
        url = urlsplit(self.base_url)
        if url.scheme != "http" or not url.hostname:
            raise SystemExit(f"{self.name}: give an http:// address with its host, not {self.base_url}")
        if url.hostname not in LOOPBACK and not self.elsewhere:
            raise SystemExit(
                f'{self.name}: {url.hostname} is not this machine; say "elsewhere": true if you may load it'
            )
        return url.hostname, url.port or 80

    def made(self, work: str) -> bytes:
        """One request, as bytes."""
        asked = self.requests[work]
        path = urlsplit(self.base_url).path.rstrip("/") + self._filled(asked["path"])
        body = self._filled(_text(asked["body"])).encode() if "body" in asked else b""
        headers = {"Host": urlsplit(self.base_url).netloc, **self.headers, **asked.get("headers", {})}
        if body:
            headers = {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {_from_environment(value)}\r\n" for name, value in headers.items())
        return f"{asked.get('method', 'GET')} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    def _filled(self, template: str) -> str:
        return _PLACE.sub(self._put, template)

    def _put(self, found: re.Match[str]) -> str:
        if found[1] == "n":
            return str(next(_COUNTER))
        if found[4]:
            return _RANDOM.choice(self.picks[found[4]])
        return str(_RANDOM.randint(int(found[2]), int(found[3])))


def read_peers(file: Path) -> list[Peer]:
    try:
        peers = [Peer(**one) for one in json.loads(file.read_text())["peers"]]
    except (ValueError, TypeError, KeyError) as error:
        raise SystemExit(f"{file} does not have the form of peers.example.json: {error}") from error
    for peer in peers:
        peer.address  # noqa: B018  # refuses a wrong address before anything is asked
    return peers


def peers_measured(file: Path, requests: int = 400, rounds: int = ROUNDS) -> Iterator[Line]:
    """The first peer of the file is what the others are compared with. Works that only one has are left out."""
    peers = read_peers(file)
    first = peers[0]
    for work in first.requests:
        rivals = [peer for peer in peers if work in peer.requests]
        taken: dict[str, list[tuple[Driven, float]]] = {peer.name: [] for peer in rivals}
        for peer in rivals:
            _turn(peer, work, CONNECTIONS * 4)
        for turn in range(rounds):
            for peer in rivals if turn % 2 else rivals[::-1]:
                taken[peer.name].append(_turn(peer, work, requests))
        for peer in rivals:
            yield _line(peer, work, taken[first.name], taken[peer.name])


def _turn(peer: Peer, work: str, requests: int) -> tuple[Driven, float]:
    """What came back, and the CPU that the server used for each request, where its process is named."""
    host, port = peer.address
    batches = [[peer.made(work) for _ in range(requests // CONNECTIONS)] for _ in range(CONNECTIONS)]
    before = cpu_us(peer.pid) if peer.pid else 0.0
    driven = drive(port, batches, host)
    if wrong := {status for status in driven.statuses if status >= 300}:
        raise SystemExit(f"{peer.name} answers {work} with {wrong}: {driven.bodies[0][:300]!r}")
    used = cpu_us(peer.pid) - before if peer.pid else 0.0
    return driven, used / len(driven.latencies_ms)


def _line(peer: Peer, work: str, first: Sequence[tuple[Driven, float]], own: Sequence[tuple[Driven, float]]) -> Line:
    """The ratio is that of the wall time: how much longer a request takes than at the first."""
    walls = [mine.wall_s / theirs.wall_s for (mine, _), (theirs, _) in zip(own, first, strict=True)]
    rate = median(len(one.latencies_ms) / one.wall_s for one, _ in own)
    percentiles = [median(one.percentile_ms(share) for one, _ in own) for share in (0.5, 0.99)]
    return Line(
        work=f"{work}, {peer.name}",
        limit=f"{rate:,.0f} requests a second",
        product=f"{median(used for _, used in own):.0f} us" if peer.pid else "",
        values=walls,
        size=str(len(own[0][0].bodies[0])),
        wall=" / ".join(f"{one:.1f}" for one in percentiles) + " ms",
    )


def _from_environment(value: str) -> str:
    """`Bearer $PEER_KEY` with what the environment says."""

    def known(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise SystemExit(f"the environment has no {found[1]}, which the file of peers names")
        return os.environ[found[1]]

    return re.sub(r"\$([A-Z][A-Z0-9_]*)", known, value)


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body)
