"""Due work of a tenant, as its services add, find and end it in transactions of their own."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import orjson

from app.domain.kernel.ids import uuid7
from app.domain.kernel.plan import PlannedWork
from app.domain.kernel.work import LeaseLost, NewWork, Work, WorkKind
from app.repositories.compile import Statement
from app.repositories.session import Session

ROWS = """
select (one ->> 'id')::uuid as id, one ->> 'kind' as kind, one ->> 'key' as key, one ->> 'order_key' as order_key,
       (one ->> 'order_seq')::bigint as order_seq, one ->> 'target' as target, one -> 'payload' as payload,
       coalesce((one ->> 'due_at')::timestamptz, now()) as due_at, (one ->> 'cause_event')::uuid as cause_event
  from jsonb_array_elements($2::jsonb) one
"""
# Behind what `ended` holds the next of its order key is due at once. It is written even where it is due already: a claim
# that is putting it off behind what has just ended finds it changed then, and leaves it.
NEXT_IS_DUE: Final = """
next as materialized (
  select g.tenant_id, n.id from ended g
   cross join lateral (
     select n.id from work n where n.tenant_id = g.tenant_id and n.order_key = g.order_key and n.order_seq > g.order_seq
        and n.state in ('due', 'parked') order by n.order_seq limit 1) n
   where g.order_key is not null
), freed as (
  update work w set due_at = now() from next n
   where w.tenant_id = n.tenant_id and w.id = n.id and w.state = 'due' and w.token is null returning 1
)
"""
_ADD = Statement(
    f"""
    with new as ({ROWS}), added as (
      insert into work (tenant_id, id, kind, key, order_key, order_seq, target, payload, due_at, cause_event)
      select $1, new.* from new
          on conflict (tenant_id, kind, key) do nothing returning id)
    select array_agg(id) as added from added
    """,  # noqa: S608  # a constant of this module
    ("tenant", "rows"),
    {},
)
_POSTPONE = Statement(
    """
    update work set due_at = $4, state = 'due', token = null
     where tenant_id = $1 and kind = $2 and key = $3 and state in ('due', 'parked', 'cancelled') returning id
    """,
    ("tenant", "kind", "key", "due_at"),
    {},
)
_CANCEL = Statement(
    f"""
    with ended as (
      delete from work where tenant_id = $1 and kind = $2 and key = $3 and state in ('due', 'parked')
      returning tenant_id, order_key, order_seq
    ), {NEXT_IS_DUE}
    select 1 from ended
    """,  # noqa: S608  # constants of this module
    ("tenant", "kind", "key"),
    {},
)
_DONE = Statement(
    f"""
    with ended as (
      delete from work where tenant_id = $1 and id = $2 and token = $3 returning tenant_id, order_key, order_seq
    ), {NEXT_IS_DUE}
    select 1 from ended
    """,  # noqa: S608  # constants of this module
    ("tenant", "id", "token"),
    {},
)
_KEPT = Statement(
    f"""
    with ended as (
      update work set state = 'done', token = null where tenant_id = $1 and id = $2 and token = $3
      returning tenant_id, order_key, order_seq
    ), {NEXT_IS_DUE}
    select 1 from ended
    """,  # noqa: S608  # constants of this module
    ("tenant", "id", "token"),
    {},
)
_LIMIT = Statement(
    """
    insert into work_target (tenant_id, kind, target, concurrency, per_second) values ($1, $2, $3, $4, $5)
        on conflict (tenant_id, kind, target) do update set
           concurrency = excluded.concurrency, per_second = excluded.per_second, failing = false
    """,
    ("tenant", "kind", "target", "concurrency", "per_second"),
    {},
)


class DueWork:
    """Of the session's tenant. What is added rings when the transaction has committed."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def add(self, *new: NewWork) -> int:
        """How many were new: work of a kind whose key is there already is not added again."""
        rows = [as_row(one) for one in new]
        row = await self.session.once(_ADD, {"rows": rows})
        added = {str(one) for one in row["added"] or ()} if row else set()
        for one in rows:
            if one["id"] in added:
                self._plan("added", one["kind"], one["key"], one["due_at"], one["target"])
        for family in {one.kind.family for one in new}:
            self.session.ring_after_commit(family)
        return len(added)

    async def postpone(self, kind: WorkKind, key: str, due_at: Any) -> bool:
        """To another time, earlier or later. False when there is none that could still happen."""
        parameters = {"kind": kind.name, "key": key, "due_at": due_at}
        found = await self.session.once(_POSTPONE, parameters) is not None
        if found:
            self._plan("postponed", kind.name, key, due_at)
        return found

    async def cancel(self, kind: WorkKind, key: str) -> bool:
        """False when it is done already, or never was. What a worker has begun may still happen."""
        found = await self.session.once(_CANCEL, {"kind": kind.name, "key": key}) is not None
        if found:
            self._plan("cancelled", kind.name, key)
        return found

    async def done(self, kind: WorkKind, work: Work) -> None:
        """In the transaction of its effect, which then happens exactly once. Raises `LeaseLost`."""
        statement = _KEPT if kind.keeps_key else _DONE
        if await self.session.once(statement, {"id": work.id, "token": work.token}) is None:
            raise LeaseLost(kind.name)

    async def limit(self, kind: WorkKind, target: str, concurrency: int | None, per_second: float | None) -> None:
        """What a target bears at once and in a second; None for what the kind says, or for no limit."""
        limits = {"concurrency": concurrency, "per_second": per_second}
        await self.session.once(_LIMIT, {"kind": kind.name, "target": target, **limits})

    def _plan(self, change: str, kind: str, key: str, due_at: Any = None, target: str | None = None) -> None:
        if self.session.plan is not None:
            self.session.plan.work.append(PlannedWork(change, kind, key, due_at, target or None))


def as_row(new: NewWork, work_id: UUID | None = None) -> dict[str, Any]:
    """As the statements of this module and of the relay read it from JSON."""
    return {
        "id": str(work_id or uuid7()),
        "kind": new.kind.name,
        "key": new.key,
        "order_key": new.order_key,
        "order_seq": new.order_seq,
        "target": new.target,
        "payload": new.payload,
        "due_at": new.due_at,
        "cause_event": new.cause_event,
    }


def rows_of(new: Sequence[NewWork]) -> bytes:
    return orjson.dumps([as_row(one) for one in new])
