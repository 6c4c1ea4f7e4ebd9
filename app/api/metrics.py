"""What is counted, and /metrics: the sum over all processes that share PROMETHEUS_MULTIPROC_DIR.

There is no tenant, user, key or path of a request in it: the route is the template.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from starlette.types import Receive, Scope, Send

from app.api.answer import Answer

REGISTRY: Final = CollectorRegistry()
SAMPLE_EVERY_S: Final = 1.0
HEARD_OF_WITHIN_S: Final = 30.0
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED: Final = "unmatched"
_BOUNDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

_REQUESTS = Counter("http_requests", "Requests answered.", ["method", "route", "status"], registry=REGISTRY)
_SECONDS = Histogram(
    "http_request_seconds", "Time to the last byte.", ["method", "route"], buckets=_BOUNDS, registry=REGISTRY
)
_REFUSALS = Counter("rate_limit_refusals", "Requests refused by a rate limit.", registry=REGISTRY)
_FORM_POSTS = Counter("form_posts", "Posts of forms on the web.", ["outcome"], registry=REGISTRY)
_IN_USE = Gauge(
    "database_connections_in_use", "Connections lent by the pools.", multiprocess_mode="livesum", registry=REGISTRY
)
_WAITING = Gauge(
    "database_requests_waiting", "Requests that wait for a connection.", multiprocess_mode="livesum", registry=REGISTRY
)

Record = tuple[Callable[[], None], Callable[[float], None]]
_records: dict[tuple[str, str, int], Record] = {}


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """`route` is a path template or `UNMATCHED`: what clients make up must not become a label."""
    record = _records.get((method, route, status))
    if record is None:
        record = _record(method if method in METHODS else "other", route, status)
    count, time = record
    count()
    time(seconds)


def _record(method: str, route: str, status: int) -> Record:
    key = (method, route, status)
    if key not in _records:
        _records[key] = (_REQUESTS.labels(method, route, str(status)).inc, _SECONDS.labels(method, route).observe)
    return _records[key]


refused: Final[Callable[[], None]] = _REFUSALS.inc


def form_posted(outcome: Literal["taken", "refused", "limited", "honeypot"]) -> None:
    _FORM_POSTS.labels(outcome).inc()


class Lender(Protocol):
    """The pool, as far as it is measured."""

    @property
    def in_use(self) -> int: ...
    @property
    def waiting(self) -> int: ...


class Observer(Protocol):
    """The last word of the worker that was heard of last."""

    @property
    def age_s(self) -> float: ...
    @property
    def horizon_lag_s(self) -> float: ...
    @property
    def horizon_pid(self) -> int | None: ...
    @property
    def horizon_database(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Metrics:
    """`last_heartbeat` answers None where no worker has ever been; it may fail while the database is away."""

    pool: Lender
    last_heartbeat: Callable[[], Awaitable[Observer | None]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI
        self.sample()
        worker = None
        try:
            async with asyncio.timeout(SAMPLE_EVERY_S):
                worker = await self.last_heartbeat()
        except Exception:  # noqa: BLE001, S110  # the other figures are needed most while the database is away
            pass
        text = await asyncio.to_thread(_exposition, worker)
        await Answer(200, text, [(b"content-type", CONTENT_TYPE_LATEST.encode())]).send(send)

    def sample(self) -> None:
        _IN_USE.set(self.pool.in_use)
        _WAITING.set(self.pool.waiting)

    async def run(self) -> None:
        """Until cancelled: what this process answers to the scrapes that another process gets."""
        try:
            while True:
                self.sample()
                await asyncio.sleep(SAMPLE_EVERY_S)
        finally:
            _IN_USE.set(0)
            _WAITING.set(0)


class _OfWorker(Collector):
    def __init__(self, worker: Observer | None) -> None:
        self._worker = worker

    def collect(self) -> Iterator[GaugeMetricFamily]:
        worker = self._worker
        age = GaugeMetricFamily("worker_heartbeat_age_seconds", "Since any worker last gave a sign of life.")
        age.add_metric([], worker.age_s if worker else float("inf"))
        yield age
        lag = GaugeMetricFamily(
            "event_horizon_lag_seconds",
            "For how long the settled horizon of the event log has stood still, and who holds it.",
            labels=["pid", "database"],
        )
        if worker and worker.age_s < HEARD_OF_WITHIN_S:
            lag.add_metric([str(worker.horizon_pid or ""), worker.horizon_database or ""], worker.horizon_lag_s)
        yield lag


def _exposition(worker: Observer | None) -> bytes:
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    registry = REGISTRY
    if shared:
        _forget_the_dead(Path(shared))
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client does not annotate it
    return generate_latest(registry) + generate_latest(_registry_of(_OfWorker(worker)))


def _registry_of(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def _forget_the_dead(shared: Path) -> None:
    """The gauges of a process that was killed would stand for ever; what it counted stays in the sums."""
    for file in shared.glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]  # prometheus_client does not annotate it
        except PermissionError:
            continue
