"""What time does to an opportunity. The time is passed in; nothing waits for it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.governance.service import administrator
from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Work
from app.domain.pipeline.rules import OVERDUE, STALLED
from app.domain.pipeline.service import OpportunityService
from app.domain.registry import SCHEMA
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from tests.factories.pipeline import make_opportunity, make_pipeline, stage
from tests.world import Client, World

CLAIM = """
update work set token = $4 where tenant_id = $1 and kind = $2 and key = $3 and state = 'due'
returning id, tenant_id, key, target, payload, attempts, token, cause_event
"""
DUE = "select kind, due_at from work where tenant_id = $1 and key = $2 and state = 'due'"
ENDS = [stage("won", outcome="won"), stage("lost", outcome="lost", probability=0)]
STAGES = [stage("first", stalledAfterDays=10), stage("second"), *ENDS]


class Clock:
    """Does what is due of an opportunity, at a time of the test's choice, as a worker would."""

    def __init__(self, world: World, client: Client, pool: Pool) -> None:
        self.world, self.client, self.pool = world, client, pool

    async def due(self, record_id: str) -> dict[str, datetime]:
        async with self.world.place.connect() as administrator:
            return dict(await administrator.fetch(DUE, self.client.tenant_id, record_id))

    async def strikes(self, kind: Any, record_id: str, now: datetime) -> None:
        async with self.world.place.connect() as connection:
            row = await connection.fetchrow(CLAIM, self.client.tenant_id, kind.name, record_id, uuid7())
        work = Work(row["tenant_id"], row["id"], row["key"], "", {}, 1, row["token"], None, failing=False)
        actor = replace(administrator(self.client.tenant_id, self.client.user_id), time_zone="UTC")
        service = OpportunityService(Session(self.pool, actor, SCHEMA, origin="system"))
        verb: Callable[..., Any] = service.see_stalled if kind is STALLED else service.see_overdue
        await verb(UUID(record_id), work, now)


@pytest.fixture
async def clock(world: World, client: Client) -> AsyncIterator[Clock]:
    pool = Pool(Target(world.place.url, "rapport_app", size=2))
    yield Clock(world, client, pool)
    await pool.close()


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


async def test_what_stays_too_long_is_stalled_until_it_moves(client: Client, clock: Clock) -> None:
    pipeline = await make_pipeline(client, stages=STAGES)
    made = await make_opportunity(client, pipelineId=pipeline["id"], stage="first")
    url, since = f"/opportunities/{made['id']}", datetime.fromisoformat(made["stageChangedAt"])
    assert await clock.due(made["id"]) == {"opportunity.stalled": since + timedelta(days=10)}
    await clock.strikes(STALLED, made["id"], since + timedelta(days=9))
    assert (await client.get(url)).json()["version"] == 1
    await clock.strikes(STALLED, made["id"], since + timedelta(days=11))
    stalled = (await client.get(url)).json()
    assert datetime.fromisoformat(stalled["stalledSince"]) == since + timedelta(days=10)
    assert (await client.get(f"{url}/history?limit=1")).json()["data"][0]["origin"] == "system"
    assert await clock.due(made["id"]) == {}
    assert (await client.patch(url, json={"stage": "second"})).json()["stalledSince"] is None
    await client.patch(url, json={"stage": "first"})
    assert list(await clock.due(made["id"])) == ["opportunity.stalled"]
    await client.post(f"{url}/win", json={})
    assert await clock.due(made["id"]) == {}


async def test_what_is_overdue_is_told_and_then_closed(client: Client, clock: Clock) -> None:
    policy = {"remindAfterDays": 2, "closeLostAfterDays": 5}
    pipeline = await make_pipeline(client, stages=STAGES[1:], overdue=policy)
    made = await make_opportunity(client, pipelineId=pipeline["id"], stage="second", closeDate="2026-03-10")
    url = f"/opportunities/{made['id']}"
    assert await clock.due(made["id"]) == {"opportunity.overdue": at(date(2026, 3, 13))}
    await clock.strikes(OVERDUE, made["id"], at(date(2026, 3, 13)))
    told = (await client.get(url)).json()
    assert (told["status"], datetime.fromisoformat(told["overdueSince"])) == ("open", at(date(2026, 3, 13)))
    assert await clock.due(made["id"]) == {"opportunity.overdue": at(date(2026, 3, 16))}
    later = (await client.patch(url, json={"closeDate": "2026-04-01"})).json()
    assert later["overdueSince"] is None
    assert await clock.due(made["id"]) == {"opportunity.overdue": at(date(2026, 4, 4))}
    await clock.strikes(OVERDUE, made["id"], at(date(2026, 4, 8)))
    lost = (await client.get(url)).json()
    assert (lost["status"], lost["stage"], lost["outcomeReason"]) == ("lost", "lost", "overdue")
    assert await clock.due(made["id"]) == {}


async def test_what_is_open_is_watched_by_the_rules_of_now(client: Client, clock: Clock) -> None:
    pipeline = await make_pipeline(client, stages=STAGES)
    made = await make_opportunity(client, pipelineId=pipeline["id"], stage="second", closeDate="2026-03-10")
    url, since = f"/pipelines/{pipeline['id']}", datetime.fromisoformat(made["stageChangedAt"])
    watched = [STAGES[0], stage("second", stalledAfterDays=3), *ENDS]
    await client.patch(url, json={"stages": watched, "overdue": {"remindAfterDays": 1}})
    expected = {"opportunity.stalled": since + timedelta(days=3), "opportunity.overdue": at(date(2026, 3, 12))}
    assert await clock.due(made["id"]) == expected
    await client.patch(url, json={"stages": STAGES, "overdue": None})
    assert await clock.due(made["id"]) == {}
