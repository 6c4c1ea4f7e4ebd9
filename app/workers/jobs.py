"""Jobs that clients have started: one chunk for each claim, in a session of the user who started it."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.domain.jobs.rules import JOB
from app.domain.jobs.service import ATTEMPTS, JobKind, JobOver, JobRun
from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.errors import AppError, Conflict, Forbidden
from app.domain.kernel.installation import BARE, Installation
from app.domain.kernel.schema import Schema
from app.domain.kernel.work import LeaseLost, Outcome, Settled, Work
from app.repositories.access import find_actor
from app.repositories.pool import Pool
from app.repositories.session import Ring, Session, silent
from app.workers.line import Handler

log = logging.getLogger(__name__)
DEADLINE_S: Final = 5.0
ORIGIN: Final = "job"
REFUSED: Final = frozenset({400, 403, 404, 410, 422})


@dataclass(frozen=True, slots=True)
class JobRunner:
    """`pool` is one of the application's role: a job sees and writes what its user may."""

    pool: Pool
    schema: Schema
    kinds: Mapping[str, JobKind]
    ring: Ring = silent
    installation: Installation = BARE

    def handler(self) -> Handler:
        return Handler(kind=JOB, act=self.act)

    async def act(self, work: Work, _: Any) -> Outcome:
        actor = await self._actor(work)
        run = JobRun(self._session(actor or _nobody(work.tenant_id)), work)
        job = await run.begin()
        if job is None:
            return Settled()
        if actor is None:
            await run.fail(Forbidden("The user who started it is gone or inactive.", code="userInactive"))
            return Settled()
        kind = self.kinds.get(job.kind)
        try:
            if kind is None:
                raise Conflict("This worker does not know such jobs.", code="unknownJob")  # noqa: TRY301  # fails as any other does
            await run.step(kind, job)
        except LeaseLost:
            raise
        except JobOver:
            await run.leave()
        except Exception as error:
            if not _is_final(error, work, kind):
                raise
            log.warning("job failed", extra={"kind": job.kind, "error": type(error).__name__})
            await run.fail(error)
        return Settled()

    async def _actor(self, work: Work) -> Actor | None:
        user_id, scopes = UUID(work.payload["userId"]), frozenset(work.payload["scopes"])
        return await find_actor(self.pool, work.tenant_id, user_id, scopes, time.monotonic() + DEADLINE_S)

    def _session(self, actor: Actor) -> Session:
        return Session(
            self.pool,
            actor,
            self.schema,
            deadline=time.monotonic() + DEADLINE_S,
            origin=ORIGIN,
            ring=self.ring,
            installation=self.installation,
        )


def _is_final(error: Exception, work: Work, kind: JobKind | None) -> bool:
    """What is refused today is refused tomorrow; all else is tried again, until it has failed often enough."""
    refused = isinstance(error, AppError) and error.status in REFUSED
    return refused or work.attempts >= (kind.attempts if kind else ATTEMPTS)


def _nobody(tenant_id: UUID) -> Actor:
    """Who says that a job has failed when its user cannot."""
    return Actor(tenant_id, UUID(int=0), UUID(int=0), Role.member, frozenset(), schema_version=1)
