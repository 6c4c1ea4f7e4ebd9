from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Record


class Lead(Record):
    __tablename__ = "lead"

    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    company: Mapped[str | None]
    title: Mapped[str | None]
    email: Mapped[str | None]
    phone: Mapped[str | None]
    website: Mapped[str | None]
    country: Mapped[str | None]
    industry: Mapped[str | None]
    employees: Mapped[int | None] = mapped_column(Integer)
    description: Mapped[str | None]
    source: Mapped[str | None]
    utm: Mapped[dict[str, Any] | None]
    rating: Mapped[str | None]
    status: Mapped[str]
    disqualified_reason: Mapped[str | None]
    disqualified_note: Mapped[str | None]
    recycle_on: Mapped[date | None]
    do_not_email: Mapped[bool]
    do_not_call: Mapped[bool]
    consent_at: Mapped[datetime | None]
    consent_text: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    score: Mapped[int] = mapped_column(Integer, server_default="0")
    queue_id: Mapped[UUID | None]
    assigned_at: Mapped[datetime | None]
    first_response_due_at: Mapped[datetime | None]
    first_responded_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    escalation_level: Mapped[int] = mapped_column(Integer, server_default="0")
    escalated_to_id: Mapped[UUID | None]
    converted_at: Mapped[datetime | None]
    converted_by: Mapped[UUID | None]
    converted_account_id: Mapped[UUID | None]
    converted_contact_id: Mapped[UUID | None]
    converted_opportunity_id: Mapped[UUID | None]
