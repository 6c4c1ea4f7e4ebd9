"""The stays of opportunities in stages."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.kernel.ids import uuid7
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.pipeline.schemas import OpportunityRead
from app.repositories.compile import Statement
from app.repositories.session import Session

_ENTER = Statement(
    """
    with ended as (
      update stage_history
         set left_at = greatest($4, entered_at), next_stage = case when pipeline_id = $5 then $6::text end
       where tenant_id = $1 and opportunity_id = $2 and left_at is null returning 1)
    insert into stage_history (tenant_id, opportunity_id, id, pipeline_id, stage, entered_at, amount, amount_currency,
                               probability, owner_id, close_date, entered_by, imported)
    select $1, $2, $3, $5, $6, $4, $7, $8, $9, $10, $11, $12, false from (select count(*) from ended) as one
    returning id
    """,
    (
        "tenant",
        "id",
        "stay",
        "at",
        "pipeline",
        "stage",
        "amount",
        "currency",
        "probability",
        "owner",
        "close_date",
        "me",
    ),
    {},
)
_ALL = Statement(
    """
    select coalesce(json_agg(json_build_object(
             'id', id, 'pipelineId', pipeline_id, 'stage', stage, 'enteredAt', entered_at, 'leftAt', left_at,
             'durationSeconds', extract(epoch from coalesce(left_at, greatest($3, entered_at)) - entered_at),
             'amount', case when amount is not null then row(amount::text, amount_currency)::app_money end,
             'probability', probability, 'ownerId', owner_id, 'closeDate', close_date, 'enteredBy', entered_by,
             'imported', imported) order by entered_at, id), '[]') as stays
      from stage_history_read where tenant_id = $1 and opportunity_id = $2
    """,
    ("tenant", "id", "now"),
    {},
)
_OF_OPPORTUNITY = ("pipelineId", "stage", "amount", "probability", "ownerId", "closeDate")
_LAST_OPEN = Statement(
    """
    select stage from stage_history_read
     where tenant_id = $1 and opportunity_id = $2 and pipeline_id = $3 and stage = any($4::text[])
     order by entered_at desc, id desc limit 1
    """,
    ("tenant", "id", "pipeline", "stages"),
    {},
)
_LOCK = Statement("select id from opportunity where tenant_id = $1 and id = $2 for update", ("tenant", "id"), {})
_OWN = Statement(
    """
    select min(entered_at) as first, count(*) as number from stage_history_read
     where tenant_id = $1 and opportunity_id = $2 and not imported
    """,
    ("tenant", "id"),
    {},
)
_IMPORT = Statement(
    """
    with replaced as (
      delete from stage_history where tenant_id = $1 and opportunity_id = $2 and imported returning 1
    ), begun as (
      update stage_history set entered_at = coalesce($4::timestamptz, entered_at)
       where tenant_id = $1 and opportunity_id = $2 and not imported and $4::timestamptz is not null returning 1)
    insert into stage_history (tenant_id, opportunity_id, id, pipeline_id, stage, entered_at, left_at, entered_by,
                               imported)
    select $1, $2, (one ->> 'id')::uuid, $5, one ->> 'stage', (one ->> 'enteredAt')::timestamptz,
           (one ->> 'leftAt')::timestamptz, $6, true from jsonb_array_elements($3::jsonb) one
    """,
    ("tenant", "id", "stays", "begun", "pipeline", "me"),
    {},
)
_FOLLOWED = Statement(
    """
    update stage_history one set next_stage = following.stage
      from (select id, case when lead(pipeline_id) over stays = pipeline_id then lead(stage) over stays end as stage
              from stage_history where tenant_id = $1 and opportunity_id = $2
            window stays as (order by entered_at, id)) following
     where one.tenant_id = $1 and one.opportunity_id = $2 and one.id = following.id
       and one.next_stage is distinct from following.stage
    """,
    ("tenant", "id"),
    {},
)


class Stays:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def enter(self, opportunity: OpportunityRead) -> None:
        """Ends the stay that goes on, and begins the next, at the time of the move."""
        amount = opportunity.amount
        parameters = {
            "id": opportunity.id,
            "stay": uuid7(),
            "at": opportunity.stage_changed_at,
            "pipeline": opportunity.pipeline_id,
            "stage": opportunity.stage,
            "amount": amount.amount if amount else None,
            "currency": amount.currency if amount else None,
            "probability": opportunity.probability,
            "owner": opportunity.owner_id,
            "close_date": opportunity.close_date,
        }
        await self.session.once(_ENTER, parameters)

    async def all(self, opportunity_id: UUID, now: datetime) -> bytes:
        """A JSON array, oldest first, without what is hidden of opportunities."""
        row = await self.session.read(_ALL, {"id": opportunity_id, "now": now})
        stays = bytes(row["stays"]) if row else b"[]"
        hidden = self.session.schema.unseen(OPPORTUNITY, _OF_OPPORTUNITY)
        if not hidden:
            return stays
        return orjson.dumps([{name: one[name] for name in one if name not in hidden} for one in orjson.loads(stays)])

    async def last_among(self, opportunity_id: UUID, pipeline_id: UUID, stages: Sequence[str]) -> str | None:
        parameters = {"id": opportunity_id, "pipeline": pipeline_id, "stages": list(stages)}
        row = await self.session.read(_LAST_OPEN, parameters)
        return row["stage"] if row else None

    async def lock(self, opportunity_id: UUID) -> None:
        """Until the end of the transaction nobody else moves the opportunity."""
        await self.session.once(_LOCK, {"id": opportunity_id})

    async def own(self, opportunity_id: UUID) -> tuple[datetime | None, int]:
        """When the first stay began that was not imported, and how many such there are."""
        row = await self.session.read(_OWN, {"id": opportunity_id})
        assert row is not None  # noqa: S101  # an aggregate always answers one row
        return row["first"], row["number"]

    async def replace_imported(
        self, opportunity_id: UUID, pipeline_id: UUID, stays: Sequence[Mapping[str, Any]], begun: datetime | None
    ) -> None:
        """`stays` have ended; where `begun` is given, the one that goes on is the only other, and began then."""
        rows = [{"id": str(uuid7()), **one} for one in stays]
        parameters = {"id": opportunity_id, "stays": rows, "begun": begun, "pipeline": pipeline_id}
        await self.session.once(_IMPORT, parameters)
        await self.session.once(_FOLLOWED, parameters)
