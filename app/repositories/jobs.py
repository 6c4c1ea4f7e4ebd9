"""What clients have started that takes longer than a request: how far it is, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg

from app.repositories.compile import Statement
from app.repositories.session import Session

LAST: Final = UUID(int=2**128 - 1)

# A job is open while its due work can still happen, and not when that is parked or was discarded.
_SHOWN = """
select j.id, j.kind,
       case when coalesce(w.state, 'parked') = 'parked' and j.finished_at is null then 'failed' else j.state end as state,
       j.done, j.total, j.result,
       case when coalesce(w.state, 'parked') = 'parked' and j.finished_at is null then $2::jsonb else j.error end as error,
       j.created_at as "createdAt", j.created_by as "createdBy", j.started_at as "startedAt",
       j.finished_at as "finishedAt"
  from job_read j
  left join work_read w on w.tenant_id = $1 and w.kind in ('job', j.kind) and w.key = j.id::text
 where j.tenant_id = $1 and ($3 or j.created_by = $4)
"""
_ONE = Statement(
    f"select row_to_json(shown) as body from ({_SHOWN} and j.id = $5) shown",  # noqa: S608  # a constant of this module
    ("tenant", "abandoned", "everybody", "me", "id"),
    {},
)
_PAGE = Statement(
    f"""
    select json_agg(row.body order by row.place) filter (where row.place <= $6) as page,
           (array_agg(row.id) filter (where row.place = $6))[1] as last, count(*) > $6 as more
      from (select shown.id, row_to_json(shown) as body, row_number() over (order by shown.id desc) as place
              from ({_SHOWN} and j.id < $5 order by j.id desc limit $6 + 1) shown) row
    """,  # noqa: S608  # a constant of this module
    ("tenant", "abandoned", "everybody", "me", "before", "limit"),
    {},
)
_ADD = Statement(
    "insert into job (tenant_id, id, kind, input, total, created_by) values ($1, $2, $3, $4, $5, $6)",
    ("tenant", "id", "kind", "input", "total", "me"),
    {},
)
_BEGIN = Statement(
    """
    with begun as (
      update job set state = 'running', started_at = now()
       where tenant_id = $1 and id = $2 and state = 'queued' returning kind, input, progress)
    select * from begun
    union all
    select kind, input, progress from job_read where tenant_id = $1 and id = $2 and state = 'running'
    limit 1
    """,
    ("tenant", "id"),
    {},
)
_ADVANCE = Statement(
    """
    update job set done = done + $3, total = coalesce($4, total), progress = coalesce($5, progress)
     where tenant_id = $1 and id = $2 and state = 'running' returning id
    """,
    ("tenant", "id", "done", "total", "progress"),
    {},
)
_END = Statement(
    """
    update job set state = $3, result = $4, error = $5, finished_at = now()
     where tenant_id = $1 and id = $2 and state in ('queued', 'running') returning id
    """,
    ("tenant", "id", "state", "result", "error"),
    {},
)
_STATE = Statement("select state from job_read where tenant_id = $1 and id = $2", ("tenant", "id"), {})
_FORGET = """
delete from job where ctid = any (array (
  select j.ctid from job j
   where coalesce(j.finished_at, j.created_at) < now() - make_interval(days => $1)
     and not exists (select from work w where w.tenant_id = j.tenant_id and w.kind = 'job' and w.key = j.id::text)
   limit $2))
"""


@dataclass(frozen=True, slots=True)
class JobPage:
    """`jobs` is a JSON array as PostgreSQL wrote it; `last` is the id that the next page goes on below."""

    jobs: bytes
    last: UUID | None


@dataclass(frozen=True, slots=True)
class Viewer:
    """`abandoned` is the error of a job whose work nobody came back from."""

    everybody: bool
    abandoned: Mapping[str, Any]

    def parameters(self) -> dict[str, Any]:
        return {"everybody": self.everybody, "abandoned": self.abandoned}


@dataclass(frozen=True, slots=True)
class OpenJob:
    kind: str
    input: Mapping[str, Any]
    progress: Mapping[str, Any]


class Jobs:
    """Of the session's tenant."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def add(self, job_id: UUID, kind: str, given: Mapping[str, Any], total: int | None) -> None:
        await self.session.once(_ADD, {"id": job_id, "kind": kind, "input": given, "total": total})

    async def one(self, job_id: UUID, viewer: Viewer) -> bytes | None:
        row = await self.session.read(_ONE, {"id": job_id, **viewer.parameters()})
        return bytes(row["body"]) if row else None

    async def page(self, viewer: Viewer, before: UUID | None, limit: int) -> JobPage:
        """Newest first, those with an id under `before`."""
        parameters = {"before": before or LAST, "limit": limit, **viewer.parameters()}
        row = await self.session.read(_PAGE, parameters)
        assert row is not None  # noqa: S101  # an aggregate always answers one row
        return JobPage(row["page"] or b"[]", row["last"] if row["more"] else None)

    async def state(self, job_id: UUID) -> str | None:
        row = await self.session.read(_STATE, {"id": job_id})
        return str(row["state"]) if row else None

    async def begin(self, job_id: UUID) -> OpenJob | None:
        """None when it is over, or gone."""
        row = await self.session.once(_BEGIN, {"id": job_id})
        return OpenJob(*row.values()) if row else None

    async def advance(
        self, job_id: UUID, done: int, total: int | None = None, progress: Mapping[str, Any] | None = None
    ) -> bool:
        """False when it is over: somebody has cancelled it."""
        parameters = {"id": job_id, "done": done, "total": total, "progress": progress}
        return await self.session.once(_ADVANCE, parameters) is not None

    async def end(
        self,
        job_id: UUID,
        state: str,
        *,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, Any] | None = None,
    ) -> bool:
        """False when it was over already, or never was."""
        parameters = {"id": job_id, "state": state, "result": result, "error": error}
        return await self.session.once(_END, parameters) is not None


async def forget_jobs(connection: asyncpg.Connection, days: int, at_most: int) -> int:
    """Of all tenants, those that ended longer ago. Answers how many."""
    done = await connection.execute(_FORGET, days, at_most)
    return int(done.rpartition(" ")[2])
