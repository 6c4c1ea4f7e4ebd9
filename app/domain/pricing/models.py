from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Mapped

from app.domain.kernel.record import Record


class PriceBook(Record):
    __tablename__ = "price_book"

    name: Mapped[str]
    currency: Mapped[str]
    is_standard: Mapped[bool]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    active: Mapped[bool]


class PriceBookEntry(Record):
    __tablename__ = "price_book_entry"

    price_book_id: Mapped[UUID]
    product_id: Mapped[UUID]
    unit_price: Mapped[Decimal]
    unit_price_currency: Mapped[str]
    min_quantity: Mapped[Decimal]
