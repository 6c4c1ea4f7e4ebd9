from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.domain.kernel.decimals import Percent, Quantity
from app.domain.kernel.money import Money
from app.domain.kernel.schemas import INT_MAX, RecordInput, RecordRead, Text
from app.domain.pricing.schemas import Price


def _dollars(*amounts: str) -> list[dict[str, str]]:
    return [{"amount": amount, "currency": "USD"} for amount in amounts]


class OpportunityLineCreate(RecordInput):
    """What it costs is computed from these: nobody sends a total."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["unitPrice"]}, {"required": ["productId"]}]})

    opportunity_id: UUID
    product_id: UUID | None = None
    description: Text | None = None
    quantity: Quantity = Field(Decimal(1), description="Above zero, with at most 4 decimals.")
    unit_price: Price | None = Field(
        None,
        description="In the currency of the opportunity, never negative. Left out or null, it is the list price, and follows "
        "it when the quantity or the product changes.",
        examples=_dollars("520.00", "99.90", "480.00", "75.25"),
    )
    discount_percent: Percent = Field(Decimal(0), description="Of the subtotal.")
    discount_amount: Price | None = Field(
        None, description="Taken off after the percentage.", examples=_dollars("1.00", "0.50", "0.25", "0.75")
    )
    tax_rate_percent: Percent = Field(Decimal(0), description="Of the net amount.")
    position: int = Field(
        0, ge=0, le=INT_MAX, description="Lines are shown by position, then in the order they were made."
    )


class OpportunityLineRead(RecordRead):
    opportunity_id: UUID
    product_id: UUID | None
    description: str | None
    quantity: Quantity
    unit_price: Money
    discount_percent: Percent
    discount_amount: Money | None
    tax_rate_percent: Percent
    position: int
    list_price: Money | None = Field(description="That of the price book of the opportunity, or of the product.")
    subtotal: Money = Field(description="Quantity by unit price, rounded.", examples=_dollars("1040.00"))
    discount: Money = Field(description="All that is taken off.", examples=_dollars("104.00"))
    net: Money = Field(description="Subtotal less discount.", examples=_dollars("936.00"))
    tax: Money = Field(description="On this line alone, rounded.", examples=_dollars("177.84"))
    total: Money = Field(description="Net and tax.", examples=_dollars("1113.84"))


class Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class TaxRead(Shown):
    """The tax of all lines of one rate, rounded once."""

    rate_percent: str
    net: Money
    tax: Money


class TotalsRead(Shown):
    """What all lines of an opportunity come to; the tax is that of each rate on the sum of its lines."""

    lines: int
    currency: str | None
    subtotal: Money | None
    discount: Money | None
    net: Money | None
    taxes: list[TaxRead]
    tax: Money | None
    total: Money | None


TOTALS: dict[str, Any] = {
    "lines": 1,
    "currency": "USD",
    "subtotal": {"amount": "1040.00", "currency": "USD"},
    "discount": {"amount": "104.00", "currency": "USD"},
    "net": {"amount": "936.00", "currency": "USD"},
    "taxes": [
        {
            "ratePercent": "19",
            "net": {"amount": "936.00", "currency": "USD"},
            "tax": {"amount": "177.84", "currency": "USD"},
        }
    ],
    "tax": {"amount": "177.84", "currency": "USD"},
    "total": {"amount": "1113.84", "currency": "USD"},
}
