"""Pipelines and their stages, what an opportunity has by its stage, and the history of its stages."""

from collections.abc import Iterable
from typing import Any

from alembic import op
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import read_view, tenant_table

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

EMPTY = text("'{}'")
ADDED = (
    "pipeline_id uuid",
    "status text",
    "forecast_category text",
    "probability_overridden boolean",
    "expected_amount numeric",
    "expected_amount_currency text",
    "stage_changed_at timestamptz",
    "closed_at timestamptz",
    "outcome_reason text",
    "outcome_note text",
    "next_step text",
    "competitors text[] NOT NULL DEFAULT '{}'",
    "stalled_since timestamptz",
    "overdue_since timestamptz",
)
REQUIRED = ("pipeline_id", "status", "forecast_category", "probability_overridden", "stage_changed_at")
HAD = (
    *("tenant_id", "id", "version", "settle", "owner_id", "created_at", "created_by", "modified_at", "modified_by"),
    *("external_ids", "custom", "name", "account_id", "primary_contact_id", "product_id", "stage", "amount"),
    *("amount_currency", "close_date", "engage_date", "probability", "search"),
)

# Random but for its time, so that the event lies in the partition of its month.
EVENT_ID = """
(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
 || substr(md5(random()::text), 1, 3) || 'a' || substr(md5(random()::text), 1, 15))::uuid
"""
STAGES = """
'[{"key": "prospecting", "label": "Prospecting", "probability": 10, "forecastCategory": "pipeline", "outcome": "open"},
  {"key": "engaging", "label": "Engaging", "probability": 40, "forecastCategory": "bestCase", "outcome": "open"}]'::jsonb
|| coalesce((select jsonb_agg(jsonb_build_object('key', o.stage, 'label', o.stage, 'probability', 50,
                                                 'forecastCategory', 'pipeline', 'outcome', 'open') order by o.stage)
               from (select distinct stage from opportunity
                      where tenant_id = t.tenant_id
                        and stage not in ('prospecting', 'engaging', 'closedWon', 'closedLost')) o), '[]')
|| '[{"key": "closedWon", "label": "Closed won", "probability": 100, "forecastCategory": "closed", "outcome": "won"},
     {"key": "closedLost", "label": "Closed lost", "probability": 0, "forecastCategory": "omitted", "outcome": "lost"}]'
"""
FIRST_PIPELINES = f"""
insert into pipeline (tenant_id, id, version, settle, created_at, modified_at, name, is_default, stages, won_reasons,
                      lost_reasons, reopen_role)
select t.tenant_id, {EVENT_ID}, 1, app_settle(), now(), now(), 'Sales', true,
       (select jsonb_agg('{{"requires": [], "when": null, "message": null, "next": null, "stalledAfterDays": null}}'::jsonb
                         || one order by place)
          from jsonb_array_elements({STAGES}) with ordinality as s (one, place)),
       array['price', 'product', 'relationship', 'service', 'other'],
       array['price', 'product', 'competitor', 'noBudget', 'noDecision', 'timing', 'overdue', 'other'], 'admin'
  from tenant t
"""  # noqa: S608  # constants of this module
KEYS_OF_STAGES = """
insert into pipeline_stage (tenant_id, pipeline_id, key)
select tenant_id, id, one ->> 'key' from pipeline, jsonb_array_elements(stages) one
"""
EVENTS_OF_PIPELINES = f"""
insert into event (tenant_id, id, settle, at, object, record_id, version, type, origin, changes, data)
select p.tenant_id, {EVENT_ID}, p.settle, p.modified_at, 'pipeline', p.id, 1, 'pipeline.created', 'migration',
       (select jsonb_object_agg(key, jsonb_build_array(null, value)) from jsonb_each(d.data)
         where key not in ('id', 'version', 'createdAt', 'modifiedAt', 'custom', 'externalIds')), d.data
  from pipeline p cross join lateral (select jsonb_build_object(
    'id', p.id, 'version', 1, 'ownerId', null, 'createdAt', p.created_at, 'createdBy', null,
    'modifiedAt', p.modified_at, 'modifiedBy', null, 'externalIds', p.external_ids, 'custom', p.custom,
    'name', p.name, 'isDefault', p.is_default, 'stages', p.stages, 'wonReasons', p.won_reasons,
    'lostReasons', p.lost_reasons, 'reopenRole', p.reopen_role, 'overdue', p.overdue) as data) d
"""  # noqa: S608  # constants of this module
DERIVED = """
update opportunity o set pipeline_id = p.id, status = one ->> 'outcome', forecast_category = one ->> 'forecastCategory',
       probability_overridden = o.probability is distinct from (one ->> 'probability')::int,
       expected_amount = round(o.amount * o.probability / 100, 4),
       expected_amount_currency = case when o.probability is not null then o.amount_currency end,
       stage_changed_at = o.modified_at, closed_at = case when one ->> 'outcome' <> 'open' then o.modified_at end,
       version = o.version + 1, settle = greatest(o.settle, app_settle()),
       modified_at = greatest(clock_timestamp(), o.modified_at + interval '1 microsecond'), modified_by = null
  from pipeline p, jsonb_array_elements(p.stages) one
 where p.tenant_id = o.tenant_id and one ->> 'key' = o.stage
"""
EVENTS_OF_OPPORTUNITIES = f"""
insert into event (tenant_id, id, settle, at, object, record_id, version, type, origin, changes, data)
select o.tenant_id, {EVENT_ID}, o.settle, o.modified_at, 'opportunity', o.id, o.version, 'opportunity.updated',
       'migration', (select jsonb_object_agg(key, jsonb_build_array(null, value)) from jsonb_each(n.new)),
       l.data || n.new || jsonb_build_object('version', o.version, 'modifiedAt', o.modified_at, 'modifiedBy', null)
  from opportunity o
 cross join lateral (select data from event e where e.tenant_id = o.tenant_id and e.object = 'opportunity'
                        and e.record_id = o.id order by e.version desc limit 1) l
 cross join lateral (select jsonb_build_object(
    'pipelineId', o.pipeline_id, 'status', o.status, 'forecastCategory', o.forecast_category,
    'probabilityOverridden', o.probability_overridden, 'expectedAmount',
    case when o.expected_amount is not null then
      jsonb_build_object('amount', o.expected_amount::text, 'currency', o.expected_amount_currency) end,
    'stageChangedAt', o.stage_changed_at, 'closedAt', o.closed_at, 'outcomeReason', null, 'outcomeNote', null,
    'nextStep', null, 'competitors', o.competitors, 'stalledSince', null, 'overdueSince', null) as new) n
"""  # noqa: S608  # constants of this module
FIRST_HISTORY = f"""
insert into stage_history (tenant_id, opportunity_id, id, pipeline_id, stage, entered_at, amount, amount_currency,
                           probability, owner_id, close_date, imported)
select tenant_id, id, {EVENT_ID}, pipeline_id, stage, stage_changed_at, amount, amount_currency, probability, owner_id,
       close_date, false from opportunity
"""  # noqa: S608  # constants of this module

# A board reads one column after the other, latest first, and adds up from the index alone.
BOARD = """
CREATE INDEX opportunity_board ON opportunity (tenant_id, pipeline_id, stage COLLATE "C", modified_at DESC, id DESC)
  INCLUDE (amount, amount_currency, expected_amount, owner_id)
"""


def upgrade() -> None:
    _pipeline()
    _stage()
    for column in ADDED:
        op.execute(f"ALTER TABLE opportunity ADD COLUMN {column}")
    _run(_history())
    _run((FIRST_PIPELINES, KEYS_OF_STAGES, EVENTS_OF_PIPELINES, DERIVED, EVENTS_OF_OPPORTUNITIES, FIRST_HISTORY))
    for name in REQUIRED:
        op.execute(f"ALTER TABLE opportunity ALTER COLUMN {name} SET NOT NULL")
    op.execute(
        "ALTER TABLE opportunity ADD CONSTRAINT opportunity_expected_amount_currency_check"
        " CHECK ((expected_amount IS NULL) = (expected_amount_currency IS NULL))"
    )
    op.execute(
        "ALTER TABLE opportunity ADD CONSTRAINT opportunity_pipeline_id_fkey FOREIGN KEY (tenant_id, pipeline_id)"
        " REFERENCES pipeline (tenant_id, id)"
    )
    op.execute(
        "ALTER TABLE opportunity ADD CONSTRAINT opportunity_stage_fkey FOREIGN KEY (tenant_id, stage, pipeline_id)"
        " REFERENCES pipeline_stage (tenant_id, key, pipeline_id)"
    )
    op.execute("CREATE INDEX opportunity_pipeline_id_idx ON opportunity (tenant_id, pipeline_id, id)")
    op.execute(BOARD)
    op.execute(read_view("opportunity", [*HAD, *(column.split()[0] for column in ADDED)]))


def downgrade() -> None:
    op.execute("DROP VIEW stage_history_read")
    op.execute("DROP TABLE stage_history")
    op.execute("DROP VIEW opportunity_read")
    op.execute("DROP INDEX opportunity_board")
    for column in ADDED:
        op.execute(f"ALTER TABLE opportunity DROP COLUMN {column.split()[0]}")
    op.execute(read_view("opportunity", HAD))
    op.execute("GRANT SELECT ON opportunity_read TO rapport_app")
    for name in ("pipeline_stage", "pipeline"):
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")
    op.execute("DELETE FROM event WHERE object = 'pipeline'")


def _pipeline() -> None:
    _record(
        "pipeline",
        Column("name", Text, nullable=False),
        Column("is_default", Boolean, nullable=False),
        Column("stages", JSONB, nullable=False),
        Column("won_reasons", ARRAY(Text), nullable=False),
        Column("lost_reasons", ARRAY(Text), nullable=False),
        Column("reopen_role", Text, nullable=False),
        Column("overdue", JSONB),
        sortable=("name",),
        searchable=("name",),
    )
    op.execute("CREATE UNIQUE INDEX pipeline_is_default_key ON pipeline (tenant_id) WHERE is_default")


def _stage() -> None:
    """What opportunities may stand in: their foreign key keeps a stage from going while one does."""
    table = Table(
        "pipeline_stage",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("pipeline_id", Uuid, primary_key=True),
        Column("key", Text(collation="C"), primary_key=True),
    )
    _run(tenant_table(table))
    op.execute(
        "ALTER TABLE pipeline_stage ADD CONSTRAINT pipeline_stage_pipeline_id_fkey FOREIGN KEY (tenant_id, pipeline_id)"
        " REFERENCES pipeline (tenant_id, id) ON DELETE CASCADE"
    )


def _history() -> Iterable[str]:
    """Stays while the opportunity lies in the bin. Of one opportunity one row at most is open."""
    table = Table(
        "stage_history",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("opportunity_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("pipeline_id", Uuid, nullable=False),
        Column("stage", Text(collation="C"), nullable=False),
        Column("entered_at", DateTime(timezone=True), nullable=False),
        Column("left_at", DateTime(timezone=True)),
        Column("amount", Numeric),
        Column("amount_currency", Text),
        Column("probability", Integer),
        Column("owner_id", Uuid),
        Column("close_date", Date),
        Column("entered_by", Uuid),
        Column("imported", Boolean, nullable=False),
        CheckConstraint("left_at >= entered_at", name="stage_history_order_check"),
    )
    yield from tenant_table(table)
    yield "CREATE UNIQUE INDEX stage_history_open_key ON stage_history (tenant_id, opportunity_id) WHERE left_at IS NULL"
    yield "CREATE INDEX stage_history_entered ON stage_history (tenant_id, pipeline_id, stage, entered_at)"


def _record(name: str, *columns: Column[Any], references: dict[str, str] | None = None, **keys: Any) -> None:
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
        *columns,
    )
    keys["sortable"] = ("created_at", "modified_at", *keys.get("sortable", ()))
    _run(tenant_table(table, references={"owner_id": "user", **(references or {})}, **keys))


def _run(statements: Iterable[str]) -> None:
    for statement in statements:
        op.execute(statement)
