"""What the one publisher asks of the log. It holds no transaction, and its lock lasts as long as its connection."""

from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.domain.kernel.query import Position
from app.repositories.relay import DAY_MS, WHOLE_LOG

# Without signs of life asked for, the lock of a publisher whose machine is gone would stay for hours.
_KEEPALIVE = """
select set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false),
       set_config('tcp_keepalives_count', '3', false)
"""
_LOCK = "select pg_try_advisory_lock(hashtext('publisher'), hashtext($1))"

_BEGIN = """
insert into relay_position (tenant_id, subscriber, settle, seq, milliseconds)
select $1, $2, case when $3 then 0 else app_horizon() end, 0,
       case when $3 then 0 else (extract(epoch from now()) * 1000)::bigint end
    on conflict (tenant_id, subscriber) do nothing
"""

# What is large is measured as it is sent, and the first event is read whatever its size.
_PAGE = """
select json_agg(page) as events from (
  select * from (
    select next.*, sum(octet_length(data::text) + octet_length(changes::text))
                   over (order by settle, seq rows between unbounded preceding and 1 preceding) as before_it
      from (select * from event where (settle, seq) > ($1, $2) and settle < app_horizon() and id > $3
             order by settle, seq limit $4) next) sized
   where before_it is null or before_it < $5
   order by settle, seq) page
"""

_BEHIND = """
select count(*) as events, coalesce(extract(epoch from clock_timestamp() - min(at)), 0)::float8 as seconds
  from (select at from event where (settle, seq) > ($1, $2) and id > $3 order by settle, seq limit $4) next
"""


async def is_first(connection: asyncpg.Connection, subscriber: str) -> bool:
    """Until the connection ends; False where another one is."""
    await connection.execute(_KEEPALIVE)
    locked: bool = await connection.fetchval(_LOCK, subscriber)
    return locked


async def begin(connection: asyncpg.Connection, subscriber: str, *, at_the_beginning: bool) -> None:
    """At the first event of the log, or behind all that is there; a subscriber that there is already goes on."""
    await connection.execute(_BEGIN, WHOLE_LOG, subscriber, at_the_beginning)


async def page(connection: asyncpg.Connection, after: Position, limit: int, bytes_: int) -> list[dict[str, Any]]:
    """The next settled events of every tenant as rows of the table, with no more than one behind the first `bytes_`."""
    found = await connection.fetchval(_PAGE, *_start(after), limit, bytes_)
    return orjson.loads(found) if found else []


async def behind(connection: asyncpg.Connection, after: Position, at_most: int) -> tuple[int, float]:
    """How many events are committed behind it, and the age of the oldest in seconds."""
    row = await connection.fetchrow(_BEHIND, *_start(after), at_most)
    assert row is not None  # noqa: S101  # an aggregate always has its one row
    return row["events"], row["seconds"]


def _start(after: Position) -> tuple[int, int, UUID]:
    return after.settle, after.seq, UUID(int=max(after.milliseconds - DAY_MS, 0) << 80)
