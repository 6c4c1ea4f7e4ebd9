"""Workers come and go: what one had is taken over, once its lease is over, and a worker that leaves says so."""

import asyncio
import time
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import NewWork, Outcome, Settled, Work
from app.repositories import claims
from app.repositories.work import DueWork
from app.workers.line import Handler
from tests.work.engine import Crowd, Engine, doing, kind, until, until_gone

TICKS, LINES = 200, 3
OPENED = "select target, count(*) from work_target where tenant_id = $1 group by 1"


async def test_what_a_killed_worker_had_is_taken_over_when_its_lease_is_over(
    work: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    some, hung, crowd, began = kind(timeout_s=0.4), Crowd(3_600), Crowd(0), time.monotonic()
    await work.due(uuid7()).add(*(NewWork(kind=some, key=f"{row}") for row in range(5)))
    with monkeypatch.context() as patch:
        patch.setattr(claims, "LEASE_MARGIN_S", 0.2)
        async with work.line(doing(some, hung.act)):
            await until(lambda: len(hung.acts) == 5)

    async with work.line(doing(some, crowd.act)):
        await until_gone(work, some)
    assert crowd.at[0] - began >= 0.6
    assert sorted(one.key for one in crowd.acts) == sorted(one.key for one in hung.acts)


async def test_a_line_that_closes_ends_what_is_under_way_and_begins_nothing(work: Engine) -> None:
    some, crowd = kind(), Crowd(0.2)
    await work.due(uuid7()).add(*(NewWork(kind=some, key=f"{row}") for row in range(9)))
    async with work.line(doing(some, crowd.act), places=4) as line:
        await until(lambda: crowd.now == 3)
        await line.close()
        assert (crowd.now, len(crowd.acts)) == (0, 3)
        left = await work.rows(some)
    assert [(one["state"], one["token"], one["attempts"]) for one in left] == [("due", None, 0)] * 6


async def test_what_was_claimed_and_not_begun_is_given_back(work: Engine) -> None:
    some, crowd, preparing = kind(), Crowd(0), asyncio.Event()

    async def prepare(_: object) -> dict[UUID, None]:
        preparing.set()
        await asyncio.sleep(0.2)
        return {}

    async def act(one: Work, _: object) -> Outcome:
        await crowd.act(one)
        return Settled()

    await work.add(uuid7(), some, "a")
    async with work.line(Handler(kind=some, act=act, prepare=prepare)) as line:
        await preparing.wait()
        await line.close()
    (row,) = await work.rows(some)
    assert (crowd.acts, row["state"], row["token"], row["attempts"], row["unsettled"]) == ([], "due", None, 0, 0)


async def test_a_timer_fires_once_for_each_key_however_many_workers_look_and_however_late(work: Engine) -> None:
    """RELIABILITY R5: all are due while no worker runs, and those who ask for them ask again and again."""
    some, tenant_id = kind(keeps_key=True, lost=1_000), uuid7()
    past = utc_now() - timedelta(minutes=10)
    timers = [
        NewWork(kind=some, key=f"rule record {tick}", due_at=past + timedelta(seconds=tick)) for tick in range(TICKS)
    ]

    async def fire(one: Work) -> Outcome:
        """The effect is a row of its own that a second firing would find."""
        session = work.session(one.tenant_id)
        async with session.transaction():
            await DueWork(session).add(NewWork(kind=fired, key=f"{one.key} {one.attempts} {one.token}"))
            await DueWork(session).done(some, one)
        return Settled()

    fired = kind()
    await work.due(tenant_id).add(*timers)
    pools = [claims.work_pool(work.place.url, 2) for _ in range(LINES)]
    async with (
        work.line(doing(some, fire), pool=pools[0]) as first,
        work.line(doing(some, fire), pool=pools[1]) as second,
        work.line(doing(some, fire), pool=pools[2]) as third,
    ):
        for _ in range(3):
            await work.run("update work set due_at = now() where kind = $1 and token is not null", some.name)
            await work.due(tenant_id).add(*timers)
            for line in (first, second, third):
                await line.drained()
    for pool in pools:
        await pool.close()

    effects = [one["key"].rpartition(" ")[0].rpartition(" ")[0] for one in await work.rows(fired)]
    assert sorted(effects) == sorted(one.key for one in timers)
    assert {one["state"] for one in await work.rows(some)} == {"done"}


async def test_a_timer_that_is_added_anew_because_its_key_is_gone_is_seen_to_fire_twice(work: Engine) -> None:
    forgetting, tenant_id, crowd = kind(keeps_key=False), uuid7(), Crowd(0)
    async with work.line(doing(forgetting, crowd.act)) as line:
        for _ in range(2):
            await work.due(tenant_id).add(NewWork(kind=forgetting, key="rule record noon"))
            await line.drained()
    assert len(crowd.acts) == 2
