"""Work that is due: what a kind of it declares, what a service asks for, what a worker has claimed and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID


class Family(StrEnum):
    """Each has a queue and a share of every worker of its own, so that a slow one never starves another.

    `events` is the relay, which reads the log for all that follow from it.
    """

    events = "events"
    webhooks = "webhooks"
    email = "email"
    checks = "checks"
    ai = "ai"
    bulk = "bulk"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkKind:
    """`attempts` failures, or as many claims as `lost` that nobody settled, and the work is parked.

    At most `per_target` are under way for one target, over all workers. With `keeps_key` the row stays when it is
    done, so that work of the same key is never added again.
    """

    name: str
    family: Family
    timeout_s: float = 20.0
    attempts: int = 10
    lost: int = 5
    per_target: int = 10
    keeps_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWork:
    """`key` is unique for the kind; of equal `order_key` the lowest open `order_seq` goes first; `payload` holds ids."""

    kind: WorkKind
    key: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    due_at: datetime | None = None
    target: str = ""
    order_key: str | None = None
    order_seq: int = 0
    cause_event: UUID | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed row. Only who holds its `token` may say that it failed."""

    tenant_id: UUID
    id: UUID
    key: str
    target: str
    payload: Mapping[str, Any]
    attempts: int
    token: UUID
    cause_event: UUID | None
    failing: bool


@dataclass(frozen=True, slots=True)
class Done:
    """It has happened: true whoever says it, also a worker whose lease has run out.

    `detail`, here and below, is for whoever records it in the settling transaction.
    """

    detail: Any = None


@dataclass(frozen=True, slots=True)
class Settled:
    """It was settled together with its effect, in the tenant's own transaction."""


@dataclass(frozen=True, slots=True)
class Again:
    """It failed, and is due again after a while. `parks` says that failures count towards parking."""

    after_s: float
    error: str
    parks: bool = True
    detail: Any = None


@dataclass(frozen=True, slots=True)
class Park:
    """It cannot succeed as it is: somebody has to look."""

    error: str
    detail: Any = None


Outcome: TypeAlias = Done | Settled | Again | Park


class LeaseLost(Exception):
    """Somebody else has the work by now: nothing may follow from what was done for it here."""
