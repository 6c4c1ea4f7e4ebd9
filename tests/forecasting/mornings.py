"""Mornings without waiting: what is due some day is made due now, and done as a worker does it."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.forecasting.rules import DAILY
from app.domain.kernel.work import Work
from app.domain.registry import SCHEMA
from app.workers.forecasting import ForecastClock
from tests.work.engine import Engine
from tests.world import Client

PLANNED = "select due_at from work where tenant_id = $1 and kind = $2"
AGO = {
    "forecast_figure": "update forecast_figure set day = day - $2::int where tenant_id = $1",
    "forecast_snapshot": "update forecast_snapshot set day = day - $2::int where tenant_id = $1",
}


@dataclass(frozen=True)
class Clock:
    engine: Engine

    async def claim(self, client: Client) -> list[Work]:
        return await self.engine.claim_planned(client.tenant_id, DAILY)

    async def act(self, work: Work) -> None:
        await ForecastClock(self.engine.app, SCHEMA).take(work, None)

    async def morning(self, client: Client) -> int:
        works = await self.claim(client)
        for work in works:
            await self.act(work)
        return len(works)

    async def planned(self, client: Client) -> list[datetime]:
        async with self.engine.place.connect() as administrator:
            rows = await administrator.fetch(PLANNED, client.tenant_id, DAILY.name)
            return [row["due_at"] for row in rows]

    async def days_pass(self, client: Client, days: int) -> None:
        """What there is of snapshots is as much older."""
        for sql in AGO.values():
            await self.engine.run(sql, client.tenant_id, days)
