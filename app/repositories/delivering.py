"""Deliveries of webhooks as workers make and end them, for all tenants. In the role that sees the work of every tenant."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Work, WorkKind
from app.repositories.pool import Connection

Row = dict[str, Any]
KEPT_FOR_DAYS: Final = 30

_ENDPOINTS = """
select json_agg(e) as endpoints from (
  select e.id, e.event_types, e.filter, e.skip_origins, s.since, v.user_id, v.role, v.schema_version, v.time_zone
    from webhook_endpoint e
    join webhook_state s on s.tenant_id = e.tenant_id and s.endpoint_id = e.id
   cross join lateral app_viewers(array[e.tenant_id], array[coalesce(e.owner_id, e.created_by)]) v
   where e.tenant_id = $1 and not e.disabled order by e.id) e
"""

# The work has the id of its delivery. First deliveries of one record go one after the other, endpoint by endpoint; what
# was left open when an endpoint was disabled is in the way of nothing that it is told since.
_ADD = """
with told as (
  select * from unnest($2::int[], $3::uuid[], $4::bigint[], $5::uuid[], $6::text[])
             as t(place, endpoint_id, since, id, state)
), about as (
  select * from unnest($7::uuid[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::uuid[], $13::bigint[])
           with ordinality as a(event_id, settle, seq, type, object, record_id, version, place)
), made as (
  insert into webhook_delivery
         (tenant_id, endpoint_id, id, event_id, event_settle, event_seq, event_type, object, record_id, version, state,
          settled_at)
  select $1, t.endpoint_id, t.id, a.event_id, a.settle, a.seq, a.type, a.object, a.record_id, a.version, t.state,
         case t.state when 'pending' then null else now() end
    from told t join about a using (place)
      on conflict (tenant_id, endpoint_id, event_id) do nothing
  returning id, event_id, record_id, version, state
)
insert into work (tenant_id, id, kind, key, order_key, order_seq, target, cause_event)
select $1, m.id, $14, m.id::text, concat_ws(':', t.endpoint_id, t.since, m.record_id), m.version, t.endpoint_id::text,
       m.event_id
  from made m join told t using (id) where m.state = 'pending'
    on conflict do nothing
"""

_DELIVERIES = """
select json_agg(found) as deliveries from (
  select w.tenant_id, w.id, d.endpoint_id, d.state, d.replays,
         (select e from event e where e.tenant_id = w.tenant_id and e.id = d.event_id) as event
    from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as w(tenant_id, endpoint_id, id)
    join webhook_delivery d on d.tenant_id = w.tenant_id and d.endpoint_id = w.endpoint_id and d.id = w.id) found
"""

_RECEIVERS = """
select json_agg(found) as endpoints from (
  select e.tenant_id, e.id, e.url, e.payload, e.disabled, s.since, v.user_id, v.role, v.schema_version, v.time_zone,
         s.failing_since,
         (select json_agg(json_build_object('id', k.id, 'kind', k.kind, 'sealed', encode(k.sealed, 'hex'))
                          order by k.created_at desc, k.id desc)
            from webhook_secret k where k.tenant_id = e.tenant_id and k.endpoint_id = e.id
             and (k.expires_at is null or k.expires_at > now())) as secrets
    from unnest($1::uuid[], $2::uuid[]) as w(tenant_id, id)
    join webhook_endpoint e on e.tenant_id = w.tenant_id and e.id = w.id
    join webhook_state s on s.tenant_id = e.tenant_id and s.endpoint_id = e.id
    left join lateral app_viewers(array[e.tenant_id], array[coalesce(e.owner_id, e.created_by)]) v on true) found
"""

_RECORD = """
update webhook_delivery d set state = a.state, attempts = d.attempts || coalesce(a.attempt, '[]'),
       settled_at = case a.state when 'pending' then null else now() end
  from jsonb_to_recordset($1::jsonb) as a(tenant_id uuid, endpoint_id uuid, id uuid, state text, attempt jsonb)
 where d.tenant_id = a.tenant_id and d.endpoint_id = a.endpoint_id and d.id = a.id
   and not (d.state = 'delivered' and a.state <> 'delivered')
"""

# Written now and then only: it is for people to look at, while the start of failing decides about the endpoint.
_FARES = """
update webhook_state s set failing_since = case when f.well then null else coalesce(s.failing_since, now()) end,
       last_success_at = case when f.well then now() else s.last_success_at end
  from unnest($1::uuid[], $2::uuid[], $3::boolean[]) as f(tenant_id, endpoint_id, well)
 where s.tenant_id = f.tenant_id and s.endpoint_id = f.endpoint_id
   and case when f.well then s.failing_since is not null or s.last_success_at is null
                             or s.last_success_at < now() - interval '10 seconds'
            else s.failing_since is null end
"""

_OLD = """
delete from webhook_delivery
 where ctid = any (array (select ctid from webhook_delivery
                           where created_at < now() - make_interval(days => $1) and state <> 'pending' limit $2))
   and state <> 'pending'
"""

# A delivery and its work are written together, so that one without the other is one whose parked work was discarded.
_DISCARDED = """
update webhook_delivery set state = 'failed', settled_at = now()
 where (tenant_id, endpoint_id, id) in (
   select d.tenant_id, d.endpoint_id, d.id from webhook_delivery d
    where d.state = 'pending' and d.created_at < now() - interval '10 minutes'
      and not exists (select from work w where w.tenant_id = d.tenant_id and w.id = d.id) limit $1)
   and state = 'pending'
"""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """An endpoint as the relay asks it. `actor` is with whose rights."""

    id: UUID
    event_types: Collection[str]
    filter: str | None
    skip_origins: Sequence[str]
    since: int
    actor: Actor


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint as it is called; without an `actor` nobody is there any more for whom it could be told anything."""

    tenant_id: UUID
    id: UUID
    url: str
    payload: str
    disabled: bool
    since: int
    failing_since: str | None
    secrets: Sequence[Row]
    actor: Actor | None


@dataclass(frozen=True, slots=True)
class Told:
    """One event, by its place among those that are written together, for one endpoint."""

    place: int
    endpoint_id: UUID
    since: int
    state: str


async def endpoints(connection: Connection, tenant_id: UUID) -> list[Subscribed]:
    """Those of the tenant that are told anything now."""
    found = await connection.fetchval(_ENDPOINTS, tenant_id)
    return [
        Subscribed(
            UUID(row["id"]),
            frozenset(row["event_types"]),
            row["filter"],
            row["skip_origins"],
            row["since"],
            _actor(tenant_id, row),
        )
        for row in (orjson.loads(found) if found else [])
    ]


async def add(
    connection: Connection, kind: WorkKind, tenant_id: UUID, events: Sequence[Row], told: Sequence[Told]
) -> None:
    """Deliveries that are `pending` are due at once. One that there is already stays as it is."""
    pairs = (
        [one.place + 1 for one in told],
        [one.endpoint_id for one in told],
        [one.since for one in told],
        [uuid7() for _ in told],
        [one.state for one in told],
    )
    names = ("id", "settle", "seq", "type", "object", "record_id", "version")
    await connection.execute(_ADD, tenant_id, *pairs, *([event[name] for event in events] for name in names), kind.name)


async def deliveries(connection: Connection, works: Sequence[Work]) -> list[Row]:
    """What the works are about, with the event as a row of the log, or null."""
    ids = [one.tenant_id for one in works], [UUID(one.target) for one in works], [one.id for one in works]
    found = await connection.fetchval(_DELIVERIES, *ids)
    return orjson.loads(found) if found else []


async def receivers(connection: Connection, wanted: Sequence[tuple[UUID, UUID]]) -> Mapping[UUID, Receiver]:
    """By the id of the endpoint; `wanted` are tenants with endpoints of theirs."""
    found = await connection.fetchval(_RECEIVERS, [one for one, _ in wanted], [one for _, one in wanted])
    rows = orjson.loads(found) if found else []
    return {UUID(row["id"]): _receiver(row) for row in rows}


async def record(connection: Connection, ends: Sequence[Row]) -> None:
    """Each with `tenant_id, endpoint_id, id`, its new `state`, and the `attempt` as an array of one, or null."""
    await connection.execute(_RECORD, ends)


async def fares(connection: Connection, well: Mapping[tuple[UUID, UUID], bool]) -> None:
    """How the endpoints, by tenant and id, have just fared."""
    tenants, ids = [one for one, _ in well], [one for _, one in well]
    await connection.execute(_FARES, tenants, ids, list(well.values()))


async def delete_old(connection: Any, at_most: int) -> int:
    done: str = await connection.execute(_OLD, KEPT_FOR_DAYS, at_most)
    return int(done.rpartition(" ")[2])


async def settle_discarded(connection: Any, at_most: int) -> int:
    """As failed, so that they can be sent again."""
    done: str = await connection.execute(_DISCARDED, at_most)
    return int(done.rpartition(" ")[2])


def _receiver(row: Row) -> Receiver:
    tenant_id = UUID(row["tenant_id"])
    return Receiver(
        tenant_id,
        UUID(row["id"]),
        row["url"],
        row["payload"],
        row["disabled"],
        row["since"],
        row["failing_since"],
        row["secrets"] or [],
        _actor(tenant_id, row) if row["user_id"] else None,
    )


def _actor(tenant_id: UUID, row: Row) -> Actor:
    user_id = UUID(row["user_id"])
    return Actor(
        tenant_id=tenant_id,
        id=user_id,
        key_id=user_id,
        role=Role(row["role"]),
        scopes=frozenset({"admin"}),
        schema_version=row["schema_version"],
        time_zone=row["time_zone"],
    )
