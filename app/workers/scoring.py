"""What changes scores without a request: time, and another model."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain.governance.service import administrator
from app.domain.kernel.schema import Schema
from app.domain.kernel.work import Outcome, Settled, Work
from app.domain.leads.scoring import ScoredLeads
from app.domain.scoring.rules import DECAY, RESCORE
from app.repositories.pool import Pool
from app.repositories.session import Ring, Session, silent
from app.workers.line import Handler


@dataclass(frozen=True, slots=True)
class ScoreClock:
    """`pool` is one of the application's role."""

    pool: Pool
    schema: Schema
    ring: Ring = silent

    def handlers(self) -> tuple[Handler, Handler]:
        return Handler(kind=DECAY, act=self.decay), Handler(kind=RESCORE, act=self.score_anew)

    async def decay(self, work: Work, _: Any) -> Outcome:
        await self._leads(work).decay(work)
        return Settled()

    async def score_anew(self, work: Work, _: Any) -> Outcome:
        await self._leads(work).score_anew(work)
        return Settled()

    def _leads(self, work: Work) -> ScoredLeads:
        """With the name of who asked for it, and the right of the system."""
        actor = administrator(work.tenant_id, UUID(work.payload["userId"]))
        return ScoredLeads(Session(self.pool, actor, self.schema, origin="system", ring=self.ring))
