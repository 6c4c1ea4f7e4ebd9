from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.domain.kernel.decimals import Digits
from app.domain.kernel.schemas import RecordInput, RecordRead, Text

ContactRole = Literal[
    "decisionMaker",
    "economicBuyer",
    "champion",
    "influencer",
    "technicalBuyer",
    "procurement",
    "legal",
    "user",
    "blocker",
    "other",
]
MemberRole = Literal[
    "accountExecutive",
    "accountManager",
    "salesDevelopment",
    "salesEngineer",
    "salesManager",
    "partnerManager",
    "customerSuccess",
    "executiveSponsor",
    "other",
]
Split = Annotated[
    Decimal,
    Digits(
        r"^(100(\.0{1,2})?|[1-9]?[0-9](\.[0-9]{1,2})?)$",
        "a decimal string from '0' to '100' such as '50' or '33.33', with at most 2 decimals",
    ),
]
SHARE = "The share that counts for them. All of an opportunity come to 100 at most; empty is none."


class OpportunityContactCreate(RecordInput):
    opportunity_id: UUID
    contact_id: UUID | None = Field(
        None, description="Once in an opportunity. Left out while nobody knows yet who has the role."
    )
    role: ContactRole
    note: Text | None = None


class OpportunityContactRead(RecordRead):
    opportunity_id: UUID
    contact_id: UUID | None
    role: ContactRole
    note: str | None


class OpportunityMemberCreate(RecordInput):
    opportunity_id: UUID
    user_id: UUID | None = Field(None, description="Once in an opportunity. Left out while nobody has the role yet.")
    role: MemberRole
    split_percent: Split | None = Field(None, description=SHARE, examples=["1.25", "0.5", "2", "0.75"])


class OpportunityMemberRead(RecordRead):
    opportunity_id: UUID
    user_id: UUID | None
    role: MemberRole
    split_percent: Split | None
