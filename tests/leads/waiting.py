"""Time for leads, without waiting: what is due some day is made due now, and done as a worker does it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.kernel.work import Work, WorkKind
from app.domain.leads.rules import RECYCLE, RESPONSE
from app.domain.registry import SCHEMA
from app.workers.leads import LeadClock
from tests.work.engine import Engine
from tests.world import Client

PLANNED = "select due_at from work where tenant_id = $1 and kind = $2 and key = $3"


@dataclass(frozen=True)
class Clock:
    engine: Engine

    async def claim(self, client: Client, kind: WorkKind) -> list[Work]:
        return await self.engine.claim_planned(client.tenant_id, kind)

    async def act(self, work: Work, kind: WorkKind) -> None:
        acts = {handler.kind: handler.act for handler in LeadClock(self.engine.app, SCHEMA).handlers()}
        await acts[kind](work, None)

    async def escalate(self, client: Client) -> int:
        """All that waits for a response has waited too long."""
        works = await self.claim(client, RESPONSE)
        for work in works:
            await self.act(work, RESPONSE)
        return len(works)

    async def recycle(self, client: Client) -> int:
        works = await self.claim(client, RECYCLE)
        for work in works:
            await self.act(work, RECYCLE)
        return len(works)

    async def planned(self, client: Client, kind: WorkKind, lead: dict[str, Any]) -> datetime | None:
        async with self.engine.place.connect() as administrator:
            found: datetime | None = await administrator.fetchval(PLANNED, client.tenant_id, kind.name, lead["id"])
            return found
