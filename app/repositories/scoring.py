"""What scoring reads and keeps beside its records: the model in use, what leads did, and the scores that they had."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from app.domain.kernel.ids import uuid7
from app.domain.kernel.query import Document
from app.domain.scoring.rules import Age, Model
from app.repositories.compile import Statement
from app.repositories.session import Session

_ACTIVE = Statement(
    """
    select id, version, name, rules, behaviours, thresholds from scoring_model_read where tenant_id = $1 and active
    """,
    ("tenant",),
    {},
)
_LOCK = Statement(
    "select pg_advisory_xact_lock(hashtextextended('scoring_model.active ' || $1::uuid::text, 0))", ("tenant",), {}
)
# div() is exact: a quotient with decimals could be rounded up to the next halving. What never halves has null days.
_AGES = Statement(
    """
    select json_agg(aged) as ages from (
      select b.lead_id as lead, b.behaviour, aging.halvings, count(*) as events, min(b.occurred_at) as oldest
        from behaviour_event_read b
        join jsonb_to_recordset($3::jsonb) as counted(key text, days bigint, steps int) on counted.key = b.behaviour
       cross join lateral (
         select greatest(div(extract(epoch from $4::timestamptz - b.occurred_at), counted.days * 86400), 0)::int as halvings
       ) aging
       where b.tenant_id = $1 and b.lead_id = any ($2::uuid[]) and aging.halvings < counted.steps
       group by 1, 2, 3) aged
    """,
    ("tenant", "leads", "counted", "now"),
    {},
)
_RECORD = Statement(
    """
    insert into behaviour_event (tenant_id, id, lead_id, behaviour, occurred_at, recorded_by)
    values ($1, $2, $3, $4, $5, $6)
    returning json_build_object('id', id, 'leadId', lead_id, 'behaviour', behaviour, 'occurredAt', occurred_at,
                                'recordedAt', recorded_at, 'recordedBy', recorded_by) as body
    """,
    ("tenant", "id", "lead", "behaviour", "occurred_at", "actor"),
    {},
)
_BEHAVIOURS = Statement(
    """
    select json_agg(json_build_object('id', id, 'leadId', lead_id, 'behaviour', behaviour, 'occurredAt', occurred_at,
                                      'recordedAt', recorded_at, 'recordedBy', recorded_by)
                    order by occurred_at desc, id desc) as rows
      from (select * from behaviour_event_read
             where tenant_id = $1 and lead_id = $2 and (occurred_at, id) < ($3, $4)
             order by occurred_at desc, id desc limit $5) page
    """,
    ("tenant", "lead", "before", "before_id", "limit"),
    {},
)
_KEEP = Statement(
    """
    insert into score_change (tenant_id, lead_id, version, at, score, cause, model_id, model_version, facts)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    """,
    ("tenant", "lead", "version", "at", "score", "cause", "model", "model_version", "facts"),
    {},
)
_SCORES = Statement(
    """
    select json_agg(json_build_object('version', version, 'at', at, 'score', score, 'cause', cause, 'modelId', model_id,
                                      'modelVersion', model_version, 'facts', facts) order by version desc) as rows
      from (select * from score_change_read
             where tenant_id = $1 and lead_id = $2 and version < $3 order by version desc limit $4) page
    """,
    ("tenant", "lead", "below", "limit"),
    {},
)
_OPEN = Statement(
    """
    select array_agg(id order by id) as ids
      from (select id from lead_read
             where tenant_id = $1 and id > $2 and status <> 'converted' and ($3::timestamptz is null or modified_at >= $3)
             order by id limit $4) page
    """,
    ("tenant", "after", "since", "limit"),
    {},
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A score as it is written, with the version of the lead that has it."""

    version: int
    at: datetime
    score: int
    cause: str
    model: Model | None
    facts: Sequence[Mapping[str, Any]]


class Scores:
    """Of the session's tenant."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def model(self) -> Model | None:
        row = await self.session.read(_ACTIVE, {})
        return Model(**dict(row)) if row else None

    async def lock_models(self) -> None:
        """Until the end of the transaction nobody else changes what leads are scored by."""
        await self.session.once(_LOCK, {})

    async def ages(self, lead_ids: Sequence[UUID], model: Model, now: datetime) -> dict[UUID, list[Age]]:
        """Of each lead what the model counts of it, and that still counts something."""
        parameters = {"leads": list(lead_ids), "counted": model.counted, "now": now}
        row = await self.session.read(_AGES, parameters) if model.behaviours else None
        found: dict[UUID, list[Age]] = {lead_id: [] for lead_id in lead_ids}
        for one in orjson.loads(row["ages"]) if row and row["ages"] else ():
            oldest = datetime.fromisoformat(one["oldest"])
            found[UUID(one["lead"])].append(Age(one["behaviour"], one["halvings"], one["events"], oldest))
        return found

    async def record(self, lead_id: UUID, behaviour: str, occurred_at: datetime) -> Document:
        event_id, actor = uuid7(), self.session.actor.id
        given = {"id": event_id, "lead": lead_id, "behaviour": behaviour, "occurred_at": occurred_at, "actor": actor}
        row = await self.session.once(_RECORD, given)
        assert row is not None  # noqa: S101  # an insert answers its row
        return Document(event_id, 0, row["body"], "", fresh=True)

    async def behaviours(self, lead_id: UUID, before: tuple[datetime, UUID], limit: int) -> list[dict[str, Any]]:
        """Newest first, below a time and an id."""
        parameters = {"lead": lead_id, "before": before[0], "before_id": before[1], "limit": limit}
        return _rows(await self.session.read(_BEHAVIOURS, parameters))

    async def keep(self, lead_id: UUID, kept: Kept) -> None:
        model = {"model": kept.model and kept.model.id, "model_version": kept.model and kept.model.version}
        values = {"version": kept.version, "at": kept.at, "score": kept.score, "cause": kept.cause}
        await self.session.once(_KEEP, {"lead": lead_id, **values, **model, "facts": list(kept.facts)})

    async def scores(self, lead_id: UUID, below: int, limit: int) -> list[dict[str, Any]]:
        """Newest first, of versions of the lead below one."""
        return _rows(await self.session.read(_SCORES, {"lead": lead_id, "below": below, "limit": limit}))

    async def open_leads(self, after: UUID, since: datetime | None, limit: int) -> list[UUID]:
        """Those whose score is not frozen, in the order of their ids; where it is given, of those changed since."""
        row = await self.session.read(_OPEN, {"after": after, "since": since, "limit": limit})
        return list(row["ids"]) if row and row["ids"] else []


def _rows(row: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(row["rows"]) if row and row["rows"] else []
    return found


# Of all tenants, in the role that owns the tables -------------------------------------------------

# The last change of a lead says what its score rests on, and stays. Most of what is old may be of that kind, so that this
# goes on from where it stood instead of looking for what can go from the beginning.
_OLD = """
with old as materialized (
  select at, tenant_id, lead_id, version from score_change
   where (at, tenant_id, lead_id, version) > ($1, $2, $3, $4) and at < now() - make_interval(days => $5)
   order by at, tenant_id, lead_id, version limit $6
), gone as (
  delete from score_change s using old o
   where (s.tenant_id, s.lead_id, s.version) = (o.tenant_id, o.lead_id, o.version)
     and exists (select from score_change later
                  where later.tenant_id = o.tenant_id and later.lead_id = o.lead_id and later.version > o.version)
)
select * from old order by at desc, tenant_id desc, lead_id desc, version desc offset $6 - 1
"""

Place = tuple[datetime, UUID, UUID, int]
FIRST: Final[Place] = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0), UUID(int=0), 0)


async def forget_scores(connection: asyncpg.Connection, days: int, behind: Place, at_most: int) -> Place | None:
    """Looks at so many changes that are old; answers where to go on, if there are more."""
    row = await connection.fetchrow(_OLD, *behind, days, at_most)
    return (row["at"], row["tenant_id"], row["lead_id"], row["version"]) if row else None
