from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.domain.forecasting.periods import QUOTA_PERIOD
from app.domain.kernel.money import Money
from app.domain.kernel.schemas import Input, Limits, RecordInput, RecordRead, Text, Timestamp

PeriodText = Annotated[str, Limits(7, pattern=QUOTA_PERIOD)]
PERIODS = [f"{year}-Q{number}" for year in range(2027, 2033) for number in range(1, 5)]
Category = Literal["pipeline", "bestCase", "commit", "closed"]
_EXAMPLE = "019ad1bf-02aa-7f04-8c1d-2b7a90c4d5e6"
Scope = Literal["own", "team"]


def _not_negative(amount: Money) -> Money:
    if amount.amount < 0:
        raise PydanticCustomError("negative", "A quota is never negative.")
    return amount


class QuotaCreate(RecordInput):
    user_id: UUID = Field(description="Who is to sell for as much.")
    period: PeriodText = Field(description="A month as 2026-10, or a fiscal quarter as 2026-Q4.", examples=PERIODS)
    scope: Scope = Field("own", description="`team` is of the user and everybody below.")
    amount: Annotated[Money, AfterValidator(_not_negative)] = Field(
        examples=[{"amount": f"{n}000.50", "currency": "EUR"} for n in range(120, 126)]
    )


class QuotaRead(RecordRead):
    user_id: UUID
    period: str
    scope: Scope
    amount: Money


class ForecastAdjustmentCreate(RecordInput):
    """Somebody's own word on a forecast: it stands beside the computed figure of a user and everybody below."""

    user_id: UUID | MISSING = Field(MISSING, description="Whose forecast it is; left out, your own.")
    period: PeriodText = Field(description="A month as 2026-10, or a fiscal quarter as 2026-Q4.", examples=PERIODS)
    category: Category
    amount: Money = Field(description="What stands in the place of the computed amount of the category.")
    note: Text | None = None


class ForecastAdjustmentRead(RecordRead):
    user_id: UUID = Field(examples=[_EXAMPLE])
    by_user_id: UUID = Field(description="Whose word it is: of who made it.", examples=[_EXAMPLE])
    period: str
    category: Category
    amount: Money
    note: str | None


class Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class ForecastSettings(Shown):
    """The fiscal calendar."""

    starts_in_month: int = 1
    year_named_by: Literal["end", "start"] = "end"


class ForecastSettingsUpdate(Input):
    """What is left out stays."""

    starts_in_month: Annotated[int, Field(ge=1, le=12)] | MISSING = Field(
        MISSING, description="The month in which a fiscal year begins."
    )
    year_named_by: Literal["end", "start"] | MISSING = Field(
        MISSING, description="Whether a fiscal year has the name of the calendar year in which it ends or starts."
    )


class AdjustmentShown(Shown):
    id: UUID
    by_user_id: UUID
    amount: str
    note: str | None


class CategoryFigures(Shown):
    """Amounts are in the currency of the forecast, exact, as decimal strings."""

    count: int
    amount: str
    weighted: str = Field(description="What the expected amounts come to.")
    cumulative: str = Field(description="The amount with those of the surer categories: closed, commit, best case.")
    adjustments: list[AdjustmentShown] = Field(description="Of the user's own first, then those of others.")
    adjusted: str = Field(description="What counts: the word of the manager, else of the user, else the amount.")


class Categories(Shown):
    pipeline: CategoryFigures
    best_case: CategoryFigures
    commit: CategoryFigures
    closed: CategoryFigures


class ForecastRow(Shown):
    kind: Literal["own", "report", "unassigned", "total"]
    user_id: UUID | None
    name: str | None
    active: bool | None
    people: int = Field(description="How many users it is of.")
    categories: Categories
    quota: str | None
    attainment_percent: str | None = Field(description="What is closed, of the quota.")
    gap: str | None = Field(description="What is missing to the quota; negative beyond it.")


class Unconverted(Shown):
    """What is left out of all figures because no rate holds on its day."""

    object: Literal["opportunity", "quota", "forecastAdjustment"]
    currency: str
    count: int
    amount: str
    expected_amount: str | None


class ForecastRead(Shown):
    period: str
    starts_on: date
    ends_on: date
    currency: str
    as_of: date | None
    user_id: UUID | None
    pipeline_id: UUID | None
    rows: list[ForecastRow]
    total: ForecastRow
    unconverted: list[Unconverted]


class SnapshotRead(Shown):
    day: date
    taken_at: Timestamp
    starts_on: date = Field(description="From this day on it has what closes.")
    ends_on: date


class TrendFigures(Shown):
    count: int
    amount: str
    weighted: str


class TrendCategories(Shown):
    pipeline: TrendFigures
    best_case: TrendFigures
    commit: TrendFigures
    closed: TrendFigures


class TrendDay(Shown):
    day: date
    currency: str
    categories: TrendCategories
    unconverted: int = Field(description="How many opportunities are left out because no rate held on their day.")


class TrendRead(Shown):
    """Only the days of which there is a snapshot, oldest first."""

    period: str
    user_id: UUID | None
    pipeline_id: UUID | None
    data: list[TrendDay]
