"""Due work of all tenants, as workers claim and settle it. In the role that sees the work of every tenant.

A claim sets a token and a lease and commits; nothing is locked while work is done. Success may be told by whoever had
the work, failure only by who holds the token.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

import asyncpg
import orjson

from app.domain.kernel.work import Again, Park, Work, WorkKind
from app.repositories.pool import Connection, Pool, Target
from app.repositories.work import NEXT_IS_DUE

NOBODY: Final = UUID(int=0)
DEADLINE_S: Final = 5.0
LEASE_MARGIN_S: Final = 10.0
LANES_PER_PLACE: Final = 2
FEWEST_LANES: Final = 20
SEEN_AT_ONCE: Final = 100  # due rows: where there are fewer, their lanes are all that a claim need look at
STEPS: Final = 500  # of a walk over lanes, most of which may have nothing that is due
LAST_TARGET: Final = "\U0010ffff"  # behind all others, so that a tenant that may have no more is passed over
LOOKED_AT_BEYOND: Final = 10  # rows of a lane, which may have to wait for others

# The table grows from nothing to millions of rows and back faster than its statistics follow: every statement here goes
# by an index, whatever they say. Which index that is depends on the size of the table when the plan was made, and for an
# empty one any will do: so no plan is used for long.
REPLANS_AFTER_S: Final = 2.0
_REPLAN = "discard plans"
_planned: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()
BY_INDEX: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

_ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtext('rapport work'), hashtext($1))"

# A target that was left alone may have the requests of one second at once, and one where a second has less than one.
SAVED: Final = "make_interval(secs => greatest(1, 1 / t.per_second))"

# Behind others it is looked at again when it has waited twice as long, and made due when what is ahead of it ends.
SOONEST: Final = "interval '1 second'"
LATEST: Final = "interval '5 minutes'"

# Whatever is due later costs nothing: most kinds are timers of days. The index has an expression, so that no plan of
# another statement takes the time for the way to one lane.
_IS_DUE = "w.kind || '' = $1 and w.state = 'due' and w.due_at <= now()"
_ANY_DUE = f"select from work w where {_IS_DUE} limit 1"

# `oldest`: what is due, by time. Where that is much, `lane`: the targets with open work, walked by a loose index scan
# from where the last claim ended, so that a long queue costs one step. `due`: the oldest rows of each that has any; what
# stands behind an open row of its order key is put off until that one is due, which keeps the next claim from looking at
# it again. `free`: what each lane has room for, taken in turn over the tenants.
_CLAIM = f"""
with recursive oldest as materialized (
  select w.tenant_id, w.target from work w where {_IS_DUE} order by w.kind || '', w.due_at limit {SEEN_AT_ONCE}
), much as materialized (
  select count(*) = {SEEN_AT_ONCE} as yes from oldest
), lane as (
  (select w.tenant_id, w.target, w.due_at <= now() as due, 1 as steps, (w.due_at <= now())::int as n from work w
    where w.kind = $1 and w.state = 'due' and (w.tenant_id, w.target) > ($2, $3) and (select yes from much)
    order by w.tenant_id, w.target, w.due_at limit 1)
  union all
  (select next.tenant_id, next.target, next.due, l.steps + 1, l.n + next.due::int from lane l cross join lateral (
     select w.tenant_id, w.target, w.due_at <= now() as due from work w
      where w.kind = $1 and w.state = 'due' and (w.tenant_id, w.target) > (
              l.tenant_id, case when ($9::jsonb ->> l.tenant_id::text)::int <= 0 then $15 else l.target end)
      order by w.tenant_id, w.target, w.due_at limit 1) next
    where l.n < $4 and l.steps < {STEPS})
), found as (
  select tenant_id, target from lane where due
   union
  select tenant_id, target from oldest where not (select yes from much)
), room as materialized (
  select l.tenant_id, l.target, coalesce(t.failing, false) as failing, least(
           case when t.failing then 1 else coalesce(t.concurrency, $5) end - (
             select count(*) from work b
              where b.tenant_id = l.tenant_id and b.kind = $1 and b.target = l.target
                and b.state = 'due' and b.token is not null and b.due_at > now()),
           case when t.open_at > now() then 0
                when t.per_second is not null
                then floor(0.001 + t.per_second * extract(epoch from now() - greatest(t.open_at, now() - {SAVED}))) end
         ) as places
    from found l left join lateral (
           select * from work_target one where (one.tenant_id, one.kind, one.target) = (l.tenant_id, $1, l.target) limit 1
         ) t on true
   where $6::uuid[] is null or l.tenant_id = any($6)
), due as materialized (
  select r.tenant_id, r.target, r.failing, r.places, one.id, one.due_at, ahead.due_at as ahead_due
    from room r
   cross join lateral (
     select w.id, w.due_at, w.order_key, w.order_seq from work w
      where w.kind = $1 and w.tenant_id = r.tenant_id and w.target = r.target and w.state = 'due' and w.due_at <= now()
      order by w.due_at limit $7) one
    left join lateral (
     select case e.state when 'parked' then now() + interval '1 hour' else e.due_at end as due_at from work e
      where e.tenant_id = r.tenant_id and e.order_key = one.order_key and e.order_seq < one.order_seq
        and e.state in ('due', 'parked')
      order by e.order_seq limit 1) ahead on one.order_key is not null
   where r.places > 0
), free as (
  select d.*, row_number() over (partition by d.tenant_id, d.target order by d.due_at, d.id) as place
    from due d where d.ahead_due is null
), fitting as (
  select f.*, row_number() over (partition by f.failing order by f.due_at) as failing_place
    from free f where f.place <= f.places
), fair as (
  select f.tenant_id, f.id, f.failing,
         row_number() over (partition by f.tenant_id order by f.place, f.due_at) as turn, f.due_at
    from fitting f where not f.failing or f.failing_place <= $8
), chosen as (
  select f.tenant_id, f.id, f.failing from fair f
   where f.turn <= coalesce(($9::jsonb ->> f.tenant_id::text)::int, $10)
   order by f.turn, f.due_at limit $11
), mine as (
  select w.tenant_id, w.id, c.failing from work w join chosen c using (tenant_id, id)
   where w.state = 'due' and w.due_at <= now() for update of w skip locked
), taken as (
  update work w set attempts = attempts + 1, unsettled = unsettled + 1,
         state = case when unsettled >= $12 then 'parked' else 'due' end,
         token = case when unsettled >= $12 then null else $13::uuid end,
         last_error = case when unsettled >= $12 then 'No worker that took it came back.' else last_error end,
         due_at = now() + make_interval(secs => $14)
    from mine m where w.tenant_id = m.tenant_id and w.id = m.id
  returning w.tenant_id, w.id, w.key, w.target, w.payload, w.attempts, w.cause_event, w.state, m.failing
), behind as (
  select w.tenant_id, w.id, d.ahead_due from work w join due d using (tenant_id, id)
   where d.ahead_due is not null and w.token is null and w.due_at = d.due_at for update of w skip locked
), put_off as (
  update work w set due_at = greatest(b.ahead_due, now() + greatest({SOONEST}, least({LATEST}, now() - w.created_at)))
    from behind b where w.tenant_id = b.tenant_id and w.id = b.id returning 1
), paced as (
  update work_target t set open_at = greatest(t.open_at, now() - {SAVED})
         + make_interval(secs => counted.n / t.per_second)
    from (select tenant_id, target, count(*) as n from taken where state = 'due' group by 1, 2) counted
   where (t.tenant_id, t.kind, t.target) = (counted.tenant_id, $1, counted.target) and t.per_second is not null
  returning 1
)
select (select json_agg(taken) from taken) as taken, (select count(*) from put_off) as put_off,
       last.tenant_id as last_tenant, last.target as last_target
  from (select null) always left join (select tenant_id, target from lane where n = $4 or steps = {STEPS}) last on true
"""  # noqa: S608  # constants of this module

_DONE = f"""
with settled as (
  select * from unnest($1::uuid[], $2::uuid[]) as s(tenant_id, id)
), gone as (
  delete from work w using settled s where w.tenant_id = s.tenant_id and w.id = s.id and not $3
  returning w.tenant_id, w.order_key, w.order_seq
), kept as (
  update work w set state = 'done', token = null, unsettled = 0
    from settled s where w.tenant_id = s.tenant_id and w.id = s.id and $3 returning w.tenant_id, w.order_key, w.order_seq
), ended as (
  select * from gone union all select * from kept
), {NEXT_IS_DUE}
select count(*) from ended
"""  # noqa: S608  # constants of this module

_FAILED = """
update work w set token = null, unsettled = 0, last_error = f.error, state = f.state,
       due_at = now() + make_interval(secs => f.after_s)
  from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::float8[], $5::text[], $6::text[])
       as f(tenant_id, id, token, after_s, error, state)
 where w.tenant_id = f.tenant_id and w.id = f.id and w.token = f.token
"""

_RELEASE = """
update work w set token = null, unsettled = greatest(unsettled - 1, 0), attempts = greatest(attempts - 1, 0), due_at = now()
  from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as r(tenant_id, id, token)
 where w.tenant_id = r.tenant_id and w.id = r.id and w.token = r.token
"""

_FAILING = """
insert into work_target (tenant_id, kind, target, failing)
select tenant_id, $1, target, failing from unnest($2::uuid[], $3::text[], $4::boolean[]) as t(tenant_id, target, failing)
    on conflict (tenant_id, kind, target) do update set failing = excluded.failing
 where work_target.failing <> excluded.failing
"""

_CLOSED = """
insert into work_target (tenant_id, kind, target, open_at) values ($1, $2, $3, now() + make_interval(secs => $4))
    on conflict (tenant_id, kind, target) do update set open_at = greatest(work_target.open_at, excluded.open_at)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a worker has room for: in all, for targets that fail, and for each tenant (`left`, where it is less).

    `tenants` narrows the claim to some; only tests, which share a database, ask for that.
    """

    places: int
    failing_places: int
    places_per_tenant: int
    left: Mapping[str, int]
    tenants: Sequence[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a walk over the targets stands; the next begins behind it."""

    tenant_id: UUID = NOBODY
    target: str = ""


BEGINNING: Final = Lane()


@dataclass(frozen=True, slots=True)
class Claimed:
    """`lane` is where to go on, at the beginning where the walk came to its end; `parked` never came back.

    `more` says that the walk goes on, or that what it put off may have freed something.
    """

    work: Sequence[Work]
    parked: Sequence[UUID]
    lane: Lane
    more: bool


def work_pool(url: str, size: int) -> Pool:
    """The connections that claim, relay and settle."""
    return Pool(Target(url, "rapport_work", size, settings=BY_INDEX))


async def claim(pool: Pool, kind: WorkKind, wanted: Wanted, lane: Lane, token: UUID) -> Claimed:
    """In one short transaction; claims of one kind go one at a time, so that limits per target hold over all workers."""
    arguments = (
        kind.name,
        lane.tenant_id,
        lane.target,
        max(FEWEST_LANES, LANES_PER_PLACE * wanted.places),
        kind.per_target,
        wanted.tenants,
        min(wanted.places, wanted.places_per_tenant) + LOOKED_AT_BEYOND,
        wanted.failing_places,
        dict(wanted.left),
        wanted.places_per_tenant,
        wanted.places,
        kind.lost,
        token,
        kind.timeout_s + LEASE_MARGIN_S,
        LAST_TARGET,
    )
    async with pool.transaction(None, time.monotonic() + DEADLINE_S) as connection:
        await _replan(connection)
        if await connection.fetchrow(_ANY_DUE, kind.name) is None:
            return Claimed([], [], BEGINNING, more=False)
        await connection.execute(_ONE_AT_A_TIME, kind.name)
        row = await connection.fetchrow(_CLAIM, *arguments)
    assert row is not None  # noqa: S101  # the statement always answers its one row
    return _claimed(row, token)


async def done(connection: Connection, kind: WorkKind, works: Sequence[Work]) -> None:
    await _replan(connection)
    await connection.execute(_DONE, *_ids(works), kind.keeps_key)


async def failed(connection: Connection, kind: WorkKind, ends: Sequence[tuple[Work, Again | Park]]) -> None:
    """Each is due again, or parked where it cannot succeed or has failed as often as its kind allows."""
    works = [work for work, _ in ends]
    states = ["parked" if _parks(kind, work, end) else "due" for work, end in ends]
    after_s = [end.after_s if isinstance(end, Again) else 0.0 for _, end in ends]
    errors = [end.error[:1_000] for _, end in ends]
    await _replan(connection)
    await connection.execute(_FAILED, *_ids(works), [one.token for one in works], after_s, errors, states)


async def release(pool: Pool, works: Sequence[Work]) -> None:
    """Of what was claimed and not begun: as if it had not been."""
    async with pool.transaction(None, time.monotonic() + DEADLINE_S) as connection:
        await _replan(connection)
        await connection.execute(_RELEASE, *_ids(works), [one.token for one in works])


async def mark(connection: Connection, kind: WorkKind, failing: Mapping[tuple[UUID, str], bool]) -> None:
    """Of a target that fails only one is under way, and those of all tenants have half of the places."""
    tenants, targets = [key[0] for key in failing], [key[1] for key in failing]
    await connection.execute(_FAILING, kind.name, tenants, targets, list(failing.values()))


async def close(connection: Connection, kind: WorkKind, tenant_id: UUID, target: str, for_s: float) -> None:
    """Nothing is claimed for the target before that time is over."""
    await connection.execute(_CLOSED, tenant_id, kind.name, target, for_s)


async def _replan(connection: Connection) -> None:
    now = time.monotonic()
    if now - _planned.setdefault(connection, now) > REPLANS_AFTER_S:
        await connection.execute(_REPLAN)
        _planned[connection] = now


def _parks(kind: WorkKind, work: Work, end: Again | Park) -> bool:
    return isinstance(end, Park) or (end.parks and work.attempts >= kind.attempts)


def _ids(works: Sequence[Work]) -> tuple[list[UUID], list[UUID]]:
    return [one.tenant_id for one in works], [one.id for one in works]


def _claimed(row: asyncpg.Record, token: UUID) -> Claimed:
    rows: list[dict[str, Any]] = orjson.loads(row["taken"]) if row["taken"] else []
    lane = Lane(row["last_tenant"], row["last_target"]) if row["last_tenant"] else BEGINNING
    parked = [UUID(one["id"]) for one in rows if one["state"] == "parked"]
    work = [_work(one, token) for one in rows if one["state"] == "due"]
    return Claimed(work, parked, lane, more=bool(lane != BEGINNING or row["put_off"]))


def _work(row: dict[str, Any], token: UUID) -> Work:
    cause = UUID(row["cause_event"]) if row["cause_event"] else None
    return Work(
        UUID(row["tenant_id"]),
        UUID(row["id"]),
        row["key"],
        row["target"],
        row["payload"],
        row["attempts"],
        token,
        cause,
        row["failing"],
    )
