"""Pipelines as their opportunities need them, and the keys of their stages, which opportunities refer to."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg import Record as Row
from sqlalchemy import ARRAY, Select, Text, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB

from app.domain.kernel.errors import AppError, Conflict, Fault
from app.domain.kernel.record import table_of
from app.domain.kernel.work import WorkKind
from app.domain.pipeline.models import Opportunity, Pipeline
from app.repositories.compile import CACHE, Statement, of_tenant, read_view
from app.repositories.session import Session

OPPORTUNITY, PIPELINE = read_view(table_of(Opportunity)), read_view(table_of(Pipeline))
# What goes is refused by the foreign key of opportunities, and what stays is not touched.
_SET = Statement(
    """
    with gone as (
      delete from pipeline_stage where tenant_id = $1 and pipeline_id = $2 and not key = any($3::text[]) returning 1
    ), come as (
      insert into pipeline_stage (tenant_id, pipeline_id, key) select $1, $2, unnest($3::text[])
          on conflict do nothing returning 1)
    select (select count(*) from gone) as gone, (select count(*) from come) as come
    """,
    ("tenant", "pipeline", "keys"),
    {},
)
# Where nothing is to be watched any more, nothing is left to be done.
_WATCH = """
with watched as ({rows}), ended as (
  delete from work w using opportunity_read o
   where w.tenant_id = $1 and w.kind = $2 and o.tenant_id = $1 and o.pipeline_id = $3 and w.key = o.id::text
     and w.state in ('due', 'parked') and not exists (select from watched where watched.key = w.key)
), added as (
  insert into work (tenant_id, id, kind, key, payload, due_at)
  select $1, gen_random_uuid(), $2, key, jsonb_build_object('userId', $4::uuid::text, 'timeZone', $5::text), due_at from watched
      on conflict (tenant_id, kind, key) do update set due_at = excluded.due_at, state = 'due', token = null
  returning 1)
select count(*) as added from added
"""
_WATCH_STAGES = Statement(
    _WATCH.format(
        rows="""
        select id::text as key, stage_changed_at + (days.value || ' days')::interval as due_at
          from opportunity_read join jsonb_each_text($6::jsonb) days on days.key = stage
         where tenant_id = $1 and pipeline_id = $3 and status = 'open' and stalled_since is null"""
    ),
    ("tenant", "kind", "pipeline", "me", "zone", "days"),
    {},
)
_WATCH_CLOSE_DATES = Statement(
    _WATCH.format(
        rows="""
        select id::text as key, (close_date + $6::int + 1)::timestamp at time zone $5 as due_at from opportunity_read
         where tenant_id = $1 and pipeline_id = $3 and status = 'open' and close_date < '9950-01-01'
           and $6::int is not null"""
    ),
    ("tenant", "kind", "pipeline", "me", "zone", "days"),
    {},
)
_LOCK = Statement(
    "select pg_advisory_xact_lock(hashtextextended('pipeline.is_default ' || $1::uuid::text, 0))", ("tenant",), {}
)


class Pipelines:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def one(self, pipeline_id: UUID) -> Row | None:
        return await self.session.read(CACHE.get("one pipeline", _one), {"id": pipeline_id})

    async def default(self) -> Row | None:
        return await self.session.read(CACHE.get("default pipeline", _default), {})

    async def set_stages(self, pipeline_id: UUID, keys: Sequence[str]) -> None:
        """Raises `Conflict` where one would go that an opportunity stands in."""
        try:
            await self.session.once(_SET, {"pipeline": pipeline_id, "keys": list(keys)})
        except asyncpg.ForeignKeyViolationError as error:
            raise stage_taken({}) from error

    async def taken(self, pipeline_id: UUID, keys: Sequence[str]) -> Mapping[str, int]:
        """How many opportunities stand in each of these, visible or not; nothing of those without any."""
        parameters = {"pipeline": pipeline_id, "keys": list(keys)}
        row = await self.session.read(CACHE.get("taken stages", _taken), parameters)
        return dict(row["taken"] or {}) if row else {}

    async def watch_stages(self, kind: WorkKind, pipeline_id: UUID, days: Mapping[str, int]) -> None:
        """Of all that is open in the pipeline: due as many days behind its last move as its stage says."""
        given = {"kind": kind.name, "pipeline": pipeline_id, "zone": "UTC", "days": dict(days)}
        await self.session.once(_WATCH_STAGES, given)
        self.session.ring_after_commit(kind.family)

    async def watch_close_dates(self, kind: WorkKind, pipeline_id: UUID, days: int | None, time_zone: str) -> None:
        given = {"kind": kind.name, "pipeline": pipeline_id, "zone": time_zone, "days": days}
        await self.session.once(_WATCH_CLOSE_DATES, given)
        self.session.ring_after_commit(kind.family)

    async def lock_default(self) -> None:
        """Until the end of the transaction nobody else says which pipeline is the default, or takes one away."""
        await self.session.once(_LOCK, {})


def stage_taken(taken: Mapping[str, int]) -> AppError:
    """`taken` has how many opportunities are in each stage, where that is known."""
    faults = [
        Fault("/stages", "stageTaken", f"{number} opportunities are in {key}: move them first.", {key: number})
        for key, number in taken.items()
    ]
    return Conflict("Opportunities are in stages that would go: move them first.", code="stageTaken", faults=faults)


def _one() -> Select[Any]:
    return select(PIPELINE).where(of_tenant(PIPELINE), PIPELINE.c.id == bindparam("id", type_=Uuid(), required=True))


def _default() -> Select[Any]:
    return select(PIPELINE).where(of_tenant(PIPELINE), PIPELINE.c.is_default)


def _taken() -> Select[Any]:
    keys = bindparam("keys", type_=ARRAY(Text()), required=True)
    pipeline = bindparam("pipeline", type_=Uuid(), required=True)
    counted = (
        select(OPPORTUNITY.c.stage, func.count().label("number"))
        .where(of_tenant(OPPORTUNITY), OPPORTUNITY.c.pipeline_id == pipeline, OPPORTUNITY.c.stage == keys.any_())
        .group_by(OPPORTUNITY.c.stage)
        .subquery("counted")
    )
    return select(func.jsonb_object_agg(counted.c.stage, counted.c.number, type_=JSONB).label("taken"))
