from datetime import date
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.domain.kernel.money import Money

Per = Literal["month", "quarter", "year"]


class Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class Unconverted(Shown):
    """Amounts of a currency that had no exchange rate on the day that counts."""

    currency: str
    count: int
    amount: str


class SumRead(Shown):
    """`corporate` is all that can be converted, by the rate of each day, rounded once; `unconverted` is what it lacks."""

    count: int
    amounts: list[Money]
    corporate: Money
    unconverted: list[Unconverted]


class OfGroup(Shown):
    key: str | None = Field(
        description="The value that the group has in common; null where it is empty, and of the total."
    )
    label: str | None


class WinRateRead(OfGroup):
    won: SumRead
    lost: SumRead
    open: SumRead
    win_rate_percent: str | None = Field(description="Of what was closed, by count.")
    win_rate_by_amount_percent: str | None = Field(description="Of what was closed, in the corporate currency.")
    average_deal: Money | None = Field(description="Of what was won and has an amount that can be converted.")
    average_cycle_days: str | None = Field(
        description="From the engage date, or else the creation, to the close date of what was won."
    )


class WinRateList(Shown):
    data: list[WinRateRead]


class WonRead(OfGroup, SumRead):
    begins: date = Field(description="The first day of the month, quarter or year.")


class WonList(Shown):
    data: list[WonRead]


class VelocityRead(OfGroup):
    opportunities: int = Field(description="That are open now.")
    win_rate_percent: str | None
    average_deal: Money | None
    average_cycle_days: str | None
    per_day: Money | None = Field(description="Opportunities by win rate by average deal through cycle days.")


class VelocityList(Shown):
    data: list[VelocityRead]


class ConversionRead(Shown):
    """What came to the stage in the period, each time it came. `entered` is the sum of the five that follow it."""

    stage: str
    label: str
    outcome: str
    entered: int
    moved_on: int = Field(description="To a later stage, or won.")
    moved_back: int
    moved_away: int = Field(description="To another pipeline, or to a stage that is no more.")
    lost: int = Field(description="Out of this stage.")
    still_there: int
    won: int = Field(description="By now, from whichever stage.")
    to_next_percent: str | None = Field(description="Moved on, of all that entered.")
    to_won_percent: str | None
    average_days: str | None = Field(description="Of those that left the stage.")
    median_days: str | None


class ConversionList(Shown):
    pipeline_id: UUID
    data: list[ConversionRead]


class AgeRead(SumRead):
    from_days: int
    to_days: int | None = Field(description="Null has no end.")


class AgeingRead(SumRead):
    pipeline_id: UUID
    pipeline: str
    stage: str
    label: str
    overdue: int = Field(description="Whose close date is over.")
    stalled: int = Field(description="Longer in the stage than it allows.")
    in_stage: list[AgeRead] = Field(description="By days in the stage.")
    age: list[AgeRead] = Field(description="By days since the engage date, or else the creation.")


class AgeingList(Shown):
    data: list[AgeingRead]


def _usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def _sum(count: int, amount: str) -> dict[str, Any]:
    amounts = [_usd(amount)] if count else []
    return {"count": count, "amounts": amounts, "corporate": _usd(amount), "unconverted": []}


_GROUP = {"key": "019ad1bf-02aa-7f04-8c1d-2b7a90c4d5e6", "label": "Ada Lovelace"}
_FACTORS = {"winRatePercent": "60.00", "averageDeal": _usd("1100.00"), "averageCycleDays": "47.9"}
WIN_RATES: dict[str, Any] = {
    "data": [
        {
            **_GROUP,
            "won": _sum(3, "3300.00"),
            "lost": _sum(2, "1100.00"),
            "open": _sum(0, "0.00"),
            **_FACTORS,
            "winRateByAmountPercent": "75.00",
        }
    ]
}
WON: dict[str, Any] = {"data": [{**_GROUP, "begins": "2026-10-01", **_sum(3, "3300.00")}]}
VELOCITY: dict[str, Any] = {
    "data": [{"key": None, "label": None, "opportunities": 10, **_FACTORS, "perDay": _usd("137.79")}]
}
_PIPELINE = "019ad1c0-7b3d-7b02-8f31-5a1d2c3e4f50"
CONVERSION: dict[str, Any] = {
    "pipelineId": _PIPELINE,
    "data": [
        {
            "stage": "prospecting",
            "label": "Prospecting",
            "outcome": "open",
            "entered": 10,
            "movedOn": 6,
            "movedBack": 0,
            "movedAway": 0,
            "lost": 1,
            "stillThere": 3,
            "won": 4,
            "toNextPercent": "60.00",
            "toWonPercent": "40.00",
            "averageDays": "12.3",
            "medianDays": "9.0",
        }
    ],
}
_AGE = {"fromDays": 0, "toDays": 7, **_sum(1, "1100.00")}
AGEING: dict[str, Any] = {
    "data": [
        {
            "pipelineId": _PIPELINE,
            "pipeline": "Sales",
            "stage": "engaging",
            "label": "Engaging",
            **_sum(1, "1100.00"),
            "overdue": 0,
            "stalled": 0,
            "inStage": [_AGE],
            "age": [_AGE],
        }
    ]
}
