"""Webhook endpoints, their sealed secrets, how they fare, and the log of their deliveries."""

from typing import Any

from alembic import op
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import across_tenants, tenant_table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NOW, EMPTY, NONE, ZERO = text("now()"), text("'{}'"), text("'[]'"), text("0")


def upgrade() -> None:
    _endpoint()
    _secret()
    _state()
    _delivery()


def downgrade() -> None:
    for name in ("webhook_delivery", "webhook_state", "webhook_secret", "webhook_endpoint"):
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")


def _endpoint() -> None:
    table = _table(
        "webhook_endpoint",
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("settle", BigInteger, nullable=False),
        Column("owner_id", Uuid),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("created_by", Uuid),
        Column("modified_at", DateTime(timezone=True), nullable=False),
        Column("modified_by", Uuid),
        Column("external_ids", JSONB, nullable=False, server_default=EMPTY),
        Column("custom", JSONB, nullable=False, server_default=EMPTY),
        Column("search", Text),
        Column("name", Text),
        Column("url", Text, nullable=False),
        Column("description", Text),
        Column("event_types", ARRAY(Text), nullable=False),
        Column("filter", Text),
        Column("payload", Text, nullable=False),
        Column("api_version", Text, nullable=False),
        Column("skip_origins", ARRAY(Text), nullable=False),
        Column("disabled", Boolean, nullable=False),
        Column("disabled_reason", Text),
        Column("concurrency", Integer, nullable=False),
        Column("per_second", Float),
        CheckConstraint("concurrency > 0 AND per_second > 0", name="webhook_endpoint_limits_check"),
    )
    sortable = ("created_at", "modified_at", "name", "url")
    searchable = ("name", "url", "description")
    _run(tenant_table(table, references={"owner_id": "user"}, sortable=sortable, searchable=searchable))
    _run(across_tenants("webhook_endpoint", "select"))


def _secret() -> None:
    """What an endpoint signs with, and the values of its own headers. They stay while the endpoint lies in the bin."""
    table = _table(
        "webhook_secret",
        Column("tenant_id", Uuid, primary_key=True),
        Column("endpoint_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=NOW),
        Column("expires_at", DateTime(timezone=True)),
    )
    _run(tenant_table(table))
    _run(across_tenants("webhook_secret", "select"))


def _state() -> None:
    """What changes without a write of the record, which would be an event each time.

    Events that settle from `since` on are the endpoint's own: those that nobody can have missed when it began.
    """
    table = _table(
        "webhook_state",
        Column("tenant_id", Uuid, primary_key=True),
        Column("endpoint_id", Uuid, primary_key=True),
        Column("since", BigInteger, nullable=False, server_default=text("app_horizon()")),
        Column("failing_since", DateTime(timezone=True)),
        Column("last_success_at", DateTime(timezone=True)),
    )
    _run(tenant_table(table, grants="select, insert, update"))
    _run(across_tenants("webhook_state", "select, update"))


def _delivery() -> None:
    """Twenty rows an event. What an event holds is read from the log; here is only what a list is narrowed by."""
    table = _table(
        "webhook_delivery",
        Column("tenant_id", Uuid, primary_key=True),
        Column("endpoint_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("event_id", Uuid, nullable=False),
        Column("event_settle", BigInteger, nullable=False),
        Column("event_seq", BigInteger, nullable=False),
        Column("event_type", Text(collation="C"), nullable=False),
        Column("object", Text(collation="C"), nullable=False),
        Column("record_id", Uuid, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("state", Text(collation="C"), nullable=False, server_default=text("'pending'")),
        Column("attempts", JSONB, nullable=False, server_default=NONE),
        Column("replays", SmallInteger, nullable=False, server_default=ZERO),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=NOW),
        Column("settled_at", DateTime(timezone=True)),
        CheckConstraint("state IN ('pending', 'delivered', 'failed', 'skipped')", name="webhook_delivery_state_check"),
        UniqueConstraint("tenant_id", "endpoint_id", "event_id", name="webhook_delivery_event_key"),
    )
    _run(tenant_table(table))
    _run(across_tenants("webhook_delivery", "select, insert, update, delete"))
    op.execute(
        "CREATE INDEX webhook_delivery_undelivered ON webhook_delivery (tenant_id, endpoint_id, state, id)"
        " WHERE state <> 'delivered'"
    )
    # Rows are made in the order of their age, which is all that such an index keeps; it costs the relay next to nothing.
    op.execute(
        "CREATE INDEX webhook_delivery_age ON webhook_delivery USING brin (created_at) WITH (autosummarize = on)"
    )
    op.execute("ALTER TABLE webhook_delivery SET (autovacuum_vacuum_scale_factor = 0.02)")


def _table(name: str, *parts: Any) -> Table:
    return Table(name, MetaData(), *parts)


def _run(statements: list[str]) -> None:
    for statement in statements:
        op.execute(statement)
