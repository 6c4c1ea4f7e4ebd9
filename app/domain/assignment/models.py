from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Base, Record


class Queue(Record):
    __tablename__ = "queue"

    name: Mapped[str]
    description: Mapped[str | None]
    members: Mapped[list[str]] = mapped_column(ARRAY(Text))


class Absence(Record):
    __tablename__ = "absence"

    user_id: Mapped[UUID | None]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str | None]


class AssignmentRule(Record):
    __tablename__ = "assignment_rule"

    name: Mapped[str]
    object: Mapped[str]
    position: Mapped[int] = mapped_column(Integer)
    when: Mapped[str | None]
    user_id: Mapped[UUID | None]
    round_robin: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    queue_id: Mapped[UUID | None]
    active: Mapped[bool]


class AssignmentState(Base):
    """Whose turn it is: what each user of the rule's round robin is owed. Its row is what turns are taken one by one on."""

    __tablename__ = "assignment_state"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    credits: Mapped[dict[str, Any]] = mapped_column(server_default="{}")


class AssignmentDecision(Base):
    """What the rules decided of one record, with the facts as they were then."""

    __tablename__ = "assignment_decision"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    object: Mapped[str]
    record_id: Mapped[UUID]
    at: Mapped[datetime]
    rule_id: Mapped[UUID | None]
    owner_id: Mapped[UUID | None]
    queue_id: Mapped[UUID | None]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
