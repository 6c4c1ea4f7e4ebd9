"""What time does to quotes: their last day passes."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.domain.governance.service import administrator
from app.domain.kernel.schema import Schema
from app.domain.kernel.work import Outcome, Settled, Work
from app.domain.quoting.rules import EXPIRY
from app.domain.quoting.service import QuoteService
from app.repositories.pool import Pool
from app.repositories.session import Ring, Session, silent
from app.workers.line import Handler


@dataclass(frozen=True, slots=True)
class Expiring:
    """`pool` is one of the application's role."""

    pool: Pool
    schema: Schema
    ring: Ring = silent

    def handler(self) -> Handler:
        return Handler(kind=EXPIRY, act=self.expire)

    async def expire(self, work: Work, _: Any) -> Outcome:
        """With the name of who presented it, and the right of the system."""
        actor = administrator(work.tenant_id, UUID(work.payload["userId"]))
        actor = replace(actor, time_zone=work.payload["timeZone"])
        session = Session(self.pool, actor, self.schema, origin="system", ring=self.ring)
        await QuoteService(session).expire(UUID(work.key), work)
        return Settled()
