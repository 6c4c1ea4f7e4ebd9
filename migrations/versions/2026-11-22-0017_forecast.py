"""Fiscal calendar, quotas, adjustments and snapshots of forecasts."""

from collections.abc import Iterable
from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, MetaData, Numeric, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import tenant_table

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

EMPTY = text("'{}'")
# A forecast adds up a period from the index alone; what is lost or left out is not even in it.
BY_CLOSE_DATE = """
CREATE INDEX opportunity_forecast ON opportunity (tenant_id, close_date)
  INCLUDE (owner_id, pipeline_id, forecast_category, amount, amount_currency, expected_amount)
  WHERE forecast_category <> 'omitted'
"""
TABLES = ("forecast_figure", "forecast_snapshot", "forecast_settings", "forecast_adjustment", "quota")


def upgrade() -> None:
    _record(
        "quota",
        Column("user_id", Uuid, nullable=False),
        Column("period", Text, nullable=False),
        Column("scope", Text, nullable=False),
        Column("amount", Numeric, nullable=False),
        Column("amount_currency", Text, nullable=False),
        references={"user_id": "user"},
        unique_together=("user_id", "scope", "period"),
        sortable=("period", "amount"),
    )
    _record(
        "forecast_adjustment",
        Column("user_id", Uuid, nullable=False),
        Column("by_user_id", Uuid, nullable=False),
        Column("period", Text, nullable=False),
        Column("category", Text, nullable=False),
        Column("amount", Numeric, nullable=False),
        Column("amount_currency", Text, nullable=False),
        Column("note", Text),
        references={"user_id": "user", "by_user_id": "user"},
        unique_together=("user_id", "by_user_id", "category", "period"),
        sortable=("period", "amount"),
    )
    for table in (_settings(), _snapshot(), _figure()):
        _run(tenant_table(table))
    op.execute(BY_CLOSE_DATE)


def downgrade() -> None:
    op.execute("DROP INDEX opportunity_forecast")
    for name in TABLES:
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")


def _settings() -> Table:
    """One row for a tenant that has set any."""
    return Table(
        "forecast_settings",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("starts_in_month", Integer, nullable=False),
        Column("year_named_by", Text, nullable=False),
        Column("modified_at", DateTime(timezone=True), nullable=False),
        Column("modified_by", Uuid),
    )


def _snapshot() -> Table:
    """One row for each day on which one was taken, with all that figures are read by."""
    return Table(
        "forecast_snapshot",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("day", Date, primary_key=True),
        Column("taken_at", DateTime(timezone=True), nullable=False),
        Column("taken_by", Uuid),
        Column("starts_on", Date, nullable=False),
        Column("ends_on", Date, nullable=False),
        Column("starts_in_month", Integer, nullable=False),
        Column("year_named_by", Text, nullable=False),
        Column("currency", Text, nullable=False),
        Column("people", JSONB, nullable=False),
        Column("plan", JSONB, nullable=False),
    )


def _figure() -> Table:
    """What the opportunities of one owner, pipeline, month, category and currency came to on the day."""
    return Table(
        "forecast_figure",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("day", Date, primary_key=True),
        Column("place", BigInteger, primary_key=True),
        Column("owner_id", Uuid),
        Column("pipeline_id", Uuid, nullable=False),
        Column("month", Date, nullable=False),
        Column("category", Text, nullable=False),
        Column("currency", Text),
        Column("number", BigInteger, nullable=False),
        Column("amount", Numeric),
        Column("expected", Numeric),
        Column("worth", Numeric),
        Column("weighted", Numeric),
        Column("missing", Boolean, nullable=False),
    )


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
    _run(tenant_table(table, references=references, sortable=("created_at", "modified_at", *sortable), **more))


def _run(statements: Iterable[str]) -> None:
    for statement in statements:
        op.execute(statement)
