"""Scores: by which model, of what facts, and since when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel

from app.domain.kernel.changes import Change, as_json
from app.domain.kernel.clock import utc_now
from app.domain.kernel.expression.checker import field_of
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schemas import RecordRead
from app.domain.records.judging import Judge
from app.domain.scoring.rules import (
    FOLLOWING,
    Age,
    Document,
    Fact,
    Model,
    Scored,
    behaviour_facts,
    reached,
    rule_fact,
    shown_facts,
)
from app.domain.scoring.schemas import Cause
from app.repositories.scoring import Kept, Scores
from app.repositories.session import Session


@dataclass(frozen=True, slots=True)
class Judged:
    """What one record comes to by the model; without one, to nothing."""

    model: Model | None
    scored: Scored
    cause: Cause
    at: datetime


class ScoringService:
    """Scores records for the service that writes them.

    A score is judged in `check` of its write, or by a verb before it, and kept in `react` of the same write.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.scores = Scores(session)
        self._judged: Judged | None = None

    @property
    def has_judged(self) -> bool:
        """Whether the write that is under way comes with another score."""
        return self._judged is not None

    async def follow(
        self, kind: AnyObject, change: Change[Any], models: Sequence[Model] | None = None
    ) -> tuple[int, Sequence[Document]]:
        """The score that the record has by the change, and the thresholds that it reaches by it.

        `models` is the one in use, or none, where the caller has read it already.
        """
        before = change.before.score if change.before is not None else 0
        if change.before is None or "score" not in change.fields:
            self._judged = await self._judge_change(kind, change, models)
        if self._judged is None:
            return change.after.score, ()
        score, model = self._judged.scored.score, self._judged.model
        if score == before:
            self._judged = None
        return score, reached(model, before, score) if model else ()

    async def keep(self, change: Change[Any]) -> None:
        """The score that the write comes with, if that is another."""
        judged, self._judged = self._judged, None
        if judged is None:
            return
        version = change.before.version + 1 if change.before is not None else 1
        facts = [one.as_json() for one in judged.scored.facts]
        kept = Kept(version, judged.at, judged.scored.score, judged.cause, judged.model, facts)
        await self.scores.keep(change.after.id, kept)

    def judge(
        self, kind: AnyObject, record: RecordRead, model: Model | None, ages: Sequence[Age], cause: Cause, now: datetime
    ) -> Scored:
        """For the write of the score that follows, which is the verb's own."""
        scored = self.score(kind, record, model, ages, now) if model else Scored()
        self._judged = Judged(model, scored, cause, now)
        return scored

    def score(self, kind: AnyObject, record: RecordRead, model: Model, ages: Sequence[Age], now: datetime) -> Scored:
        """By the whole record: what it comes to does not depend on what the caller sees of it."""
        judge, facts, problems = self._judge(kind, record, now), list[Fact](), dict[str, str]()
        for rule in model.rules:
            found = judge.ask(rule["when"])
            if found.problem is not None:
                problems[rule["key"]] = found.problem
            elif found.holds:
                facts.append(rule_fact(rule, tuple(found.facts)))
        return Scored([*facts, *behaviour_facts(model, ages)], problems)

    async def explain(self, kind: AnyObject, record: Any, *, frozen: bool) -> Mapping[str, Any]:
        """What the score rests on: of a frozen one, what it did when it was written."""
        now = utc_now()
        shown = {"leadId": str(record.id), "recorded": record.score, "frozen": frozen}
        if frozen:
            (last,) = await self.scores.scores(record.id, record.version + 1, 1) or [{"modelId": None, "facts": []}]
            model = last["modelId"] and {"id": last["modelId"], "version": last["modelVersion"], "name": None}
            facts, problems, changes_at = last["facts"], [], None
        else:
            found = await self.scores.model()
            ages = (await self.scores.ages([record.id], found, now))[record.id] if found else []
            scored = self.score(kind, record, found, ages, now) if found else Scored()
            model = found and {"id": str(found.id), "version": found.version, "name": found.name}
            facts, changes_at = (
                [one.as_json() | {"changesAt": as_json(one.changes_at)} for one in scored.facts],
                scored.changes_at,
            )
            problems = _problems(found, scored)
        seen = self._seen(kind, record, facts, now)
        score = sum(one["points"] for one in seen)
        return {
            **shown,
            "score": score,
            "model": model,
            "changesAt": as_json(changes_at),
            "facts": seen,
            "problems": problems,
        }

    async def history(self, kind: AnyObject, record_id: UUID, below: int, limit: int) -> list[dict[str, Any]]:
        """Newest first, each with what it rested on."""
        visible = self.session.schema.fields(kind)
        rows = await self.scores.scores(record_id, below, limit)
        return [row | {"facts": shown_facts(row["facts"], visible)} for row in rows]

    def _seen(
        self, kind: AnyObject, record: RecordRead, facts: Sequence[Document], now: datetime
    ) -> list[dict[str, Any]]:
        """With the values that rules read. Those of a frozen record are still what they were."""
        judge = self._judge(kind, record, now)
        valued = [{**one, "values": judge.values(one["fields"])} for one in facts]
        blank: dict[str, Any] = {"values": {}, "changesAt": None}
        return [blank | one for one in shown_facts(valued, self.session.schema.fields(kind))]

    async def _judge_change(
        self, kind: AnyObject, change: Change[Any], models: Sequence[Model] | None
    ) -> Judged | None:
        """None where nothing has changed that the model reads."""
        if models is None and FOLLOWING.issuperset(change.fields):
            return None
        model = next(iter(models), None) if models is not None else await self.scores.model()
        if model is None:
            return None
        changed = {to_camel(name) for name in change.fields}
        now, record = utc_now(), change.after
        judge = self._judge(kind, record, now)
        ages: Sequence[Age] = ()
        if change.before is not None:
            read = (field_of(path) for rule in model.rules for path in judge.reads(rule["when"]))
            if changed.isdisjoint(read):
                return None
            ages = (await self.scores.ages([record.id], model, now))[record.id]
        return Judged(model, self.score(kind, record, model, ages, now), "lead", now)

    def _judge(self, kind: AnyObject, record: RecordRead, now: datetime) -> Judge:
        return Judge(kind, self.session.schema.whole, self.session.actor, record, now)


def _problems(model: Model | None, scored: Scored) -> list[dict[str, str]]:
    labels = {rule["key"]: rule["label"] for rule in model.rules} if model else {}
    return [{"key": key, "label": labels[key], "problem": text} for key, text in scored.problems.items()]
