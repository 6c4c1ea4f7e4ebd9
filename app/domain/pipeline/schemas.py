from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.domain.kernel.money import Money
from app.domain.kernel.schemas import Day, Label, Limits, Name, RecordInput, RecordRead

STAGE = r"^[a-z][A-Za-z0-9]{0,49}$"


class ProductCreate(RecordInput):
    name: Name
    family: Label | None = None
    list_price: Money | None = None


class ProductRead(RecordRead):
    name: str
    family: str | None
    list_price: Money | None


class OpportunityCreate(RecordInput):
    name: Annotated[str, Limits(300, min_length=1)]
    account_id: UUID | None = None
    primary_contact_id: UUID | None = None
    product_id: UUID | None = None
    stage: Annotated[str, Limits(50, pattern=STAGE)] = Field(
        "prospecting", description="A word such as prospecting or closedWon."
    )
    amount: Money | None = None
    close_date: Day | None = None
    engage_date: Day | None = Field(None, description="The day on which the customer first took up the talk.")
    probability: int | None = Field(None, ge=0, le=100, description="Of winning, in percent.")


class OpportunityRead(RecordRead):
    name: str
    account_id: UUID | None
    primary_contact_id: UUID | None
    product_id: UUID | None
    stage: str
    amount: Money | None
    close_date: date | None
    engage_date: date | None
    probability: int | None
