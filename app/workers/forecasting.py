"""What happens to forecasts with time: every morning there is a snapshot of them."""

import time
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.domain.forecasting.rules import DAILY
from app.domain.forecasting.service import ForecastService
from app.domain.governance.service import administrator
from app.domain.kernel.clock import utc_now
from app.domain.kernel.schema import Schema
from app.domain.kernel.work import Outcome, Settled, Work
from app.repositories.pool import Pool
from app.repositories.session import Ring, Session, silent
from app.workers.line import Handler


@dataclass(frozen=True, slots=True)
class ForecastClock:
    """`pool` is one of the application's role."""

    pool: Pool
    schema: Schema
    ring: Ring = silent

    def handler(self) -> Handler:
        return Handler(kind=DAILY, act=self.take)

    async def take(self, work: Work, _: Any) -> Outcome:
        """With the right of the system, in the time zone of when it was planned; a large tenant takes seconds."""
        actor = administrator(work.tenant_id, UUID(work.payload["userId"]))
        actor = replace(actor, time_zone=work.payload["timeZone"])
        deadline = time.monotonic() + DAILY.timeout_s
        session = Session(self.pool, actor, self.schema, origin="system", ring=self.ring, deadline=deadline)
        await ForecastService(session).take_daily(work, utc_now())
        return Settled()
