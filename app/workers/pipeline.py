"""What time does to opportunities: they stay in a stage for too long, or their close date passes."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.domain.governance.service import administrator
from app.domain.kernel.clock import utc_now
from app.domain.kernel.schema import Schema
from app.domain.kernel.work import Outcome, Settled, Work
from app.domain.pipeline.rules import OVERDUE, STALLED
from app.domain.pipeline.service import OpportunityService
from app.repositories.pool import Pool
from app.repositories.session import Ring, Session, silent
from app.workers.line import Handler


@dataclass(frozen=True, slots=True)
class PipelineClock:
    """`pool` is one of the application's role."""

    pool: Pool
    schema: Schema
    ring: Ring = silent

    def handlers(self) -> tuple[Handler, Handler]:
        return Handler(kind=STALLED, act=self.see_stalled), Handler(kind=OVERDUE, act=self.see_overdue)

    async def see_stalled(self, work: Work, _: Any) -> Outcome:
        await self._opportunities(work).see_stalled(UUID(work.key), work, utc_now())
        return Settled()

    async def see_overdue(self, work: Work, _: Any) -> Outcome:
        await self._opportunities(work).see_overdue(UUID(work.key), work, utc_now())
        return Settled()

    def _opportunities(self, work: Work) -> OpportunityService:
        """With the name of who set the watch, and the right of the system."""
        actor = administrator(work.tenant_id, UUID(work.payload["userId"]))
        actor = replace(actor, time_zone=work.payload["timeZone"])
        return OpportunityService(Session(self.pool, actor, self.schema, origin="system", ring=self.ring))
