"""Submissions that nobody has confirmed in time are erased."""

import time
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.domain.capture.kinds import EXPIRY
from app.domain.capture.service import LeadSubmissionService
from app.domain.governance.service import administrator
from app.domain.kernel.schema import Schema
from app.domain.kernel.work import Outcome, Settled, Work
from app.repositories.pool import Pool
from app.repositories.session import Ring, Session, silent
from app.workers.line import Handler

DEADLINE_S: Final = 5.0
ORIGIN: Final = "system"


@dataclass(frozen=True, slots=True)
class Expiries:
    pool: Pool
    schema: Schema
    ring: Ring = silent

    def handler(self) -> Handler:
        return Handler(kind=EXPIRY, act=self.act)

    async def act(self, work: Work, _: Any) -> Outcome:
        system = administrator(work.tenant_id, UUID(int=0))
        deadline = time.monotonic() + DEADLINE_S
        session = Session(self.pool, system, self.schema, deadline=deadline, origin=ORIGIN, ring=self.ring)
        await LeadSubmissionService(session).expire(work)
        return Settled()
