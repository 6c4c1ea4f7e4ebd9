"""Models by which leads are scored, what leads did, and the scores that they had."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import tenant_table

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

EMPTY, NOW = text("'{}'"), text("clock_timestamp()")


def upgrade() -> None:
    sortable = ("created_at", "modified_at", "name")
    statements = tenant_table(_model(), references={"owner_id": "user"}, sortable=sortable, searchable=("name",))
    for statement in [*statements, *_kept(_behaviour()), *_kept(_score())]:
        op.execute(statement)
    op.execute("CREATE UNIQUE INDEX scoring_model_active_key ON scoring_model (tenant_id) WHERE active")
    op.execute("CREATE INDEX behaviour_event_newest ON behaviour_event (tenant_id, lead_id, occurred_at DESC, id DESC)")


def downgrade() -> None:
    for name in ("score_change", "behaviour_event", "scoring_model"):
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")


def _model() -> Table:
    return Table(
        "scoring_model",
        MetaData(),
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
        Column("name", Text, nullable=False),
        Column("description", Text),
        Column("active", Boolean, nullable=False),
        Column("rules", JSONB, nullable=False),
        Column("behaviours", JSONB, nullable=False),
        Column("thresholds", JSONB, nullable=False),
    )


def _behaviour() -> Table:
    """A lead that lies in the bin keeps what it did, so the lead is no foreign key."""
    return Table(
        "behaviour_event",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("lead_id", Uuid, nullable=False),
        Column("behaviour", Text(collation="C"), nullable=False),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=NOW),
        Column("recorded_by", Uuid),
    )


def _score() -> Table:
    """One row for each version of a lead that came with another score."""
    return Table(
        "score_change",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("lead_id", Uuid, primary_key=True),
        Column("version", BigInteger, primary_key=True),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("score", Integer, nullable=False),
        Column("cause", Text, nullable=False),
        Column("model_id", Uuid),
        Column("model_version", BigInteger),
        Column("facts", JSONB, nullable=False),
    )


def _kept(table: Table) -> list[str]:
    return tenant_table(table, grants="select, insert")
