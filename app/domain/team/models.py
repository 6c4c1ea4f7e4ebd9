from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Mapped

from app.domain.kernel.record import Record


class OpportunityContact(Record):
    """The part that a contact plays in a deal."""

    __tablename__ = "opportunity_contact"

    opportunity_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    role: Mapped[str]
    note: Mapped[str | None]


class OpportunityMember(Record):
    """A user who works on a deal, with the share that counts for them."""

    __tablename__ = "opportunity_member"

    opportunity_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    role: Mapped[str]
    split_percent: Mapped[Decimal | None]
