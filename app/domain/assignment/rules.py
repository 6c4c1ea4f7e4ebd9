"""Who is next. No clock, no database: what is so at the moment of the decision is passed in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from app.domain.assignment.schemas import Share
from app.domain.kernel.errors import Fault, Invalid, refused

Reason = Literal["unknown", "inactive", "absent", "atCapacity"]


@dataclass(frozen=True, slots=True)
class Person:
    """A user at the moment of a decision; `open_records` are those that the user owns."""

    active: bool
    absent: bool
    open_records: int


@dataclass(frozen=True, slots=True)
class Skipped:
    user_id: str
    reason: Reason
    open_records: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {"userId": self.user_id, "reason": self.reason, "openRecords": self.open_records}


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is, None where nobody can have it, and what everybody is owed afterwards."""

    user_id: str | None
    credits: Mapping[str, int]
    skipped: Sequence[Skipped] = ()


@dataclass(slots=True)
class Judged:
    """What came of one rule. `matched` is None where nobody asked any more."""

    rule: Mapping[str, Any]
    matched: bool | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    skipped: Sequence[Skipped] = ()
    credits: Mapping[str, int] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "ruleId": self.rule["id"],
            "name": self.rule["name"],
            "when": self.rule["when"],
            "matched": self.matched,
            "facts": self.facts,
            "problem": self.problem,
            "skipped": [one.as_json() for one in self.skipped],
            "credits": self.credits,
        }


def why_not(person: Person | None, capacity: int | None = None) -> Reason | None:
    """None where the user can have one more."""
    if person is None:
        return "unknown"
    if not person.active:
        return "inactive"
    if person.absent:
        return "absent"
    return "atCapacity" if capacity is not None and person.open_records >= capacity else None


def next_turn(shares: Sequence[Share], people: Mapping[str, Person], owed: Mapping[str, int]) -> Turn:
    """Smooth weighted round robin: each who can have it is owed their weight more, and who is owed most pays for all.

    Over as many turns as the weights add up to, each gets exactly their weight. Who is skipped is owed as much as
    before: missed turns are not made up. Of equals the first in the list goes first.
    """
    owing = {one["userId"]: owed.get(one["userId"], 0) for one in shares}
    skipped, able = [], []
    for one in shares:
        person = people.get(one["userId"])
        if reason := why_not(person, one.get("capacity")):
            count = person.open_records if person and reason == "atCapacity" else None
            skipped.append(Skipped(one["userId"], reason, count))
        else:
            able.append(one)
    if not able:
        return Turn(None, owing, skipped)
    for one in able:
        owing[one["userId"]] += one["weight"]
    chosen = max(able, key=lambda one: owing[one["userId"]])["userId"]
    owing[chosen] -= sum(one["weight"] for one in able)
    return Turn(chosen, owing, skipped)


def refuse_endless(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise refused(Invalid, "/endsAt", "endsBeforeStart", "An absence ends after it has started.")


def repeated(ids: Sequence[str], pointer: str) -> Iterator[Fault]:
    """`pointer` has {} for the place."""
    for place, one in enumerate(ids):
        if one in ids[:place]:
            yield Fault(pointer.format(place), "repeated", "The user is listed before.")


def unknown(ids: Sequence[str], known: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    for place, one in enumerate(ids):
        if one not in known:
            yield Fault(pointer.format(place), "unknownReference", "There is no such record.")
