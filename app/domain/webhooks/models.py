from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Double, Integer, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Base, Record


class WebhookEndpoint(Record):
    __tablename__ = "webhook_endpoint"

    name: Mapped[str | None]
    url: Mapped[str]
    description: Mapped[str | None]
    event_types: Mapped[list[str]] = mapped_column(ARRAY(Text))
    filter: Mapped[str | None]
    payload: Mapped[str]
    api_version: Mapped[str]
    skip_origins: Mapped[list[str]] = mapped_column(ARRAY(Text))
    disabled: Mapped[bool]
    disabled_reason: Mapped[str | None]
    concurrency: Mapped[int] = mapped_column(Integer)
    per_second: Mapped[float | None] = mapped_column(Double)


class WebhookSecret(Base):
    """`sealed` is a signing secret as text or, of the kind `headers`, an object of the values by name."""

    __tablename__ = "webhook_secret"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class WebhookState(Base):
    """How an endpoint fares, which no event tells. Events that settle from `since` on are its own."""

    __tablename__ = "webhook_state"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(primary_key=True)
    since: Mapped[int]
    failing_since: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One event for one endpoint; each of `attempts` is an `Attempt` of the schemas, under the names of the API."""

    __tablename__ = "webhook_delivery"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    endpoint_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    event_settle: Mapped[int]
    event_seq: Mapped[int]
    event_type: Mapped[str]
    object: Mapped[str]
    record_id: Mapped[UUID]
    version: Mapped[int]
    state: Mapped[str]
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    replays: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
