from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from app.domain.kernel.decimals import Quantity
from app.domain.kernel.money import Currency, Money
from app.domain.kernel.schemas import Day, Name, RecordInput, RecordRead


def _not_negative(price: Money) -> Money:
    if price.amount < 0:
        raise PydanticCustomError("negative", "A price is never negative: a discount makes it lower.")
    return price


Price = Annotated[Money, AfterValidator(_not_negative)]


class PriceBookCreate(RecordInput):
    name: Name
    currency: Currency = Field(description="Of all its prices; it stays while there are any.", examples=["EUR"])
    is_standard: bool = Field(default=False, description="Whether it is the one for everybody; several may be.")
    valid_from: Day | None = Field(
        None,
        description="Its prices hold from this day; null: from ever.",
        examples=[f"2026-0{month}-01" for month in range(1, 10)],
    )
    valid_until: Day | None = Field(
        None,
        description="The last day on which they hold; null: for ever.",
        examples=[f"2027-0{month}-15" for month in range(1, 10)],
    )
    active: bool = Field(default=True, description="Whether its prices may be used at all.")


class PriceBookRead(RecordRead):
    name: str
    currency: str
    is_standard: bool
    valid_from: date | None
    valid_until: date | None
    active: bool


class PriceBookEntryCreate(RecordInput):
    price_book_id: UUID
    product_id: UUID
    unit_price: Price = Field(
        description="In the currency of the price book, never negative.",
        examples=[{"amount": f"{amount}", "currency": "EUR"} for amount in ("480.00", "520.00", "99.90", "0.045")],
    )
    min_quantity: Quantity = Field(
        Decimal(1), description="From which quantity on the price holds; of several tiers the highest that is reached."
    )


class PriceBookEntryRead(RecordRead):
    price_book_id: UUID
    product_id: UUID
    unit_price: Money
    min_quantity: Quantity
