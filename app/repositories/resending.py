"""Events of the session's tenant that an endpoint is told of once more."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import WorkKind
from app.repositories.compile import Statement
from app.repositories.session import Session

Row = dict[str, Any]

_BETWEEN = Statement(
    """
    select json_agg(found) as events from (
      select * from event_read where tenant_id = $1 and id > $2 and id < $3 order by id limit $4) found
    """,
    ("tenant", "low", "high", "limit"),
    {},
)
_THESE = Statement(
    """
    select json_agg(found) as events from (
      select * from event_read where tenant_id = $1 and id = any($2::uuid[]) order by id) found
    """,
    ("tenant", "ids"),
    {},
)
# In the order of the deliveries, by whose ids the next page goes on.
_FAILED = Statement(
    """
    select json_agg(found) as events from (
      select e.*, d.id as delivery_id from webhook_delivery_read d
        join event_read e on e.tenant_id = d.tenant_id and e.id = d.event_id
       where d.tenant_id = $1 and d.endpoint_id = $2 and d.state = 'failed' and d.id > $3 and d.event_id < $4
       order by d.id limit $5) found
    """,
    ("tenant", "endpoint", "low", "high", "limit"),
    {},
)

# What has ended begins its plan anew, under the id that it had; what is open is due at once.
_RESEND = Statement(
    """
    with about as (
      select * from unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::uuid[], $9::bigint[],
                           $11::uuid[]) as a(event_id, settle, seq, type, object, record_id, version, id)
    ), made as (
      insert into webhook_delivery as d
             (tenant_id, endpoint_id, id, event_id, event_settle, event_seq, event_type, object, record_id, version,
              replays)
      select $1, $2, a.id, a.event_id, a.settle, a.seq, a.type, a.object, a.record_id, a.version, 1 from about a
          on conflict (tenant_id, endpoint_id, event_id) do update
             set state = 'pending', settled_at = null, replays = d.replays + 1
      returning id, event_id, record_id, version
    ), due as (
      insert into work as w (tenant_id, id, kind, key, order_key, order_seq, target, cause_event)
      select $1, m.id, $10, m.id::text, concat_ws(':', $2, s.since, m.record_id), m.version, $2::text, m.event_id
        from made m left join webhook_state_read s on s.tenant_id = $1 and s.endpoint_id = $2
          on conflict (tenant_id, kind, key) do update set state = 'due', due_at = now(), unsettled = 0
           where w.token is null
      returning 1
    )
    select count(*) as resent from due
    """,
    ("tenant", "endpoint", "ids", "settles", "seqs", "types", "objects", "records", "versions", "kind", "fresh"),
    {},
)


class Resending:
    """Events are rows of the log, at most `limit` at once."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def between(self, low: UUID, high: UUID, limit: int) -> list[Row]:
        """With ids between the two, in their order, which is that of time."""
        return await self._events(_BETWEEN, {"low": low, "high": high, "limit": limit})

    async def these(self, ids: Sequence[UUID]) -> list[Row]:
        return await self._events(_THESE, {"ids": ids})

    async def failed(self, endpoint_id: UUID, low: UUID, high: UUID, limit: int) -> list[Row]:
        """Those given up for the endpoint, of deliveries behind `low` in the order of these; each with `delivery_id`."""
        return await self._events(_FAILED, {"endpoint": endpoint_id, "low": low, "high": high, "limit": limit})

    async def resend(self, kind: WorkKind, endpoint_id: UUID, events: Sequence[Row]) -> int:
        """How many are due again."""
        columns = {"ids": "id", "settles": "settle", "seqs": "seq", "types": "type", "objects": "object"}
        columns |= {"records": "record_id", "versions": "version"}
        arrays = {name: [event[column] for event in events] for name, column in columns.items()}
        fresh = [uuid7() for _ in events]
        parameters = {"endpoint": endpoint_id, "kind": kind.name, "fresh": fresh, **arrays}
        row = await self.session.once(_RESEND, parameters)
        self.session.ring_after_commit(kind.family)
        return int(row["resent"]) if row else 0

    async def _events(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        row = await self.session.read(statement, parameters)
        return orjson.loads(row["events"]) if row and row["events"] else []
