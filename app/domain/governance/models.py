from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.kernel.record import Base, Record


class Tenant(Base):
    """One organisation. `schema_version` grows with every change of what its records look like."""

    __tablename__ = "tenant"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    locale: Mapped[str]
    currency: Mapped[str]
    schema_version: Mapped[int]
    created_at: Mapped[datetime]
    duplicate_policies: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    country: Mapped[str | None]
    modified_at: Mapped[datetime | None]
    modified_by: Mapped[UUID | None]


class User(Record):
    __tablename__ = "user"

    name: Mapped[str]
    email: Mapped[str]
    manager_id: Mapped[UUID | None]
    region: Mapped[str | None]
    role: Mapped[str]
    status: Mapped[str]


class ApiKey(Base):
    """`digest` is the SHA-256 of the key; the key itself is nowhere."""

    __tablename__ = "api_key"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    name: Mapped[str]
    digest: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    rate_limit_per_minute: Mapped[int | None] = mapped_column(Integer)
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    created_by: Mapped[UUID | None]
