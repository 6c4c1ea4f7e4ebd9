"""Due work, what each of its targets bears, how far each subscriber has read the log, and the jobs clients start."""

from typing import Any

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    Integer,
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

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CODE_POINTS = Text(collation="C")
NOW, EMPTY, NOTHING, NO = text("now()"), text("'{}'"), text("0"), text("false")
LONG_AGO = text("'-infinity'")


def upgrade() -> None:
    _work()
    _work_target()
    _relay_position()
    _job()


def downgrade() -> None:
    for name in ("job", "relay_position", "work_target", "work"):
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")


def _work() -> None:
    """A lease is a due time that lies ahead, so an expired one is simply due again."""
    _table(
        "work",
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("kind", CODE_POINTS, nullable=False),
        Column("key", CODE_POINTS, nullable=False),
        Column("order_key", CODE_POINTS),
        Column("order_seq", BigInteger, nullable=False, server_default=NOTHING),
        Column("target", CODE_POINTS, nullable=False, server_default=text("''")),
        Column("payload", JSONB, nullable=False, server_default=EMPTY),
        Column("state", Text, nullable=False, server_default=text("'due'")),
        Column("due_at", DateTime(timezone=True), nullable=False, server_default=NOW),
        Column("token", Uuid),
        Column("attempts", SmallInteger, nullable=False, server_default=NOTHING),
        Column("unsettled", SmallInteger, nullable=False, server_default=NOTHING),
        Column("cause_event", Uuid),
        Column("last_error", Text),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=NOW),
        CheckConstraint("state in ('due', 'parked', 'done', 'cancelled')", name="work_state_check"),
        UniqueConstraint("tenant_id", "kind", "key", name="work_key"),
    )
    _run(across_tenants("work", "select, insert, update, delete"))
    op.execute("CREATE INDEX work_due ON work (kind, tenant_id, target, due_at) WHERE state = 'due'")
    op.execute("CREATE INDEX work_leased ON work (tenant_id, kind, target) WHERE state = 'due' AND token IS NOT NULL")
    op.execute(
        "CREATE INDEX work_order ON work (tenant_id, order_key, order_seq)"
        " WHERE state IN ('due', 'parked') AND order_key IS NOT NULL"
    )
    op.execute("CREATE INDEX work_parked ON work (tenant_id, id) WHERE state = 'parked'")
    op.execute("ALTER TABLE work SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)")


def _work_target() -> None:
    """Only for targets that are not as their kind of work has it: slower, narrower, failing."""
    _table(
        "work_target",
        Column("tenant_id", Uuid, primary_key=True),
        Column("kind", CODE_POINTS, primary_key=True),
        Column("target", CODE_POINTS, primary_key=True),
        Column("concurrency", SmallInteger),
        Column("per_second", Float),
        Column("failing", Boolean, nullable=False, server_default=NO),
        Column("open_at", DateTime(timezone=True), nullable=False, server_default=LONG_AGO),
        CheckConstraint("concurrency > 0 and per_second > 0", name="work_target_check"),
    )
    _run(across_tenants("work_target", "select, insert, update"))


def _relay_position() -> None:
    """The tenant of a subscriber to the whole log is the nil UUID."""
    _table(
        "relay_position",
        Column("tenant_id", Uuid, primary_key=True),
        Column("subscriber", CODE_POINTS, primary_key=True),
        Column("settle", BigInteger, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("milliseconds", BigInteger, nullable=False, server_default=NOTHING),
        grants="select, insert, update",
    )
    _run(across_tenants("relay_position", "select, insert, update"))


def _job() -> None:
    _table(
        "job",
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("kind", CODE_POINTS, nullable=False),
        Column("state", Text, nullable=False, server_default=text("'queued'")),
        Column("done", Integer, nullable=False, server_default=NOTHING),
        Column("total", Integer),
        Column("input", JSONB, nullable=False, server_default=EMPTY),
        Column("progress", JSONB, nullable=False, server_default=EMPTY),
        Column("result", JSONB),
        Column("error", JSONB),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=NOW),
        Column("created_by", Uuid),
        Column("started_at", DateTime(timezone=True)),
        Column("finished_at", DateTime(timezone=True)),
        CheckConstraint("state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="job_state_check"),
        grants="select, insert, update",
    )


def _table(name: str, *columns: Any, grants: str = "select, insert, update, delete") -> None:
    _run(tenant_table(Table(name, MetaData(), *columns), grants=grants))


def _run(statements: list[str]) -> None:
    for statement in statements:
        op.execute(statement)
