"""The settled log as its subscribers read it, each from a position of its own. In the role that sees every tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from app.domain.kernel.query import Position
from app.repositories.compile import Statement
from app.repositories.session import Session

WHOLE_LOG: Final = UUID(int=0)
DAY_MS: Final = 86_400_000

_LAST = "select coalesce(max(settle), 0) from event where settle < app_horizon()"

_POSITIONS = """
select tenant_id, settle, seq, milliseconds from relay_position where subscriber = $1
"""

# What commits later than this statement began stands behind the last event that it saw, and not always behind the
# horizon: after a crash PostgreSQL gives transaction ids out again that only undone transactions had.
_NEWS = """
select array (select distinct e.tenant_id from event e
         where e.settle > $1 and e.settle < horizon.at and e.id > $2) as tenants,
       coalesce((select max(e.settle) from event e
         where e.settle > $1 and e.settle < horizon.at and e.id > $2), $1) as last,
       exists (select from event e where e.settle >= horizon.at and e.id > $2) as waiting
  from (select app_horizon() as at) horizon
"""

# For processes that listen: they look for themselves what it is, so that a notice that is lost costs little.
_NOTICE = "select pg_notify('events', '')"

_OF_TENANT = """
select json_agg(page) as events from (
  select * from event where tenant_id = $5 and (settle, seq) > ($1, $2) and settle < app_horizon() and id > $3
   order by settle, seq limit $4) page
"""
_OF_ALL = """
select json_agg(page) as events from (
  select * from event where (settle, seq) > ($1, $2) and settle < app_horizon() and id > $3
   order by settle, seq limit $4) page
"""

_LOCK = "select pg_try_advisory_xact_lock(hashtext('relay ' || $1), hashtext($2::uuid::text))"

_MOVE = """
update relay_position set settle = $3, seq = $4, milliseconds = $5
 where tenant_id = $1 and subscriber = $2 and (settle, seq) = ($6, $7) returning true
"""

_BEGIN = Statement(
    """
    insert into relay_position (tenant_id, subscriber, settle, seq, milliseconds)
    values ($1, $2, app_horizon(), 0, (extract(epoch from now()) * 1000)::bigint)
        on conflict (tenant_id, subscriber) do nothing
    """,
    ("tenant", "subscriber"),
    {},
)


@dataclass(frozen=True, slots=True)
class News:
    """The tenants with events settled since, the last `settle`, and whether more has been written that waits to settle."""

    tenants: Sequence[UUID]
    last: int
    waiting: bool


class Subscriptions:
    """Of the session's tenant."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def begin(self, subscriber: str) -> None:
        """Everything that is written from now on is read for it; a subscriber that there is already goes on."""
        await self.session.once(_BEGIN, {"subscriber": subscriber})


async def positions(connection: asyncpg.Connection, subscriber: str) -> Mapping[UUID, Position]:
    rows = await connection.fetch(_POSITIONS, subscriber)
    return {row["tenant_id"]: Position(row["settle"], row["seq"], row["milliseconds"]) for row in rows}


async def last(connection: asyncpg.Connection) -> int:
    """`settle` of the last event that has settled; all with the same have."""
    found: int = await connection.fetchval(_LAST)
    return found


async def news(connection: asyncpg.Connection, after: int, floor: UUID) -> News:
    """Of events with a `settle` above `after` and an id behind `floor`."""
    row = await connection.fetchrow(_NEWS, after, floor)
    assert row is not None  # noqa: S101  # the statement always answers its one row
    return News(row["tenants"], row["last"], row["waiting"])


async def notify(connection: asyncpg.Connection) -> None:
    """Tells whoever follows the log in another process that something has settled."""
    await connection.execute(_NOTICE)


async def lock(connection: asyncpg.Connection, subscriber: str, tenant_id: UUID) -> bool:
    """Until the end of the transaction; False where another worker is at it."""
    locked: bool = await connection.fetchval(_LOCK, subscriber, tenant_id)
    return locked


async def position(connection: asyncpg.Connection, subscriber: str, tenant_id: UUID) -> Position | None:
    row = await connection.fetchrow(_POSITIONS + " and tenant_id = $2", subscriber, tenant_id)
    return Position(row["settle"], row["seq"], row["milliseconds"]) if row else None


async def events(connection: asyncpg.Connection, tenant_id: UUID, after: Position, limit: int) -> list[dict[str, Any]]:
    """The next settled ones as rows of the table, of one tenant or of the whole log."""
    floor = UUID(int=max(after.milliseconds - DAY_MS, 0) << 80)
    place = (after.settle, after.seq, floor, limit)
    whole = tenant_id == WHOLE_LOG
    found = await (
        connection.fetchval(_OF_ALL, *place) if whole else connection.fetchval(_OF_TENANT, *place, tenant_id)
    )
    return orjson.loads(found) if found else []


async def move(
    connection: asyncpg.Connection, subscriber: str, tenant_id: UUID, before: Position, after: Position
) -> bool:
    """False where the position is no longer the one that was read from: then nothing else may be written either."""
    to = (after.settle, after.seq, after.milliseconds)
    moved = await connection.fetchval(_MOVE, tenant_id, subscriber, *to, before.settle, before.seq)
    return bool(moved)
