from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Base, Record


class Product(Record):
    __tablename__ = "product"

    name: Mapped[str]
    family: Mapped[str | None]
    list_price: Mapped[Decimal | None]
    list_price_currency: Mapped[str | None]
    sku: Mapped[str | None]
    unit: Mapped[str | None]
    discontinued_on: Mapped[date | None]
    description: Mapped[str | None]


class Pipeline(Record):
    """`stages` and `overdue` are in the form of the API."""

    __tablename__ = "pipeline"

    name: Mapped[str]
    is_default: Mapped[bool]
    stages: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    won_reasons: Mapped[list[str]] = mapped_column(ARRAY(Text))
    lost_reasons: Mapped[list[str]] = mapped_column(ARRAY(Text))
    reopen_role: Mapped[str]
    overdue: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class PipelineStage(Base):
    """The keys of a pipeline's stages once more: what opportunities may stand in, for their foreign key."""

    __tablename__ = "pipeline_stage"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    pipeline_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)


class Opportunity(Record):
    __tablename__ = "opportunity"

    price_book_id: Mapped[UUID | None]
    lines_total: Mapped[Decimal | None]
    lines_total_currency: Mapped[str | None]
    name: Mapped[str]
    account_id: Mapped[UUID | None]
    primary_contact_id: Mapped[UUID | None]
    product_id: Mapped[UUID | None]
    stage: Mapped[str]
    amount: Mapped[Decimal | None]
    amount_currency: Mapped[str | None]
    close_date: Mapped[date | None]
    engage_date: Mapped[date | None]
    probability: Mapped[int | None] = mapped_column(Integer)
    pipeline_id: Mapped[UUID]
    status: Mapped[str]
    forecast_category: Mapped[str]
    probability_overridden: Mapped[bool]
    expected_amount: Mapped[Decimal | None]
    expected_amount_currency: Mapped[str | None]
    stage_changed_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    outcome_reason: Mapped[str | None]
    outcome_note: Mapped[str | None]
    next_step: Mapped[str | None]
    competitors: Mapped[list[str]] = mapped_column(ARRAY(Text))
    stalled_since: Mapped[datetime | None]
    overdue_since: Mapped[datetime | None]


class StageHistory(Base):
    """One stay of an opportunity in a stage; the figures are those of its beginning.

    `next_stage` is where it led, if that is in the same pipeline.
    """

    __tablename__ = "stage_history"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    opportunity_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    pipeline_id: Mapped[UUID]
    stage: Mapped[str]
    entered_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
    amount: Mapped[Decimal | None]
    amount_currency: Mapped[str | None]
    probability: Mapped[int | None] = mapped_column(Integer)
    owner_id: Mapped[UUID | None]
    close_date: Mapped[date | None]
    entered_by: Mapped[UUID | None]
    imported: Mapped[bool]
    next_stage: Mapped[str | None]
