from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Record


class Product(Record):
    __tablename__ = "product"

    name: Mapped[str]
    family: Mapped[str | None]
    list_price: Mapped[Decimal | None]
    list_price_currency: Mapped[str | None]


class Opportunity(Record):
    __tablename__ = "opportunity"

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
