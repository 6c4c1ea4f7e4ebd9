"""What a write would do, as a preview collects it. Each kind of intent is a list of its own, so that further ones can join."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

Mark: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """One write of one record: `version` is that after it, `changes` are those of its event."""

    object: str
    record_id: UUID
    version: int
    change: str
    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedWork:
    """Due work that is added, postponed or cancelled. Without `due_at` it is due at once, or was when it was cancelled."""

    change: str
    kind: str
    key: str
    due_at: datetime | None = None
    target: str | None = None


@dataclass(slots=True)
class Plan:
    """In the order in which it would happen. What a step that failed had added is taken out again by `back_to`."""

    writes: list[PlannedWrite] = field(default_factory=list)
    work: list[PlannedWork] = field(default_factory=list)

    def mark(self) -> Mark:
        return len(self.writes), len(self.work)

    def back_to(self, mark: Mark) -> None:
        writes, work = mark
        del self.writes[writes:], self.work[work:]
