from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Base, Record


class ScoringModel(Record):
    __tablename__ = "scoring_model"

    name: Mapped[str]
    description: Mapped[str | None]
    active: Mapped[bool]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    behaviours: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    thresholds: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class BehaviourEvent(Base):
    """Something that a lead did, whether a model counts it or not. Nothing changes it."""

    __tablename__ = "behaviour_event"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID]
    behaviour: Mapped[str]
    occurred_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[UUID | None]


class ScoreChange(Base):
    """The score that a version of the lead came with, and the facts that it rests on."""

    __tablename__ = "score_change"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    score: Mapped[int] = mapped_column(Integer)
    cause: Mapped[str]
    model_id: Mapped[UUID | None]
    model_version: Mapped[int | None]
    facts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
