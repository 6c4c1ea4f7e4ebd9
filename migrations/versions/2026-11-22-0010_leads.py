"""Leads: who might become a customer, and what became of them."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import tenant_table

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

EMPTY = text("'{}'")
NONE = text("0")


def upgrade() -> None:
    table = Table(
        "lead",
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
        *_person(),
        *_life(),
    )
    statements = tenant_table(
        table,
        references={
            "owner_id": "user",
            "escalated_to_id": "user",
            "converted_account_id": "account",
            "converted_contact_id": "contact",
            "converted_opportunity_id": "opportunity",
        },
        sortable=("created_at", "modified_at", "last_name", "company", "status", "score", "first_response_due_at"),
        searchable=("first_name", "last_name", "company", "email", "phone"),
    )
    for statement in [*statements, *tenant_table(_settings())]:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP VIEW lead_settings_read")
    op.execute("DROP TABLE lead_settings")
    op.execute("DROP VIEW lead_read")
    op.execute("DROP TABLE lead")


def _person() -> list[Column[object]]:
    return [
        Column("first_name", Text),
        Column("last_name", Text),
        Column("company", Text),
        Column("title", Text),
        Column("email", Text),
        Column("phone", Text),
        Column("website", Text),
        Column("country", Text),
        Column("industry", Text),
        Column("employees", Integer),
        Column("description", Text),
        Column("source", Text),
        Column("utm", JSONB),
        Column("rating", Text),
    ]


def _life() -> list[Column[object]]:
    return [
        Column("status", Text, nullable=False),
        Column("disqualified_reason", Text),
        Column("disqualified_note", Text),
        Column("recycle_on", Date),
        Column("do_not_email", Boolean, nullable=False),
        Column("do_not_call", Boolean, nullable=False),
        Column("consent_at", DateTime(timezone=True)),
        Column("consent_text", Text),
        Column("confirmed_at", DateTime(timezone=True)),
        Column("score", Integer, nullable=False, server_default=NONE),
        Column("queue_id", Uuid),
        Column("assigned_at", DateTime(timezone=True)),
        Column("first_response_due_at", DateTime(timezone=True)),
        Column("first_responded_at", DateTime(timezone=True)),
        Column("escalated_at", DateTime(timezone=True)),
        Column("escalation_level", Integer, nullable=False, server_default=NONE),
        Column("escalated_to_id", Uuid),
        Column("converted_at", DateTime(timezone=True)),
        Column("converted_by", Uuid),
        Column("converted_account_id", Uuid),
        Column("converted_contact_id", Uuid),
        Column("converted_opportunity_id", Uuid),
    ]


def _settings() -> Table:
    """One row for a tenant that has set any."""
    return Table(
        "lead_settings",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("first_response_minutes", Integer),
        Column("escalation_levels", Integer, nullable=False),
        Column("escalation_reassigns", Boolean, nullable=False),
        Column("modified_at", DateTime(timezone=True), nullable=False),
        Column("modified_by", Uuid),
    )
