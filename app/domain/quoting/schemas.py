from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.domain.accounts.points import Address
from app.domain.governance.schemas import LocaleName
from app.domain.kernel.decimals import Percent, Quantity
from app.domain.kernel.money import Money
from app.domain.kernel.schemas import Day, Input, Label, Name, RecordInput, RecordRead, Text, Timestamp
from app.domain.lines.schemas import TOTALS, TaxRead
from app.domain.pricing.schemas import Price

QuoteStatus = Literal["draft", "presented", "accepted", "rejected", "expired", "superseded"]
MOST_LINES = 200


class QuoteLine(Input):
    """What is sold, as it stands on the paper: it stays as it is whatever becomes of the product."""

    product_id: UUID | None = None
    name: Name | None = Field(None, description="Left out, it is the name of the product.")
    description: Text | None = None
    unit: Label | None = Field(None, description="Left out with a product, it is that of the product.")
    quantity: Quantity = Decimal(1)
    unit_price: Price
    discount_percent: Percent = Field(Decimal(0), description="Of the subtotal.")
    discount_amount: Price | None = Field(None, description="Taken off after the percentage.")
    tax_rate_percent: Percent = Field(Decimal(0), description="Of the net amount.")


def stored(lines: Sequence[QuoteLine]) -> list[dict[str, Any]]:
    """As the database keeps them, and as the API and the log show them."""
    return [one.model_dump(mode="json", by_alias=True) for one in lines]


def _line(name: str, quantity: str, amount: str, **more: str) -> dict[str, Any]:
    price = {"amount": amount, "currency": "USD"}
    return {
        "productId": None,
        "name": name,
        "description": None,
        "unit": None,
        "quantity": quantity,
        "unitPrice": price,
        "discountPercent": "0",
        "discountAmount": None,
        "taxRatePercent": "0",
    } | more


LINES = [_line("GTX Basic", "2", "520.00", discountPercent="10", taxRatePercent="19")]
Lines = Annotated[list[QuoteLine], Field(max_length=MOST_LINES), AfterValidator(stored)]


class QuoteCreate(RecordInput):
    """What it costs is computed from its lines: nobody sends a total."""

    name: Name | MISSING = Field(MISSING, description="What it is about. Left out, it is the name of the opportunity.")
    opportunity_id: UUID
    contact_id: UUID | MISSING | None = Field(
        MISSING, description="Whom it is for. Left out, it is the primary contact of the opportunity."
    )
    valid_until: Day | None = Field(None, description="The last day on which it can be accepted.")
    locale: LocaleName | MISSING = Field(
        MISSING,
        description="How its paper writes dates and numbers. Left out, it is that of the organisation.",
        examples=["en-GB", "de"],
    )
    billing_name: Name | MISSING | None = Field(
        MISSING, description="The buyer. Left out, it is the name of the account."
    )
    billing_address: Address | MISSING | None = Field(
        MISSING,
        description="Left out, it is the address of the account with the label `billing`, or else its first one.",
        examples=[{"street": "1 High Street", "city": "Leeds", "postalCode": "LS1 4AP"}, {"city": "Bonn"}],
    )
    terms: Text | None = Field(None, description="Of payment and delivery; on the paper, below the totals.")
    notes: Text | None = Field(None, description="For colleagues: not on the paper.")
    lines: Lines | MISSING = Field(
        MISSING,
        description=f"In their order, at most {MOST_LINES}. Left out, they are those of the opportunity as they are "
        "now. A PATCH replaces them as a whole.",
        examples=[LINES, [*LINES, _line("Delivery", "1", "80.00", description="To your door")], []],
    )


class Amounts(BaseModel):
    """What one line comes to."""

    model_config = ConfigDict(alias_generator=to_camel)

    subtotal: Money
    discount: Money
    net: Money
    tax: Money
    total: Money


class QuoteRead(RecordRead):
    name: str
    opportunity_id: UUID
    contact_id: UUID | None
    number: str | None = Field(description="Given when it is first presented, and shared by all revisions.")
    revision: int = Field(description="1, and one more with every revision of the same number.", examples=[1])
    status: QuoteStatus = Field(examples=["draft"])
    valid_until: date | None
    locale: str = Field(examples=["en-GB"])
    billing_name: str | None
    billing_address: Address | None
    terms: str | None
    notes: str | None
    lines: list[QuoteLine]
    amounts: list[Amounts] = Field(
        description="What each line comes to, in the order of the lines.",
        examples=[[{name: TOTALS[name] for name in ("subtotal", "discount", "net", "tax", "total")}]],
    )
    taxes: list[TaxRead] = Field(
        description="The tax of all lines of one rate, rounded once.", examples=[TOTALS["taxes"]]
    )
    currency: str | None = Field(description="Of all its lines; null without any.")
    subtotal: Money | None = Field(examples=[TOTALS["subtotal"]])
    discount: Money | None = Field(examples=[TOTALS["discount"]])
    net: Money | None = Field(examples=[TOTALS["net"]])
    tax: Money | None = Field(examples=[TOTALS["tax"]])
    total: Money | None = Field(description="What the customer pays.", examples=[TOTALS["total"]])
    seller: str | None = Field(description="The name of the organisation when it was presented.")
    presented_on: date | None = Field(description="The date on its paper, in the time zone of the organisation.")
    presented_at: Timestamp | None
    decided_at: Timestamp | None = Field(description="When it was accepted, rejected, expired or superseded.")
    rejected_reason: str | None


class Rejection(Input):
    reason: Text | None = Field(None, description="Why the customer does not want it.", examples=["Too dear."])
