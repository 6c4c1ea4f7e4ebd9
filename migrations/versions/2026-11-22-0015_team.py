"""Who is involved in an opportunity: contacts with their roles, and the team with its splits."""

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, MetaData, Numeric, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import tenant_table

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

EMPTY = text("'{}'")


def upgrade() -> None:
    _record(
        "opportunity_contact",
        Column("opportunity_id", Uuid, nullable=False),
        Column("contact_id", Uuid),
        Column("role", Text, nullable=False),
        Column("note", Text),
        references={"opportunity_id": "opportunity", "contact_id": "contact"},
        sortable=("role",),
        unique_together=("opportunity_id", "contact_id"),
    )
    _record(
        "opportunity_member",
        Column("opportunity_id", Uuid, nullable=False),
        Column("user_id", Uuid),
        Column("role", Text, nullable=False),
        Column("split_percent", Numeric),
        references={"opportunity_id": "opportunity", "user_id": "user"},
        sortable=("role", "split_percent"),
        unique_together=("opportunity_id", "user_id"),
    )


def downgrade() -> None:
    for name in ("opportunity_member", "opportunity_contact"):
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")


def _record(name: str, *own: Column[Any], sortable: tuple[str, ...], **more: Any) -> None:
    table = Table(
        name,
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
        *own,
    )
    references = {"owner_id": "user"} | more.pop("references")
    sorted_by = ("created_at", "modified_at", *sortable)
    for statement in tenant_table(table, references=references, sortable=sorted_by, **more):
        op.execute(statement)
