from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.domain.kernel.money import Money
from app.domain.kernel.schemas import Day, Input, Label, Limits, Name, RecordInput, RecordRead, Text, Timestamp

KEY = r"^[a-z][A-Za-z0-9]{0,49}$"
MAX_DAYS = 3_650
StageKey = Annotated[str, Limits(50, pattern=KEY)]
FieldName = Annotated[str, Limits(60, pattern=r"^[a-z][A-Za-z0-9]{0,59}$")]
Reason = Annotated[str, Limits(50, min_length=1)]
Outcome = Literal["open", "won", "lost"]
Forecast = Literal["pipeline", "bestCase", "commit", "omitted"]
Category = Literal["pipeline", "bestCase", "commit", "closed", "omitted"]
Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]


class ProductCreate(RecordInput):
    name: Name
    family: Label | None = None
    list_price: Money | None = None
    sku: Label | None = Field(None, description="The number of the article; no two products have the same.")
    unit: Label | None = Field(None, description="What is counted: piece, hour, licence.")
    discontinued_on: Day | None = Field(
        None,
        description="From this day on it is no longer for sale.",
        examples=[f"2099-0{month}-01" for month in range(1, 9)],
    )
    description: Text | None = None


class ProductRead(RecordRead):
    name: str
    family: str | None
    list_price: Money | None
    sku: str | None
    unit: str | None
    discontinued_on: date | None
    description: str | None


class Stage(Input):
    """One stage of a pipeline. What stands in `requires` and `when` has to hold for an opportunity to enter it."""

    key: StageKey = Field(description="What `stage` of an opportunity says; unique within the pipeline.")
    label: Name
    probability: int = Field(ge=0, le=100, description="Of winning, in percent, unless an opportunity says otherwise.")
    forecast_category: Category = "pipeline"
    outcome: Outcome = "open"
    requires: list[FieldName] = Field(
        default_factory=list, max_length=20, description="Fields of the opportunity that must not be empty."
    )
    when: Text | None = Field(None, description="A condition over the opportunity that must hold.")
    message: Annotated[str, Limits(500)] | None = Field(None, description="What a caller is told when it does not.")
    next: list[StageKey] | None = Field(
        None, max_length=50, description="The stages that may follow; left out, each may. Reopening is no such move."
    )
    stalled_after_days: Days | None = Field(None, description="An opportunity that stays longer is stalled.")


class Overdue(Input):
    """What happens to an open opportunity whose close date has passed, and after how many days."""

    remind_after_days: int | None = Field(None, ge=0, le=MAX_DAYS, description="`overdueSince` is set then.")
    close_lost_after_days: Days | None = Field(None, description="It is closed as lost then, for the reason `overdue`.")


def _stored(value: Any) -> Any:
    """As the database keeps it, and as the log shows it."""
    if isinstance(value, Sequence):
        return [_stored(one) for one in value]
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value


def _stage_example(key: str, outcome: str, probability: int, category: str) -> dict[str, Any]:
    return {
        "key": key,
        "label": key.capitalize(),
        "probability": probability,
        "forecastCategory": category,
        "outcome": outcome,
        "requires": [],
        "when": None,
        "message": None,
        "next": None,
        "stalledAfterDays": None,
    }


STAGES = [
    _stage_example("prospecting", "open", 10, "pipeline"),
    _stage_example("engaging", "open", 40, "bestCase"),
    _stage_example("closedWon", "won", 100, "closed"),
    _stage_example("closedLost", "lost", 0, "omitted"),
]
WON_REASONS = ["price", "product", "relationship", "service", "other"]
LOST_REASONS = ["price", "product", "competitor", "noBudget", "noDecision", "timing", "overdue", "other"]


class PipelineCreate(RecordInput):
    name: Name
    is_default: bool = Field(
        default=False,
        description="Whether opportunities that name no pipeline come here. True takes it from the one that was.",
        examples=[False],
    )
    stages: Annotated[list[Stage], Field(min_length=2, max_length=50), AfterValidator(_stored)] = Field(
        description="In their order, as one document: at least one open, one won, one lost.",
        examples=[STAGES, [*STAGES[:1], STAGES[1] | {"probability": 50, "requires": ["name"]}, *STAGES[2:]]],
    )
    won_reasons: list[Reason] = Field(
        default_factory=lambda: list(WON_REASONS),
        max_length=100,
        description="Why deals are won; none allows any reason.",
        examples=[WON_REASONS, ["price"]],
    )
    lost_reasons: list[Reason] = Field(
        default_factory=lambda: list(LOST_REASONS),
        max_length=100,
        description="Why deals are lost; none allows any reason.",
        examples=[LOST_REASONS, ["price", "overdue"]],
    )
    reopen_role: Literal["admin", "member"] = Field("admin", description="Who may move what is closed.")
    overdue: Annotated[Overdue | None, AfterValidator(_stored)] = Field(
        None,
        examples=[
            {"remindAfterDays": 3, "closeLostAfterDays": 60},
            {"remindAfterDays": 1, "closeLostAfterDays": None},
        ],
    )


class PipelineRead(RecordRead):
    name: str
    is_default: bool
    stages: list[Stage]
    won_reasons: list[str]
    lost_reasons: list[str]
    reopen_role: Literal["admin", "member"]
    overdue: Overdue | None


class OpportunityCreate(RecordInput):
    name: Annotated[str, Limits(300, min_length=1)]
    account_id: UUID | None = None
    primary_contact_id: UUID | None = None
    product_id: UUID | None = None
    pipeline_id: UUID | MISSING = Field(MISSING, description="Left out, it is the default pipeline of the tenant.")
    stage: StageKey | MISSING = Field(
        MISSING,
        description="The key of a stage of its pipeline; left out, it is the first.",
        examples=["prospecting", "engaging"],
    )
    amount: Money | None = None
    close_date: Day | None = None
    engage_date: Day | None = Field(None, description="The day on which the customer first took up the talk.")
    probability: Annotated[int, Field(ge=0, le=100)] | MISSING | None = Field(
        MISSING,
        description="Of winning, in percent. Left out, it is that of the stage, and becomes that of the next with every "
        "move; null says that nobody knows.",
    )
    forecast_category: Forecast | MISSING = Field(
        MISSING, description="Left out, it is that of the stage, and becomes that of the next with every move."
    )
    outcome_reason: Reason | None = Field(
        None,
        description="Why it was won or lost: one of the reasons of its pipeline. Reopening clears it.",
        examples=["price", "overdue"],
    )
    outcome_note: Text | None = Field(None, description="The same in words. Reopening clears it.")
    next_step: Annotated[str, Limits(300)] | None = None
    price_book_id: UUID | None = Field(None, description="Whose prices its lines have; fixed while it has lines.")
    competitors: list[Name] = Field(
        default_factory=list, max_length=20, description="Whom else the customer talks to.", examples=[["Umbra"], []]
    )


class OpportunityRead(RecordRead):
    name: str
    account_id: UUID | None
    primary_contact_id: UUID | None
    product_id: UUID | None
    pipeline_id: UUID = Field(examples=["019ad1c0-7b3d-7b02-8f31-5a1d2c3e4f50"])
    stage: str
    status: Outcome = Field(description="What its stage means.", examples=["open"])
    amount: Money | None
    close_date: date | None
    engage_date: date | None
    probability: int | None = Field(examples=[40])
    probability_overridden: bool = Field(description="Whether it is another than that of the stage.", examples=[False])
    forecast_category: Category = Field(examples=["bestCase"])
    expected_amount: Money | None = Field(
        description="The amount by the probability, exact to four decimals.",
        examples=[{"amount": "440.00", "currency": "USD"}],
    )
    stage_changed_at: Timestamp = Field(examples=["2026-11-22T09:30:00.123456+00:00"])
    closed_at: Timestamp | None
    outcome_reason: str | None
    outcome_note: str | None
    next_step: str | None
    price_book_id: UUID | None
    competitors: list[str]
    stalled_since: Timestamp | None = Field(description="Since when it has been in its stage for too long.")
    overdue_since: Timestamp | None = Field(description="When its close date was seen to have passed.")
    lines_total: Money | None = Field(
        description="The net sum of its lines, which is its amount as well; null without any."
    )


class Won(Input):
    """The close date is today, by the time zone of the tenant, unless it is given."""

    reason: Reason | None = Field(None, examples=["price"])
    note: Text | None = None
    close_date: Day | MISSING = MISSING


class Lost(Won):
    pass


class Reopened(Input):
    stage: StageKey | MISSING = Field(
        MISSING, description="Left out, it is the open stage that it was in last.", examples=["engaging"]
    )


class Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class StayRead(Shown):
    """One stay in a stage. Amount, probability, owner and close date are those at its beginning."""

    id: UUID
    pipeline_id: UUID
    stage: str
    entered_at: Timestamp
    left_at: Timestamp | None
    duration_seconds: float = Field(description="Of a stay that goes on, until now.")
    amount: Money | None
    probability: int | None
    owner_id: UUID | None
    close_date: date | None
    entered_by: UUID | None
    imported: bool


class StayList(Shown):
    """Oldest first."""

    data: list[StayRead]


class Stay(Input):
    """A stay that another system knows of. The last may be the one that goes on."""

    stage: StageKey = Field(examples=["prospecting"])
    entered_at: Timestamp
    left_at: Timestamp | None = Field(None, description="Null of the stay in the stage where it is now.")


class Sum(Shown):
    """Of the opportunities of one currency; null for those without an amount."""

    currency: str | None
    count: int
    amount: str | None
    expected_amount: str | None


class ColumnRead(Shown):
    """One stage. `opportunities` are those changed last; `next` is the path of the list that goes on behind them."""

    key: str
    label: str
    outcome: Outcome
    count: int
    sums: list[Sum]
    opportunities: list[OpportunityRead]
    next: str | None


class BoardRead(Shown):
    data: list[ColumnRead]


class StageImport(Input):
    """In order of time; each begins where the one before ends, or later. They take the place of what was imported before."""

    stays: list[Stay] = Field(min_length=1, max_length=100)
