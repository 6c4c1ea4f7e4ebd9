from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.domain.kernel.schemas import MAX_TEXT, Input, Limits, Name, RecordInput, RecordRead, Text, Timestamp

MOST_POINTS = 1_000
MOST_OF_A_KIND = 1_000_000
MOST_DAYS = 3_650
MOST_SCORE = 1_000_000_000
Cause = Literal["lead", "behaviour", "time", "model"]


def _not_zero(points: int) -> int:
    if points == 0:
        raise PydanticCustomError("points", "What counts nothing need not be there: give points other than 0.")
    return points


def _stored(documents: list[Any]) -> list[dict[str, Any]]:
    """As the database keeps them, and as the log shows them."""
    return [one.model_dump(mode="json", by_alias=True) for one in documents]


Key = Annotated[str, Limits(50, pattern=r"^[a-z][A-Za-z0-9]{0,49}$")]
Points = Annotated[
    int,
    Field(ge=-MOST_POINTS, le=MOST_POINTS, json_schema_extra={"not": {"const": 0}}, examples=[20, -10]),
    AfterValidator(_not_zero),
]


class ScoringRule(Input):
    """Counts as long as its condition holds for the lead."""

    key: Key
    label: Name
    when: Annotated[str, Limits(MAX_TEXT, min_length=1)] = Field(
        description="An expression over the lead. It cannot read the score, what follows from the score, or the clock.",
        examples=["employees >= 200"],
    )
    points: Points


class ScoringBehaviour(Input):
    """Counts each time that the lead has done it."""

    key: Key = Field(description="What `behaviour` of POST /leads/{id}/behaviours says.")
    label: Name
    points: Points
    halves_after_days: int | None = Field(
        None,
        ge=1,
        le=MOST_DAYS,
        description="After so many days, of 24 hours each, an event counts half, rounded toward zero, then half of that. "
        "Left out, it always counts in full.",
    )
    most: int | None = Field(
        None,
        ge=1,
        le=MOST_OF_A_KIND,
        description="What all events of this kind together count at most, above or below zero.",
    )


class ScoringThreshold(Input):
    """What becomes of a lead when its score reaches this from below. A lead never gets less by it than it has."""

    score: int = Field(ge=1, le=MOST_SCORE)
    status: Literal["qualified"] | None = None
    rating: Literal["hot", "warm", "cold"] | None = None


RULES: list[dict[str, Any]] = [
    {"key": "large", "label": "200 employees or more", "when": "employees >= 200", "points": 30},
    {"key": "freeMail", "label": "A private address", "when": "email.endsWith('@mail.example')", "points": -15},
]
BEHAVIOURS: list[dict[str, Any]] = [
    {"key": "visit", "label": "Visited the prices", "points": 8, "halvesAfterDays": 7, "most": 40},
    {"key": "demo", "label": "Asked for a demo", "points": 40, "halvesAfterDays": None, "most": None},
]
THRESHOLDS: list[dict[str, Any]] = [
    {"score": 30, "status": None, "rating": "warm"},
    {"score": 60, "status": "qualified", "rating": "hot"},
]


class ScoringModelCreate(RecordInput):
    """How promising a lead is, in points, by what it is and by what it did."""

    name: Name
    description: Text | None = None
    active: bool = Field(
        default=False,
        description="Whether leads are scored by it. True takes it from the one that was; all leads are scored anew soon.",
        examples=[False],
    )
    rules: Annotated[list[ScoringRule], Field(max_length=100), AfterValidator(_stored)] = Field(
        default_factory=list, description="In any order; each key once.", examples=[RULES, RULES[:1]]
    )
    behaviours: Annotated[list[ScoringBehaviour], Field(max_length=50), AfterValidator(_stored)] = Field(
        default_factory=list, description="In any order; each key once.", examples=[BEHAVIOURS, BEHAVIOURS[:1]]
    )
    thresholds: Annotated[list[ScoringThreshold], Field(max_length=10), AfterValidator(_stored)] = Field(
        default_factory=list, description="In any order; each score once.", examples=[THRESHOLDS, THRESHOLDS[:1]]
    )


class ScoringModelRead(RecordRead):
    name: str
    description: str | None
    active: bool
    rules: list[ScoringRule]
    behaviours: list[ScoringBehaviour]
    thresholds: list[ScoringThreshold]


class BehaviourCreate(Input):
    behaviour: Key = Field(description="What the lead did. No model needs to know it yet.", examples=["visit", "demo"])
    occurred_at: Timestamp | MISSING = Field(
        MISSING, description="Left out, it is now. The future is refused.", examples=["2025-11-22T09:30:00+00:00"]
    )


class _Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class BehaviourRead(_Shown):
    id: UUID
    lead_id: UUID
    behaviour: str
    occurred_at: Timestamp
    recorded_at: Timestamp
    recorded_by: UUID | None


class ScoreFact(_Shown):
    """One thing that counts: a rule that holds, or a behaviour. What rests on fields that you do not see has no key."""

    kind: Literal["rule", "behaviour", "hidden"]
    key: str | None
    label: str | None
    points: int
    events: int | None = Field(description="Of a behaviour: how many events count something.")


class ScoreFactNow(ScoreFact):
    values: dict[str, Any] = Field(description="Of a rule: the fields that it reads, as they are.")
    changes_at: Timestamp | None = Field(description="Of a behaviour: when the next of its events counts half.")


class ScoreRead(_Shown):
    version: int = Field(description="The version of the lead that came with the score.")
    at: Timestamp
    score: int
    cause: Cause = Field(description="What had changed: the lead, what it did, the time, or the model.")
    model_id: UUID | None
    model_version: int | None
    facts: list[ScoreFact] = Field(description="Their points add up to the score.")


class ScoringModelNamed(_Shown):
    id: UUID
    version: int
    name: str | None = Field(description="null where the model is no longer the one that leads are scored by.")


class ScoringProblem(_Shown):
    key: str
    label: str
    problem: str


class ScoreExplained(_Shown):
    lead_id: UUID
    score: int
    recorded: int = Field(description="The score that the lead has; it differs only while it waits to be scored anew.")
    frozen: bool = Field(description="Whether it is converted, so that the score stays what it was then.")
    model: ScoringModelNamed | None
    changes_at: Timestamp | None = Field(description="When time alone may next change it.")
    facts: list[ScoreFactNow] = Field(description="Their points add up to the score.")
    problems: list[ScoringProblem] = Field(
        description="Rules whose expression means nothing any more; they never hold."
    )
