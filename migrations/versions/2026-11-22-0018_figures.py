"""What sales figures over many opportunities read: stays that say where they lead, and two indexes with all that is added up."""

from alembic import op

from app.repositories.tenant_table import read_view

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STAY = (
    *(
        "tenant_id",
        "opportunity_id",
        "id",
        "pipeline_id",
        "stage",
        "entered_at",
        "left_at",
        "amount",
        "amount_currency",
    ),
    *("probability", "owner_id", "close_date", "entered_by", "imported"),
)
FOLLOWING = """
update stage_history one set next_stage = following.stage
  from (select tenant_id, opportunity_id, id,
               case when lead(pipeline_id) over stays = pipeline_id then lead(stage) over stays end as stage
          from stage_history
        window stays as (partition by tenant_id, opportunity_id order by entered_at, id)) following
 where one.tenant_id = following.tenant_id and one.opportunity_id = following.opportunity_id and one.id = following.id
   and following.stage is not null
"""
# Both are in the order of opportunities, so that stays meet theirs without being sorted or hashed.
OF_STAYS = """
CREATE INDEX stage_history_figures ON stage_history (tenant_id, pipeline_id, opportunity_id, entered_at)
  INCLUDE (stage, left_at, next_stage)
"""
OF_OPPORTUNITIES = """
CREATE INDEX opportunity_figures ON opportunity (tenant_id, id)
  INCLUDE (status, owner_id, pipeline_id, account_id, product_id, stage, amount, amount_currency, close_date, closed_at,
           engage_date, created_at, stage_changed_at, stalled_since)
"""


def upgrade() -> None:
    op.execute('ALTER TABLE stage_history ADD COLUMN next_stage text COLLATE "C"')
    op.execute("DROP INDEX stage_history_entered")
    op.execute(FOLLOWING)
    op.execute(read_view("stage_history", [*STAY, "next_stage"]))
    op.execute(OF_STAYS)
    op.execute(OF_OPPORTUNITIES)


def downgrade() -> None:
    op.execute("DROP INDEX opportunity_figures")
    op.execute("DROP INDEX stage_history_figures")
    op.execute("DROP VIEW stage_history_read")
    op.execute("ALTER TABLE stage_history DROP COLUMN next_stage")
    op.execute(read_view("stage_history", STAY))
    op.execute("GRANT SELECT ON stage_history_read TO rapport_app")
    op.execute("CREATE INDEX stage_history_entered ON stage_history (tenant_id, pipeline_id, stage, entered_at)")
