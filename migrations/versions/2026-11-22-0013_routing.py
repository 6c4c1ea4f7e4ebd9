"""Queues, absences, and the rules by which records get an owner, with whose turn it is and what was decided."""

from typing import Any

from alembic import op
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import tenant_table

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

EMPTY, NONE = text("'{}'"), text("'[]'")


def upgrade() -> None:
    _queue()
    _absence()
    _rule()
    _state()
    _decision()
    # Leads are older than queues, so that theirs is the one reference that is added to a table.
    op.execute(
        "ALTER TABLE lead ADD CONSTRAINT lead_queue_id_fkey FOREIGN KEY (tenant_id, queue_id)"
        " REFERENCES queue (tenant_id, id)"
    )
    op.execute("CREATE INDEX lead_queue_id_idx ON lead (tenant_id, queue_id, id)")


def downgrade() -> None:
    op.execute("DROP INDEX lead_queue_id_idx")
    op.execute("ALTER TABLE lead DROP CONSTRAINT lead_queue_id_fkey")
    for name in ("assignment_decision", "assignment_state", "assignment_rule", "absence", "queue"):
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")


def _queue() -> None:
    table = _record(
        "queue",
        Column("name", Text, nullable=False),
        Column("description", Text),
        Column("members", ARRAY(Text), nullable=False),
    )
    sortable = ("created_at", "modified_at", "name")
    _run(tenant_table(table, references={"owner_id": "user"}, sortable=sortable, searchable=("name", "description")))


def _absence() -> None:
    table = _record(
        "absence",
        Column("user_id", Uuid),
        Column("starts_at", DateTime(timezone=True), nullable=False),
        Column("ends_at", DateTime(timezone=True), nullable=False),
        Column("reason", Text),
        CheckConstraint("ends_at > starts_at", name="absence_times_check"),
    )
    sortable = ("created_at", "modified_at", "starts_at", "ends_at")
    _run(tenant_table(table, references={"owner_id": "user", "user_id": "user"}, sortable=sortable))


def _rule() -> None:
    table = _record(
        "assignment_rule",
        Column("name", Text, nullable=False),
        Column("object", Text, nullable=False),
        Column("position", Integer, nullable=False),
        Column("when", Text),
        Column("user_id", Uuid),
        Column("round_robin", JSONB, nullable=False),
        Column("queue_id", Uuid),
        Column("active", Boolean, nullable=False),
    )
    references = {"owner_id": "user", "user_id": "user", "queue_id": "queue"}
    sortable = ("created_at", "modified_at", "name", "position")
    _run(tenant_table(table, references=references, sortable=sortable, searchable=("name",)))


def _state() -> None:
    """It changes with every turn, which would be an event of the rule each time."""
    table = Table(
        "assignment_state",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("rule_id", Uuid, primary_key=True),
        Column("credits", JSONB, nullable=False, server_default=EMPTY),
    )
    _run(tenant_table(table, grants="select, insert, update"))


def _decision() -> None:
    """What it names may be gone by the time it is read, so nothing here is a foreign key."""
    table = Table(
        "assignment_decision",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("object", Text(collation="C"), nullable=False),
        Column("record_id", Uuid, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
        Column("rule_id", Uuid),
        Column("owner_id", Uuid),
        Column("queue_id", Uuid),
        Column("rules", JSONB, nullable=False, server_default=NONE),
    )
    _run(tenant_table(table, grants="select, insert"))
    op.execute("CREATE INDEX assignment_decision_record ON assignment_decision (tenant_id, object, record_id, id DESC)")


def _record(name: str, *parts: Any) -> Table:
    return Table(
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
        *parts,
    )


def _run(statements: list[str]) -> None:
    for statement in statements:
        op.execute(statement)
