from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Base, Record


class LeadForm(Record):
    __tablename__ = "lead_form"

    name: Mapped[str]
    title: Mapped[str | None]
    introduction: Mapped[str | None]
    fields: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    consent_text: Mapped[str | None]
    source: Mapped[str | None]
    thanks_text: Mapped[str | None]
    redirect_url: Mapped[str | None]
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(Text))
    double_opt_in: Mapped[bool]
    proof_of_work_bits: Mapped[int] = mapped_column(Integer)
    disabled: Mapped[bool]
    form_key: Mapped[str]


class FormSecret(Base):
    """What signs the form's tickets and links. PostgreSQL makes it, and it is in no record, event or answer."""

    __tablename__ = "form_secret"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    form_id: Mapped[UUID] = mapped_column(primary_key=True)
    secret: Mapped[str]


class LeadSubmission(Record):
    """The lead may go before the proof of consent does: `lead_id` is no key of the database."""

    __tablename__ = "lead_submission"

    answers: Mapped[dict[str, Any]]
    source: Mapped[str | None]
    utm: Mapped[dict[str, Any] | None]
    referrer: Mapped[str | None]
    page: Mapped[str | None]
    consent_text: Mapped[str | None]
    form_id: Mapped[UUID | None]
    form_version: Mapped[int | None]
    state: Mapped[str]
    lead_id: Mapped[UUID | None]
    consent_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class UnconfirmedSubmission(Base):
    """What a person has written who has not confirmed the address yet. It is in no event, and can be erased."""

    __tablename__ = "unconfirmed_submission"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    submission_id: Mapped[UUID] = mapped_column(primary_key=True)
    answers: Mapped[dict[str, Any]]
    expires_at: Mapped[datetime]


class UsedTicket(Base):
    __tablename__ = "used_ticket"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    form_id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
