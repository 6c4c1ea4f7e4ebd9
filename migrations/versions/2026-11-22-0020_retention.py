"""What is due by time, and what is old by age."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


BY_AGE = {
    "assignment_decision": "at",
    "score_change": "at, tenant_id, lead_id, version",
    "forecast_snapshot": "day",
}


def upgrade() -> None:
    op.execute("CREATE INDEX work_time ON work ((kind || ''), due_at) WHERE state = 'due'")
    for table, columns in BY_AGE.items():
        op.execute(f"CREATE INDEX {table}_age ON {table} ({columns})")


def downgrade() -> None:
    op.execute("DROP INDEX work_time")
    for table in BY_AGE:
        op.execute(f"DROP INDEX {table}_age")
