"""What a pipeline may look like, and what moves through it: nothing here reads, writes or knows the time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.kernel.changes import Change
from app.domain.kernel.errors import AppError, Conflict, Fault, Invalid, refused
from app.domain.kernel.money import Money, scaled
from app.domain.kernel.work import Family, WorkKind
from app.domain.pipeline.schemas import OpportunityRead, Overdue, Stage, Stay

OPEN = "open"
OVERDUE_REASON = "overdue"
STALLED = WorkKind(name="opportunity.stalled", family=Family.checks)
OVERDUE = WorkKind(name="opportunity.overdue", family=Family.checks)
LAST_DAY = date(9950, 1, 1)  # beyond it the calendar ends before the policy does
_FOUR_DECIMALS = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What one pipeline says of its opportunities; `stages` by key, in their order."""

    pipeline_id: UUID
    stages: Mapping[str, Stage]
    reasons: Mapping[str, Collection[str]]
    reopen_role: str
    overdue: Overdue | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Rulebook":
        """`row` is that of the pipeline."""
        stages = (Stage.model_validate(one) for one in row["stages"])
        reasons = {"won": row["won_reasons"], "lost": row["lost_reasons"]}
        reasons[OPEN] = [*row["won_reasons"], *row["lost_reasons"]]
        overdue = Overdue.model_validate(row["overdue"]) if row["overdue"] else None
        return cls(row["id"], {one.key: one for one in stages}, reasons, row["reopen_role"], overdue)

    @property
    def first(self) -> Stage:
        return next(iter(self.stages.values()))

    @property
    def open_keys(self) -> list[str]:
        return [key for key, one in self.stages.items() if one.outcome == OPEN]

    def stage(self, key: str) -> Stage:
        """Raises `Invalid` naming those that there are."""
        found = self.stages.get(key)
        if found is None:
            known = list(self.stages)
            message = f"The pipeline has no such stage. It has {', '.join(known)}."
            raise refused(Invalid, "/stage", "unknownStage", message, stages=known)
        return found

    def end(self, outcome: str, now: str) -> Stage:
        """The stage of that outcome that may follow the one of now, or the first of them if none may."""
        ends = [one for one in self.stages.values() if one.outcome == outcome]
        following = self.stage(now).next
        return next((one for one in ends if following is None or one.key in following), ends[0])

    def refuse_move(self, before: Stage | None, after: Stage, *, may_reopen: bool) -> None:
        """Raises `Conflict` for what the graph does not have. Leaving a closed stage is up to rights, not to the graph.

        `before` is None for a new opportunity, and for one that comes from another pipeline.
        """
        if before is None or before.key == after.key:
            return
        if before.outcome != OPEN:
            refuse_closed(before.outcome, may_reopen=may_reopen)
        elif before.next is not None and after.key not in before.next:
            allowed = [key for key in self.stages if key in before.next]
            told = f"it goes on to {', '.join(allowed)}" if allowed else "it goes nowhere"
            params = {"from": before.key, "to": after.key, "allowed": allowed}
            raise refused(Conflict, "/stage", "stageNotAllowed", f"From {before.key} {told}.", **params)

    def refuse_reason(self, reason: str | None, outcome: str, pointer: str = "/outcomeReason") -> None:
        """An open opportunity may say in advance why it will be won or lost. A pipeline without reasons takes any."""
        reasons = self.reasons[outcome]
        if reason is not None and reasons and reason not in reasons:
            message = f"The pipeline knows the reasons {', '.join(dict.fromkeys(reasons))}."
            raise refused(Invalid, pointer, "unknownReason", message, reasons=list(dict.fromkeys(reasons)))


def faults_of(stages: Sequence[Stage], fields: Collection[str]) -> Iterator[Fault]:
    """`fields` are those of an opportunity that a stage may require."""
    keys = [one.key for one in stages]
    for outcome in ("open", "won", "lost"):
        if all(one.outcome != outcome for one in stages):
            yield Fault("/stages", "missingOutcome", f"One stage at least has the outcome {outcome}.")
    if stages[0].outcome != OPEN:
        yield Fault("/stages/0/outcome", "firstIsOpen", "Opportunities begin in the first stage: it has to be open.")
    for place, one in enumerate(stages):
        at = f"/stages/{place}"
        if one.key in keys[:place]:
            yield Fault(f"{at}/key", "repeated", "Another stage has this key.")
        if one.outcome == OPEN and one.forecast_category == "closed":
            yield Fault(f"{at}/forecastCategory", "closedIsWon", "What is open is not closed yet.")
        yield from _unknown(f"{at}/next", one.next or (), keys, "unknownStage", "The pipeline has no such stage.")
        message = "An opportunity has no such field to fill in."
        yield from _unknown(f"{at}/requires", one.requires, fields, "unknownField", message)


def _unknown(at: str, names: Sequence[str], known: Collection[str], code: str, message: str) -> Iterator[Fault]:
    yield from (Fault(f"{at}/{number}", code, message) for number, name in enumerate(names) if name not in known)


def refuse_closed(outcome: str, *, may_reopen: bool) -> None:
    """Raises `Conflict` for a move of what is won or lost, unless by somebody who may."""
    if outcome != OPEN and not may_reopen:
        message = f"It is {outcome}: only somebody who may reopen it moves it again."
        raise refused(Conflict, "/stage", "opportunityClosed", message, status=outcome)


def refuse_missing(stage: Stage, missing: Sequence[str]) -> None:
    """`missing` are the fields, by API name, that the stage requires and that are empty."""
    if missing:
        message = f"To enter {stage.key}, fill in {', '.join(missing)}."
        faults = [Fault(f"/{name}", "stageRequires", message, {"stage": stage.key}) for name in missing]
        raise Invalid(stage.message or message, code="stageRequires", faults=faults)


def unmet(stage: Stage) -> AppError:
    message = stage.message or f"To enter {stage.key}, this must hold: {stage.when}"
    return refused(Invalid, "/stage", "stageCondition", message, stage=stage.key, condition=stage.when)


def refuse_override(stage: Stage, name: str, given: Any, of_stage: Any) -> None:
    """How likely a deal is, and what it counts for, is no question once it is won or lost."""
    if stage.outcome != OPEN and given != of_stage:
        message = f"It is {stage.outcome}: leave this out, it is {of_stage}."
        raise refused(Invalid, f"/{name}", "opportunityClosed", message, stage=stage.key)


def expected(amount: Money | None, probability: int | None) -> Money | None:
    """Exact for amounts of up to two decimals, and else rounded half to even at the fourth."""
    if amount is None or probability is None:
        return None
    product = (amount.amount * probability / 100).quantize(_FOUR_DECIMALS, ROUND_HALF_EVEN)
    return Money.model_construct(amount=scaled(product, amount.currency), currency=amount.currency)


def stalls_at(rulebook: Rulebook, stage: str, since: datetime) -> datetime | None:
    """When an opportunity that came to the stage then has been there for too long."""
    found = rulebook.stages.get(stage)
    if found is None or found.outcome != OPEN or found.stalled_after_days is None:
        return None
    return since + timedelta(days=found.stalled_after_days)


def overdue_at(close_date: date | None, days: int | None, zone: ZoneInfo) -> datetime | None:
    """When that many whole days have passed since the close date, where the tenant is."""
    if close_date is None or days is None or close_date > LAST_DAY:
        return None
    return datetime.combine(close_date + timedelta(days=days + 1), time.min, zone)


def next_overdue(
    rulebook: Rulebook, close_date: date | None, zone: ZoneInfo, after: datetime | None
) -> datetime | None:
    """The next step that the policy takes behind `after`, or its first."""
    policy = rulebook.overdue
    if policy is None:
        return None
    steps = (overdue_at(close_date, days, zone) for days in (policy.remind_after_days, policy.close_lost_after_days))
    return min((one for one in steps if one is not None and (after is None or one > after)), default=None)


def refuse_stays(stays: Sequence[Stay], rulebook: Rulebook, now: datetime) -> None:
    """Raises `Invalid` unless they are in order, of stages that there are, and over by now."""
    end = None
    for place, one in enumerate(stays):
        at = f"/stays/{place}"
        if one.stage not in rulebook.stages:
            raise refused(Invalid, f"{at}/stage", "unknownStage", "The pipeline has no such stage.")
        if end is not None and one.entered_at < end:
            raise refused(Invalid, f"{at}/enteredAt", "overlap", "It begins before the one before it ends.")
        if one.left_at is None and place < len(stays) - 1:
            raise refused(Invalid, f"{at}/leftAt", "notLast", "Only the last stay goes on.")
        if max(one.entered_at, one.left_at or one.entered_at) > now:
            raise refused(Invalid, at, "future", "It lies in the future.")
        if one.left_at is not None and one.left_at < one.entered_at:
            raise refused(Invalid, f"{at}/leftAt", "order", "It ends before it begins.")
        end = one.left_at


def is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def refuse_computed(change: Change[OpportunityRead]) -> None:
    """The amount of an opportunity with lines is their sum, and their prices come from its price book."""
    before, after = change.before, change.after
    if after.lines_total is not None and after.amount != after.lines_total:
        message = "The amount is the sum of its lines: change those."
        raise refused(Invalid, "/amount", "totalIsComputed", message)
    if before is not None and before.lines_total is not None and "price_book_id" in change.fields:
        message = "Its lines have prices of the price book that it has: take them out first."
        raise refused(Invalid, "/priceBookId", "priceBookInUse", message)
