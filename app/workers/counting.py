"""What workers count, for /metrics: by kind of work and by how it ended, never by tenant or target."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry()
SEEN_LAST: Final = "livemostrecent"
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ENDS = Counter("work_done", "Pieces of due work that came to an end.", ["kind", "outcome"], registry=REGISTRY)
_SECONDS = Histogram("work_seconds", "Time that a piece of work took.", ["kind"], buckets=_BOUNDS, registry=REGISTRY)
_PARKED = Counter("work_abandoned", "Work parked because nobody who took it came back.", ["kind"], registry=REGISTRY)
_RINGS = Counter("work_rings", "Doorbells rung, and those that Redis did not take.", ["outcome"], registry=REGISTRY)
_DUE = Gauge(
    "work_due", "Pieces of work that could be begun now.", ["kind"], multiprocess_mode=SEEN_LAST, registry=REGISTRY
)
_OLDEST_S = Gauge(
    "work_oldest_due_seconds",
    "For how long the oldest piece of work has been due.",
    ["kind"],
    multiprocess_mode=SEEN_LAST,
    registry=REGISTRY,
)
_WAITS = Gauge(
    "work_parked", "Work that somebody has to look at.", ["kind"], multiprocess_mode=SEEN_LAST, registry=REGISTRY
)
_LAG_S = Gauge(
    "relay_lag_seconds",
    "Age of the oldest settled event that a subscriber has not read.",
    ["subscriber"],
    multiprocess_mode=SEEN_LAST,
    registry=REGISTRY,
)
_PUBLISHED = Counter("broker_published", "Events that the message broker has confirmed.", registry=REGISTRY)
_FAILED = Counter("broker_failures", "Times that publishing to the message broker began anew.", registry=REGISTRY)
_BEHIND = Gauge(
    "broker_behind_events",
    "Events that wait for the message broker, 10,000 at most.",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
_BEHIND_S = Gauge(
    "broker_behind_seconds",
    "Age of the oldest event that waits for it.",
    multiprocess_mode="livemax",
    registry=REGISTRY,
)
_sampled: set[str] = set()
_followed: set[str] = set()


def done(kind: str, outcome: str, seconds: float) -> None:
    _ENDS.labels(kind, outcome.lower()).inc()
    _SECONDS.labels(kind).observe(seconds)


def parked(kind: str, number: int) -> None:
    if number:
        _PARKED.labels(kind).inc(number)


def rung(*, heard: bool) -> None:
    _RINGS.labels("heard" if heard else "lost").inc()


def broker_published(number: int) -> None:
    _PUBLISHED.inc(number)


def broker_failed() -> None:
    _FAILED.inc()


def broker_behind(events: int, seconds: float) -> None:
    """Both are 0 in a process that does not publish."""
    _BEHIND.set(events)
    _BEHIND_S.set(seconds)


def depth(of_kinds: Mapping[str, tuple[int, float, int]]) -> None:
    """By kind what is due, the age of the oldest in seconds, and what is parked. A kind that is left out has nothing."""
    for kind in _sampled - of_kinds.keys():
        of_kinds = {**of_kinds, kind: (0, 0.0, 0)}
    for kind, (due, oldest_s, waits) in of_kinds.items():
        _DUE.labels(kind).set(due)
        _OLDEST_S.labels(kind).set(oldest_s)
        _WAITS.labels(kind).set(waits)
    _sampled.update(of_kinds)


def lags(of_subscribers: Mapping[str, float]) -> None:
    """In seconds; a subscriber that is left out has read everything."""
    for subscriber in _followed | of_subscribers.keys():
        _LAG_S.labels(subscriber).set(of_subscribers.get(subscriber, 0.0))
    _followed.update(of_subscribers)
