from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Base, Record


class Quote(Record):
    """`lines`, `amounts` and `taxes` are in the form of the API."""

    __tablename__ = "quote"

    opportunity_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    name: Mapped[str]
    number: Mapped[str | None]
    revision: Mapped[int] = mapped_column(Integer)
    status: Mapped[str]
    valid_until: Mapped[date | None]
    locale: Mapped[str]
    billing_name: Mapped[str | None]
    billing_address: Mapped[dict[str, Any] | None]
    terms: Mapped[str | None]
    notes: Mapped[str | None]
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    amounts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    taxes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    currency: Mapped[str | None]
    subtotal: Mapped[Decimal | None]
    subtotal_currency: Mapped[str | None]
    discount: Mapped[Decimal | None]
    discount_currency: Mapped[str | None]
    net: Mapped[Decimal | None]
    net_currency: Mapped[str | None]
    tax: Mapped[Decimal | None]
    tax_currency: Mapped[str | None]
    total: Mapped[Decimal | None]
    total_currency: Mapped[str | None]
    seller: Mapped[str | None]
    presented_on: Mapped[date | None]
    presented_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    rejected_reason: Mapped[str | None]


class QuoteNumber(Base):
    """The last number that a tenant has given in a year."""

    __tablename__ = "quote_number"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True)
    last: Mapped[int] = mapped_column(Integer)
