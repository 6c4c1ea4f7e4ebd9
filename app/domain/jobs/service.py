from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID

from app.domain.jobs.rules import ABANDONED, JOB, problem_of
from app.domain.kernel.actor import Role
from app.domain.kernel.claim import Claim
from app.domain.kernel.errors import Conflict, NotFound
from app.domain.kernel.ids import uuid7
from app.domain.kernel.query import Document
from app.domain.kernel.work import NewWork, Work, WorkKind
from app.repositories.idempotency import keep
from app.repositories.jobs import JobPage, Jobs, OpenJob, Viewer
from app.repositories.session import Session
from app.repositories.work import DueWork

ADMIN: Final = "admin"
ATTEMPTS: Final = 5
Given: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """`done` more are done. `progress` is what the next chunk begins with; without it the job has succeeded.

    `total` is for a job that learns on its way how much there is.
    """

    done: int
    progress: Given | None = None
    result: Given | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class JobKind:
    """`chunk` gets a session in a transaction, what the job was started with, and what the last chunk left (at first {}).

    What it writes commits together with its progress, so it has its effect once, whatever dies. It takes at most a few
    seconds, a few hundred rows, and calls nobody outside. After `attempts` failures of one chunk the job has failed.
    """

    name: str
    chunk: Callable[[Session, Given, Given], Awaitable[Chunk]]
    attempts: int = ATTEMPTS


@dataclass(frozen=True, slots=True)
class By:
    """The due work by which a job is done: chunk by chunk, or by work of its own, whose handler then ends the job."""

    kind: WorkKind = JOB
    target: str = ""


class JobOver(Exception):
    """It was cancelled while a chunk was at work: nothing of that chunk may stay."""


class JobService:
    """Jobs of the actor; administrators see those of everybody."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.jobs = Jobs(session)

    async def start(
        self, kind: str, given: Given, claim: Claim | None = None, *, total: int | None = None, by: By = By()
    ) -> Document:
        """The job as it is shown. It acts as this actor, with the rights that the user has by then."""
        job_id, actor = uuid7(), self.session.actor
        async with self.session.transaction():
            await self.jobs.add(job_id, kind, given, total)
            caller = {"userId": str(actor.id), "scopes": sorted(actor.scopes)}
            payload = {"jobId": str(job_id), **caller}
            await DueWork(self.session).add(NewWork(kind=by.kind, key=str(job_id), payload=payload, target=by.target))
            return await self._answer(job_id, claim, fresh=True)

    async def get(self, job_id: UUID) -> bytes:
        found = await self.jobs.one(job_id, self._viewer())
        if found is None:
            raise NotFound("There is no such record.")
        return found

    async def page(self, before: UUID | None, limit: int) -> JobPage:
        """Newest first."""
        return await self.jobs.page(self._viewer(), before, limit)

    async def cancel(self, job_id: UUID, claim: Claim | None = None) -> Document:
        """What its finished chunks did stays; of the one that is at work nothing will. Again, it changes nothing."""
        async with self.session.transaction():
            await self.get(job_id)
            fresh = await self.jobs.end(job_id, "cancelled")
            if fresh:
                await DueWork(self.session).cancel(JOB, str(job_id))
            elif await self.jobs.state(job_id) != "cancelled":
                raise Conflict("The job is over: there is nothing left to cancel.", code="jobOver")
            return await self._answer(job_id, claim, fresh=fresh)

    async def _answer(self, job_id: UUID, claim: Claim | None, *, fresh: bool) -> Document:
        document = Document(job_id, 0, await self.get(job_id), "", fresh=fresh)
        if claim and fresh:
            await keep(self.session, claim, document)
        return document

    def _viewer(self) -> Viewer:
        actor = self.session.actor
        return Viewer(actor.role is Role.admin and actor.may(ADMIN), ABANDONED)


class JobRun:
    """One claim of a job's work, in a session of the user who started it."""

    def __init__(self, session: Session, work: Work) -> None:
        self.session, self.work = session, work
        self.id = UUID(work.payload["jobId"])
        self.jobs, self.due = Jobs(session), DueWork(session)

    async def begin(self) -> OpenJob | None:
        """None when there is nothing to do any more."""
        job = await self.jobs.begin(self.id)
        if job is None:
            await self.due.done(JOB, self.work)
        return job

    async def step(self, kind: JobKind, job: OpenJob) -> None:
        """One chunk and all that follows from it, or nothing. Raises `JobOver` and `LeaseLost`."""
        async with self.session.transaction():
            chunk = await kind.chunk(self.session, job.input, job.progress)
            if not await self.jobs.advance(self.id, chunk.done, chunk.total, chunk.progress):
                raise JobOver
            await self.due.done(JOB, self.work)
            if chunk.progress is None:
                await self.jobs.end(self.id, "succeeded", result=chunk.result or {})
            else:
                await self.due.add(NewWork(kind=JOB, key=self.work.key, payload=self.work.payload))

    async def fail(self, error: Exception) -> None:
        async with self.session.transaction():
            await self.jobs.end(self.id, "failed", error=problem_of(error))
            await self.due.done(JOB, self.work)

    async def leave(self) -> None:
        """Of a job that is over."""
        await self.due.done(JOB, self.work)
