"""What is due for scores, done as a worker does it; and leads as they are read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.kernel.work import Work, WorkKind
from app.domain.registry import SCHEMA
from app.domain.scoring.rules import DECAY, RESCORE
from app.workers.scoring import ScoreClock
from tests.work.engine import Engine
from tests.world import Client

PLANNED = "select due_at from work where tenant_id = $1 and kind = $2 and key = $3"
# As if a time had passed: what was done lies further back.
EARLIER = "update behaviour_event set occurred_at = occurred_at - make_interval(secs => $2) where tenant_id = $1"


@dataclass(frozen=True)
class Clock:
    engine: Engine

    async def act(self, work: Work, kind: WorkKind) -> None:
        acts = {handler.kind: handler.act for handler in ScoreClock(self.engine.app, SCHEMA).handlers()}
        await acts[kind](work, None)

    async def settle(self, client: Client, kind: WorkKind) -> int:
        """All that is planned is due now, and done; how much it was."""
        works, done = await self.engine.claim_planned(client.tenant_id, kind), 0
        while works:
            for work in works:
                await self.act(work, kind)
                done += 1
            works = await self.engine.claim_of(client.tenant_id, kind)
        return done

    async def score_anew(self, client: Client) -> int:
        """By the model of now, chunk after chunk, and once more for what came meanwhile."""
        chunks = 0
        while await self.settle(client, RESCORE):
            chunks += 1
        return chunks

    async def pass_by(self, client: Client, days: float) -> None:
        """So much time, and what it changes."""
        await self.engine.run(EARLIER, client.tenant_id, days * 86_400)
        await self.settle(client, DECAY)

    async def planned(self, client: Client, lead: dict[str, Any]) -> datetime | None:
        async with self.engine.place.connect() as administrator:
            found: datetime | None = await administrator.fetchval(PLANNED, client.tenant_id, DECAY.name, lead["id"])
            return found


async def read(client: Client, lead: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/leads/{lead['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def explained(client: Client, lead: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get("/explain/score", params={"leadId": lead["id"]})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert sum(one["points"] for one in found["facts"]) == found["score"]
    return found
