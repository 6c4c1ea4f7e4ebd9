"""Saved views: a filter, columns and an order for the list of one object, of one user or shared."""

from alembic import op
from sqlalchemy import ARRAY, BigInteger, Boolean, Column, DateTime, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import tenant_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

EMPTY = text("'{}'")


def upgrade() -> None:
    table = Table(
        "saved_view",
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
        Column("object", Text, nullable=False),
        Column("filter", Text),
        Column("columns", ARRAY(Text), nullable=False),
        Column("sort", Text),
        Column("shared", Boolean, nullable=False),
    )
    sortable = ("created_at", "modified_at", "name", "object")
    for statement in tenant_table(table, references={"owner_id": "user"}, sortable=sortable, searchable=("name",)):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP VIEW saved_view_read")
    op.execute("DROP TABLE saved_view")
