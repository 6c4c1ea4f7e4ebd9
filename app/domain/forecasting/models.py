from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Base, Record


class Quota(Record):
    __tablename__ = "quota"

    user_id: Mapped[UUID]
    period: Mapped[str]
    scope: Mapped[str]
    amount: Mapped[Decimal]
    amount_currency: Mapped[str]


class ForecastAdjustment(Record):
    __tablename__ = "forecast_adjustment"

    user_id: Mapped[UUID]
    by_user_id: Mapped[UUID]
    period: Mapped[str]
    category: Mapped[str]
    amount: Mapped[Decimal]
    amount_currency: Mapped[str]
    note: Mapped[str | None]


class ForecastSnapshot(Base):
    """What figures of one day are read by: the calendar, the hierarchy, quotas and adjustments of then."""

    __tablename__ = "forecast_snapshot"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]
    taken_by: Mapped[UUID | None]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    starts_in_month: Mapped[int] = mapped_column(Integer)
    year_named_by: Mapped[str]
    currency: Mapped[str]
    people: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    plan: Mapped[dict[str, Any]]


class ForecastFigure(Base):
    """What the opportunities of one owner, pipeline, month, category and currency came to; `worth` and `weighted` are
    amount and expected amount in the corporate currency, not rounded."""

    __tablename__ = "forecast_figure"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID | None]
    pipeline_id: Mapped[UUID]
    month: Mapped[date]
    category: Mapped[str]
    currency: Mapped[str | None]
    number: Mapped[int]
    amount: Mapped[Decimal | None]
    expected: Mapped[Decimal | None]
    worth: Mapped[Decimal | None]
    weighted: Mapped[Decimal | None]
    missing: Mapped[bool]
