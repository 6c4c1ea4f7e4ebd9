"""What rules and behaviours count, and when that changes. No clock, no database: the time is passed in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal
from uuid import UUID

from app.domain.kernel.errors import Fault
from app.domain.kernel.expression.checker import Checked, field_of
from app.domain.kernel.expression.tree import Bound
from app.domain.kernel.work import Family, WorkKind

DECAY: Final = WorkKind(name="lead.score", family=Family.checks)
"""Due when an event of a lead next counts half."""
RESCORE: Final = WorkKind(name="scoring.rescore", family=Family.bulk)
"""Due for all leads of a tenant when what they are scored by has changed."""

MOST: Final = 10_000_000  # what events of one kind count together where the model sets no other limit
FOLLOWS: Final = frozenset({"score", "status", "rating", "version", "modifiedAt", "modifiedBy"})
"""The score, what reaching a threshold changes, and what every write changes: an expression of them has no end."""
FOLLOWING: Final = frozenset(
    {"score", "status", "rating", "version", "modified_at", "modified_by"}
)  # the same, as columns
Document = Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """The one that leads are scored by."""

    id: UUID
    version: int
    name: str
    rules: Sequence[Document]
    behaviours: Sequence[Document]
    thresholds: Sequence[Document]

    @cached_property
    def counted(self) -> list[dict[str, Any]]:
        """Of its behaviours, how they age; after `steps` halvings an event counts nothing."""
        return [
            {"key": one["key"], "days": one["halvesAfterDays"], "steps": abs(one["points"]).bit_length()}
            for one in self.behaviours
        ]


@dataclass(frozen=True, slots=True)
class Age:
    """Events of one kind that have been halved equally often, and when the oldest of them occurred."""

    behaviour: str
    halvings: int
    events: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that counts. `fields` are what a rule reads, by API name."""

    kind: Literal["rule", "behaviour"]
    key: str
    label: str
    points: int
    fields: tuple[str, ...] = ()
    events: int | None = None
    changes_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        shown = {"kind": self.kind, "key": self.key, "label": self.label, "points": self.points}
        return {**shown, "fields": list(self.fields), "events": self.events}


@dataclass(frozen=True, slots=True)
class Scored:
    """`problems` are of rules whose expression means nothing any more, by key."""

    facts: Sequence[Fact] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def score(self) -> int:
        return sum(one.points for one in self.facts)

    @property
    def changes_at(self) -> datetime | None:
        return min((one.changes_at for one in self.facts if one.changes_at), default=None)


def worth(points: int, halvings: int) -> int:
    """Halved so many times, each time toward zero."""
    left = abs(points) >> halvings
    return left if points > 0 else -left


def rule_fact(rule: Document, fields: tuple[str, ...]) -> Fact:
    return Fact("rule", rule["key"], rule["label"], rule["points"], fields=fields)


def behaviour_fact(behaviour: Document, ages: Sequence[Age]) -> Fact:
    """All events of one kind together."""
    most, days = behaviour["most"] or MOST, behaviour["halvesAfterDays"]
    total = sum(worth(behaviour["points"], one.halvings) * one.events for one in ages)
    points = max(-most, min(most, total))
    changes = [one.oldest + timedelta(days=days) * (one.halvings + 1) for one in ages] if days else []
    events = sum(one.events for one in ages)
    key, label = behaviour["key"], behaviour["label"]
    return Fact("behaviour", key, label, points, events=events, changes_at=min(changes, default=None))


def behaviour_facts(model: Model, ages: Sequence[Age]) -> Iterator[Fact]:
    """Of those that count something now."""
    for one in model.behaviours:
        of_it = [age for age in ages if age.behaviour == one["key"]]
        if of_it:
            yield behaviour_fact(one, of_it)


def reached(model: Model, before: int, after: int) -> list[Document]:
    """The thresholds that the score has come up to from below, in their order."""
    crossed = [one for one in model.thresholds if before < one["score"] <= after]
    return sorted(crossed, key=lambda one: int(one["score"]))


def reads_what_follows(found: Checked) -> str | None:
    """The field that an expression must not read, or the word of the clock."""
    for path in found.fields:
        if field_of(path) in FOLLOWS:
            return field_of(path)
    return next((f"{one.value}()" for one in found.arguments if isinstance(one, Bound)), None)


def repeated(documents: Sequence[Document], list_: str, name: str) -> Iterator[Fault]:
    seen: set[Any] = set()
    for place, one in enumerate(documents):
        if one[name] in seen:
            yield Fault(f"/{list_}/{place}/{name}", "repeated", f"Another one of {list_} has this {name}.")
        seen.add(one[name])


def pointless(thresholds: Sequence[Document]) -> Iterator[Fault]:
    for place, one in enumerate(thresholds):
        if one["status"] is None and one["rating"] is None:
            message = "Say what becomes of a lead that reaches it: give status, rating or both."
            yield Fault(f"/thresholds/{place}", "nothingFollows", message)


def shown_facts(facts: Sequence[Document], visible: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a viewer may know: rules that read other fields are one fact without a name, so that the sum stays."""
    shown: list[dict[str, Any]] = []
    hidden = 0
    for one in facts:
        if all(field_of(path) in visible for path in one["fields"]):
            shown.append({name: value for name, value in one.items() if name != "fields"})
        else:
            hidden += one["points"]
    if hidden:
        shown.append({"kind": "hidden", "key": None, "label": None, "points": hidden, "events": None})
    return shown
