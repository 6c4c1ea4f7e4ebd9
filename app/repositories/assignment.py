"""What assignment reads and keeps beside its records: who can have more, whose turn it is, and what was decided."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from app.domain.assignment.rules import Person
from app.domain.kernel.ids import uuid7
from app.repositories.compile import Statement
from app.repositories.session import Session

MOST_DECISIONS: Final = 20
RULES: Final = """
    select json_agg(json_build_object('id', r.id, 'name', r.name, 'when', r."when", 'userId', r.user_id,
             'roundRobin', r.round_robin, 'queueId', r.queue_id) order by r."position", r.id) as rules
      from assignment_rule_read r where r.tenant_id = $1 and r.object = $2 and r.active
"""
_RULES = Statement(RULES, ("tenant", "object"), {})
_PEOPLE = Statement(
    """
    select json_object_agg(u.id, json_build_array(u.status = 'active', away.yes, coalesce(load.records, 0))) as people
      from user_read u
     cross join lateral (
       select exists (select from absence_read a
                       where a.tenant_id = $1 and (a.user_id = u.id or a.user_id is null)
                         and a.starts_at <= $3 and a.ends_at > $3) as yes) away
      left join lateral (
       select count(*) as records from lead_read l
        where $4 and l.tenant_id = $1 and l.owner_id = u.id and l.status in ('new', 'contacted', 'qualified')) load on true
     where u.tenant_id = $1 and u.id = any ($2::uuid[])
    """,
    ("tenant", "ids", "now", "counted"),
    {},
)
_LOCK_TURN = Statement(
    """
    insert into assignment_state (tenant_id, rule_id) values ($1, $2)
        on conflict (tenant_id, rule_id) do update set rule_id = excluded.rule_id returning credits
    """,
    ("tenant", "rule"),
    {},
)
_SET_TURN = Statement(
    """
    insert into assignment_state (tenant_id, rule_id, credits) values ($1, $2, $3)
        on conflict (tenant_id, rule_id) do update set credits = excluded.credits
    """,
    ("tenant", "rule", "credits"),
    {},
)
_KEEP = Statement(
    """
    insert into assignment_decision (tenant_id, id, object, record_id, rule_id, owner_id, queue_id, rules)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    """,
    ("tenant", "id", "object", "record", "rule", "owner", "queue", "rules"),
    {},
)
_DECISIONS = Statement(
    """
    select json_build_object('data', coalesce(json_agg(shown order by shown.id desc), '[]')) as body
      from (select id, at, rule_id as "ruleId", owner_id as "ownerId", queue_id as "queueId", rules
              from assignment_decision_read where tenant_id = $1 and object = $2 and record_id = $3
             order by id desc limit $4) shown
    """,
    ("tenant", "object", "record", "limit"),
    {},
)
_MEMBER = Statement(
    "select $3 = any (q.members) as yes from queue_read q where q.tenant_id = $1 and q.id = $2",
    ("tenant", "queue", "user"),
    {},
)


class Assignments:
    """Of the session's tenant."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def rules(self, object_: str) -> Sequence[Mapping[str, Any]]:
        """The active ones, in the order in which they are asked."""
        row = await self.session.read(_RULES, {"object": object_})
        found: list[dict[str, Any]] = orjson.loads(row["rules"]) if row and row["rules"] else []
        return found

    async def people(self, ids: Sequence[str], now: datetime, *, counted: bool = False) -> dict[str, Person]:
        """Those that there are, by id. Their open records count 0 unless they are `counted`."""
        parameters = {"ids": [UUID(one) for one in ids], "now": now, "counted": counted}
        row = await self.session.read(_PEOPLE, parameters)
        found = orjson.loads(row["people"]) if row and row["people"] else {}
        return {user_id: Person(*one) for user_id, one in found.items()}

    async def lock_turn(self, rule_id: UUID) -> Mapping[str, int]:
        """What everybody is owed. Until the transaction ends nobody else takes a turn of this rule."""
        row = await self.session.once(_LOCK_TURN, {"rule": rule_id})
        return dict(row["credits"]) if row else {}

    async def set_turn(self, rule_id: UUID, owed: Mapping[str, int]) -> None:
        await self.session.once(_SET_TURN, {"rule": rule_id, "credits": dict(owed)})

    async def keep(self, object_: str, record_id: UUID, chosen: Mapping[str, Any], rules: Sequence[Any]) -> None:
        """`chosen` has the ids of the rule, the owner and the queue."""
        parameters = {"id": uuid7(), "object": object_, "record": record_id, **chosen, "rules": list(rules)}
        await self.session.once(_KEEP, parameters)

    async def decisions(self, object_: str, record_id: UUID) -> bytes:
        """The latest, newest first, as the API shows them."""
        parameters = {"object": object_, "record": record_id, "limit": MOST_DECISIONS}
        row = await self.session.read(_DECISIONS, parameters)
        assert row is not None  # noqa: S101  # an aggregate always answers one row
        return bytes(row["body"])


class Waiting:
    """Leads that wait in a queue until somebody takes them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def is_member(self, queue_id: UUID, user_id: UUID) -> bool:
        row = await self.session.read(_MEMBER, {"queue": queue_id, "user": str(user_id)})
        return bool(row and row["yes"])


# Of all tenants, in the role that owns the tables -------------------------------------------------

_OLD = """
delete from assignment_decision
 where ctid = any (array (select ctid from assignment_decision
                           where at < now() - make_interval(days => $1) order by at limit $2))
"""


async def forget_decisions(connection: asyncpg.Connection, days: int, at_most: int) -> int:
    done = await connection.execute(_OLD, days, at_most)
    return int(done.rpartition(" ")[2])
