"""What happens to leads with time: nobody responds, or a disqualified one comes back."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain.governance.service import administrator
from app.domain.kernel.clock import utc_now
from app.domain.kernel.schema import Schema
from app.domain.kernel.work import Outcome, Settled, Work
from app.domain.leads.rules import RECYCLE, RESPONSE
from app.domain.leads.service import LeadService
from app.repositories.pool import Pool
from app.repositories.session import Ring, Session, silent
from app.workers.line import Handler


@dataclass(frozen=True, slots=True)
class LeadClock:
    """`pool` is one of the application's role."""

    pool: Pool
    schema: Schema
    ring: Ring = silent

    def handlers(self) -> tuple[Handler, Handler]:
        return Handler(kind=RESPONSE, act=self.escalate), Handler(kind=RECYCLE, act=self.recycle)

    async def escalate(self, work: Work, _: Any) -> Outcome:
        await self._leads(work).escalate(UUID(work.key), work, utc_now())
        return Settled()

    async def recycle(self, work: Work, _: Any) -> Outcome:
        await self._leads(work).come_back(UUID(work.key), work)
        return Settled()

    def _leads(self, work: Work) -> LeadService:
        """With the name of who asked for it, and the right of the system."""
        actor = administrator(work.tenant_id, UUID(work.payload["userId"]))
        return LeadService(Session(self.pool, actor, self.schema, origin="system", ring=self.ring))
