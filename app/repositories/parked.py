"""How much work there is, and what of it waits for somebody to look: as the tenant it belongs to sees it, and the operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from app.repositories.compile import Statement
from app.repositories.session import Session
from app.repositories.work import NEXT_IS_DUE

LAST: Final = UUID(int=2**128 - 1)
COUNTED: Final = 100_000

_DEPTH = """
count(*) filter (where state = 'due' and due_at <= now()) as due,
count(*) filter (where state = 'due' and due_at > now() and token is null) as later,
count(*) filter (where state = 'due' and due_at > now() and token is not null) as "inProgress",
count(*) filter (where state = 'parked') as parked,
coalesce(extract(epoch from now() - min(due_at) filter (where state = 'due' and due_at <= now())), 0)::float8
  as "oldestDueSeconds"
"""
_OVERVIEW = Statement(
    f"""
    select json_agg(row_to_json(shown) order by shown.kind) as body
      from (select kind, {_DEPTH} from work_read where tenant_id = $1 and state in ('due', 'parked') group by kind) shown
    """,  # noqa: S608  # constants of this module
    ("tenant",),
    {},
)
_SHOWN = """
id, kind, key, target, attempts, last_error as error, payload, cause_event as "causeEventId", created_at as "createdAt"
"""
_PAGE = Statement(
    f"""
    select json_agg(row.body order by row.place) filter (where row.place <= $3) as page,
           (array_agg(row.id) filter (where row.place = $3))[1] as last, count(*) > $3 as more
      from (select shown.id, row_to_json(shown) as body, row_number() over (order by shown.id desc) as place
              from (select {_SHOWN} from work_read
                     where tenant_id = $1 and state = 'parked' and id < $2 order by id desc limit $3 + 1) shown) row
    """,  # noqa: S608  # constants of this module
    ("tenant", "before", "limit"),
    {},
)
_REPLAY = """
update work set state = 'due', due_at = now(), attempts = 0, unsettled = 0, token = null
 where tenant_id = $1 and id = $2 and state = 'parked' returning id
"""
_DISCARD = f"""
with ended as (
  delete from work where tenant_id = $1 and id = $2 and state = 'parked' returning id, tenant_id, order_key, order_seq
), {NEXT_IS_DUE}
select id from ended
"""  # noqa: S608  # constants of this module and its neighbour
_ONE = ("tenant", "id")
_REPLAY_OWN, _DISCARD_OWN = Statement(_REPLAY, _ONE, {}), Statement(_DISCARD, _ONE, {})


@dataclass(frozen=True, slots=True)
class ParkedPage:
    """`parked` is a JSON array as PostgreSQL wrote it; `last` is the id that the next page goes on below."""

    parked: bytes
    last: UUID | None


class ParkedWork:
    """Of the session's tenant."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def overview(self) -> bytes:
        """A JSON array, by kind."""
        row = await self.session.read(_OVERVIEW, {})
        return bytes(row["body"]) if row and row["body"] else b"[]"

    async def page(self, before: UUID | None, limit: int) -> ParkedPage:
        """Newest first, what has an id under `before`."""
        row = await self.session.read(_PAGE, {"before": before or LAST, "limit": limit})
        assert row is not None  # noqa: S101  # an aggregate always answers one row
        return ParkedPage(row["page"] or b"[]", row["last"] if row["more"] else None)

    async def replay(self, work_id: UUID) -> bool:
        """From its first attempt on. False when no such work is parked."""
        return await self.session.once(_REPLAY_OWN, {"id": work_id}) is not None

    async def discard(self, work_id: UUID) -> bool:
        """What stands behind it goes on. False when no such work is parked."""
        return await self.session.once(_DISCARD_OWN, {"id": work_id}) is not None


# Of all tenants, in the role that sees the work of every tenant -----------------------------------

_ALL = f"""
select kind, tenant_id, {_DEPTH} from work where state in ('due', 'parked') group by kind, tenant_id order by kind, tenant_id
"""  # noqa: S608  # constants of this module
_ALL_PARKED = f"select tenant_id, {_SHOWN} from work where state = 'parked' order by id limit $1"  # noqa: S608  # see above
_TENANT_OF = "select tenant_id from work where id = $1 and state = 'parked'"

# `oldest` is walked by a loose index scan from kind to kind, so that a long queue costs no more than a short one.
_SAMPLE = """
with recursive oldest as (
  (select kind, due_at from work where state = 'due' order by kind || '', due_at limit 1)
  union all
  (select next.kind, next.due_at from oldest o cross join lateral (
     select w.kind, w.due_at from work w
      where w.state = 'due' and w.kind || '' > o.kind order by w.kind || '', w.due_at limit 1) next)
), parked as (
  select kind, count(*) as n from work where state = 'parked' group by kind
)
select coalesce(o.kind, p.kind) as kind, coalesce(p.n, 0) as parked,
       greatest(coalesce(extract(epoch from now() - o.due_at), 0), 0)::float8 as oldest_s,
       (select count(*) from (select from work w
         where w.kind || '' = o.kind and w.state = 'due' and w.due_at <= now() limit $1) counted) as due
  from oldest o full join parked p using (kind)
"""

_LAG = """
select p.subscriber, max(extract(epoch from now() - e.at))::float8 as lag_s
  from relay_position p
 cross join lateral (
   select e.at from event e
    where e.tenant_id = p.tenant_id and (e.settle, e.seq) > (p.settle, p.seq) and e.settle < app_horizon()
      and e.id > $1 order by e.settle, e.seq limit 1) e
 group by p.subscriber
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one kind; of what is due now at most `COUNTED` are counted."""

    kind: str
    due: int
    parked: int
    oldest_s: float


async def overview_of_all(connection: asyncpg.Connection) -> Sequence[Mapping[str, Any]]:
    return [dict(row) for row in await connection.fetch(_ALL)]


async def parked_of_all(connection: asyncpg.Connection, limit: int) -> Sequence[Mapping[str, Any]]:
    """Oldest first."""
    return [dict(row) for row in await connection.fetch(_ALL_PARKED, limit)]


async def replay_of_any(connection: asyncpg.Connection, work_id: UUID) -> bool:
    return await _of_any(connection, _REPLAY, work_id)


async def discard_of_any(connection: asyncpg.Connection, work_id: UUID) -> bool:
    return await _of_any(connection, _DISCARD, work_id)


async def _of_any(connection: asyncpg.Connection, sql: str, work_id: UUID) -> bool:
    tenant_id = await connection.fetchval(_TENANT_OF, work_id)
    return tenant_id is not None and await connection.fetchval(sql, tenant_id, work_id) is not None


async def sample(connection: asyncpg.Connection) -> Sequence[Sample]:
    rows = await connection.fetch(_SAMPLE, COUNTED)
    return [Sample(row["kind"], row["due"], row["parked"], row["oldest_s"]) for row in rows]


async def relay_lags(connection: asyncpg.Connection, floor: UUID) -> Mapping[str, float]:
    """Age of the oldest settled event that a subscriber has not read; of those with an id behind `floor`."""
    return {row["subscriber"]: row["lag_s"] for row in await connection.fetch(_LAG, floor)}
