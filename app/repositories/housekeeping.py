"""What the worker does for the whole database: no statement here belongs to one tenant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from app.repositories.compile import Statement
from app.repositories.pool import Pool, dsn

WORKER = "rapport worker"
MIGRATION = "rapport migrate"
_TIMEOUT_S = 5.0
_SETTINGS = {
    "application_name": WORKER,
    "TimeZone": "UTC",
    "lock_timeout": "1s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "3s",
}


@asynccontextmanager
async def connected(url: str, role: str | None) -> AsyncIterator[asyncpg.Connection]:
    """A connection of its own. Without a role it is the login itself, which alone may end its other sessions."""
    settings = _SETTINGS | ({"role": role} if role else {})
    connection = await asyncpg.connect(
        dsn(url), server_settings=settings, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S
    )
    try:
        yield connection
    except BaseException:
        connection.terminate()
        raise
    await connection.close(timeout=_TIMEOUT_S)


# Partitions ---------------------------------------------------------------------------------------


async def add_event_month(connection: asyncpg.Connection, month: date) -> None:
    """Does nothing where the partition exists."""
    await connection.execute("call app_add_event_month($1)", month)


# Idempotency --------------------------------------------------------------------------------------

_EXPIRED = """
delete from idempotency
 where ctid = any (array (select ctid from idempotency where expires_at <= now() order by expires_at limit $1))
   and expires_at <= now()
"""


async def delete_expired_keys(connection: asyncpg.Connection, at_most: int) -> int:
    done = await connection.execute(_EXPIRED, at_most)
    return int(done.rpartition(" ")[2])


# Transactions and the settled horizon -------------------------------------------------------------

_END_OVERDUE = """
select a.pid, extract(epoch from clock_timestamp() - a.xact_start)::float8 as age_s, pg_terminate_backend(a.pid)
  from pg_stat_activity a
 where a.datname = current_database() and a.usename = session_user and a.pid <> pg_backend_pid()
   and a.application_name <> $2 and a.backend_xid is not null
   and a.xact_start < clock_timestamp() - make_interval(secs => $1)
"""

_HORIZON = """
select h.xmin::text::bigint as position, h.xmin < h.xmax as holds_up_others,
       a.pid, coalesce(a.datname, p.database) as database
  from (select pg_snapshot_xmin(s) as xmin, pg_snapshot_xmax(s) as xmax from pg_current_snapshot() s) h
  left join pg_stat_activity a on a.backend_xid = h.xmin::xid
  left join pg_prepared_xacts p on p.transaction = h.xmin::xid
"""


@dataclass(frozen=True, slots=True)
class Ended:
    pid: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Horizon:
    """The oldest transaction that is still writing, anywhere in the cluster; a prepared one has no pid."""

    position: int
    holds_up_others: bool
    pid: int | None
    database: str | None


async def end_overdue(connection: asyncpg.Connection, older_than_s: float) -> list[Ended]:
    """Ends our transactions that have written and are older; a migration takes the time that it takes."""
    rows = await connection.fetch(_END_OVERDUE, older_than_s, MIGRATION)
    return [Ended(row["pid"], row["age_s"]) for row in rows]


async def horizon(connection: asyncpg.Connection) -> Horizon:
    """Transaction ids are shown to every role, also those of other databases."""
    row = await connection.fetchrow(_HORIZON)
    assert row is not None  # noqa: S101  # the subquery always has its one row
    return Horizon(row["position"], row["holds_up_others"], row["pid"], row["database"])


# Heartbeat ----------------------------------------------------------------------------------------

_BEAT = """
insert into heartbeat
       (worker_id, host, pid, kind, started_at, beat_at, horizon_lag_s, horizon_pid, horizon_database)
values ($1, $2, $3, 'worker', now(), now(), $4, $5, $6)
    on conflict (worker_id) do update set beat_at = excluded.beat_at, horizon_lag_s = excluded.horizon_lag_s,
       horizon_pid = excluded.horizon_pid, horizon_database = excluded.horizon_database
"""

_FORGET_DEAD = "delete from heartbeat where beat_at < now() - make_interval(secs => $1)"

_LAST_HEARTBEAT = Statement(
    """
    select extract(epoch from clock_timestamp() - beat_at)::float8 as age_s,
           horizon_lag_s, horizon_pid, horizon_database
      from heartbeat order by beat_at desc limit 1
    """,
    (),
    {},
)


@dataclass(frozen=True, slots=True)
class Worker:
    id: UUID
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Lag:
    """For how long the horizon has stood still, and by whom."""

    seconds: float = 0.0
    pid: int | None = None
    database: str | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    age_s: float
    horizon_lag_s: float
    horizon_pid: int | None
    horizon_database: str | None


async def beat(connection: asyncpg.Connection, worker: Worker, lag: Lag) -> None:
    await connection.execute(_BEAT, worker.id, worker.host, worker.pid, lag.seconds, lag.pid, lag.database)


async def forget_dead(connection: asyncpg.Connection, silent_for_s: float) -> None:
    await connection.execute(_FORGET_DEAD, silent_for_s)


async def last_heartbeat(pool: Pool, deadline: float) -> Heartbeat | None:
    """The freshest of all workers. None where there has never been one."""
    row = await pool.row(None, _LAST_HEARTBEAT, [], deadline)
    return Heartbeat(*row.values()) if row else None
