"""Quotes in their versions, and their numbers."""

from alembic import op
from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, MetaData, Numeric, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import tenant_table

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

EMPTY = text("'{}'")
FIGURES = ("subtotal", "discount", "net", "tax", "total")
# Of two that are accepted at once one stays, and of two revisions made at once.
DECIDING = (
    "CREATE UNIQUE INDEX quote_opportunity_id_key ON quote (tenant_id, opportunity_id) WHERE status = 'accepted'",
    'CREATE UNIQUE INDEX quote_revision_key ON quote (tenant_id, number COLLATE "C", revision)',
)


def upgrade() -> None:
    table = Table(
        "quote",
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
        *_content(),
        *_life(),
    )
    statements = tenant_table(
        table,
        references={"owner_id": "user", "opportunity_id": "opportunity", "contact_id": "contact"},
        sortable=("created_at", "modified_at", "name", "number", "valid_until", "total"),
        searchable=("name", "number", "billing_name"),
    )
    for statement in [*statements, *DECIDING, *tenant_table(_numbers(), grants="select, insert, update")]:
        op.execute(statement)


def downgrade() -> None:
    for name in ("quote_number", "quote"):
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")


def _content() -> list[Column[object]]:
    return [
        Column("opportunity_id", Uuid, nullable=False),
        Column("contact_id", Uuid),
        Column("name", Text, nullable=False),
        Column("valid_until", Date),
        Column("locale", Text, nullable=False),
        Column("billing_name", Text),
        Column("billing_address", JSONB),
        Column("terms", Text),
        Column("notes", Text),
        Column("lines", JSONB, nullable=False),
        Column("amounts", JSONB, nullable=False),
        Column("taxes", JSONB, nullable=False),
        Column("currency", Text),
        *(Column(name, Numeric) for name in FIGURES),
        *(Column(f"{name}_currency", Text) for name in FIGURES),
    ]


def _life() -> list[Column[object]]:
    return [
        Column("number", Text),
        Column("revision", Integer, nullable=False),
        Column("status", Text, nullable=False),
        Column("seller", Text),
        Column("presented_on", Date),
        Column("presented_at", DateTime(timezone=True)),
        Column("decided_at", DateTime(timezone=True)),
        Column("rejected_reason", Text),
    ]


def _numbers() -> Table:
    """One row for a tenant and a year, which whoever gives a number holds until the end of the transaction."""
    return Table(
        "quote_number",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("year", Integer, primary_key=True, autoincrement=False),
        Column("last", Integer, nullable=False),
    )
