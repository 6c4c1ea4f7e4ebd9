from decimal import Decimal
from uuid import UUID

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Record


class OpportunityLine(Record):
    __tablename__ = "opportunity_line"

    opportunity_id: Mapped[UUID]
    product_id: Mapped[UUID | None]
    description: Mapped[str | None]
    quantity: Mapped[Decimal]
    unit_price: Mapped[Decimal]
    unit_price_currency: Mapped[str]
    discount_percent: Mapped[Decimal]
    discount_amount: Mapped[Decimal | None]
    discount_amount_currency: Mapped[str | None]
    tax_rate_percent: Mapped[Decimal]
    position: Mapped[int] = mapped_column(Integer)
    list_price: Mapped[Decimal | None]
    list_price_currency: Mapped[str | None]
    subtotal: Mapped[Decimal]
    subtotal_currency: Mapped[str]
    discount: Mapped[Decimal]
    discount_currency: Mapped[str]
    net: Mapped[Decimal]
    net_currency: Mapped[str]
    tax: Mapped[Decimal]
    tax_currency: Mapped[str]
    total: Mapped[Decimal]
    total_currency: Mapped[str]
