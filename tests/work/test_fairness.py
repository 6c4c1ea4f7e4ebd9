"""Nobody waits long for somebody else's work, and no target gets more at once than it bears."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Again, NewWork, Outcome, Work, WorkKind
from app.repositories import claims
from tests.work.engine import Crowd, Engine, doing, kind, until, until_gone

WITHIN_S = 5.0
SOON_OPEN = "update work_target set open_at = now() + interval '0.4 seconds' where kind = $1"


async def waited(work: Engine, some: WorkKind, rows: int, *, targets: int = 1) -> float:
    """How long the one row of another tenant waits behind a long queue of one."""
    crowd, small = Crowd(0.01), uuid7()
    await work.backlog(uuid7(), some, rows, targets=targets)
    async with work.line(doing(some, crowd.act)):
        await until(lambda: len(crowd.acts) > 50)
        await work.add(small, some, "mine")
        return await until(lambda: any(one.tenant_id == small for one in crowd.acts), WITHIN_S)


async def test_a_tenants_hundred_thousand_rows_delay_another_tenant_little(alone: Engine) -> None:
    assert await waited(alone, kind(), 100_000) < WITHIN_S
    assert await waited(alone, kind(), 10_000, targets=10_000) < WITHIN_S


async def test_a_claim_that_takes_the_oldest_first_is_seen_to_be_unfair(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfair = claims._CLAIM
    for fair, planted in (
        ("order by f.turn, f.due_at", "order by f.due_at"),
        ("f.turn <= coalesce(($9::jsonb ->> f.tenant_id::text)::int, $10)", "$10 > 0"),
        ("::int <= 0 then", "::int < 0 then"),
    ):
        assert fair in unfair
        unfair = unfair.replace(fair, planted)
    monkeypatch.setattr(claims, "_CLAIM", unfair)
    with pytest.raises(AssertionError, match="in time"):
        await waited(alone, kind(), 10_000)


async def most_at_once(work: Engine, some: WorkKind, rows: int, takes_s: float = 0.03) -> int:
    """Over two lines that have a pool each."""
    crowd, tenant_id = Crowd(takes_s), uuid7()
    await work.due(tenant_id).add(*(NewWork(kind=some, key=f"{row}", target="a") for row in range(rows)))
    async with AsyncExitStack() as stack:
        for _ in range(2):
            pool = claims.work_pool(work.place.url, 2)
            stack.push_async_callback(pool.close)
            await stack.enter_async_context(work.line(doing(some, crowd.act), pool=pool))
        await until(lambda: len(crowd.acts) >= rows)
    return crowd.most


async def test_no_target_gets_more_at_once_than_its_kind_allows(work: Engine) -> None:
    assert await most_at_once(work, kind(per_target=3), 30) == 3


async def test_a_lease_that_lies_in_the_past_is_seen_as_too_many_at_once(
    work: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_CLAIM", claims._CLAIM.replace("make_interval(secs => $14)", "$14 * interval '0'"))
    with pytest.raises(AssertionError):
        assert await most_at_once(work, kind(per_target=3), 12, takes_s=0.5) == 3


async def test_a_target_may_have_another_limit_than_its_kind(work: Engine) -> None:
    crowd, tenant_id, some = Crowd(0.03), uuid7(), kind(per_target=5)
    await work.due(tenant_id).limit(some, "narrow", 1, None)
    await work.due(tenant_id).add(*(NewWork(kind=some, key=f"{row}", target="narrow") for row in range(5)))
    async with work.line(doing(some, crowd.act)) as line:
        await until(lambda: len(crowd.acts) == 5)
        await line.drained()
    assert crowd.most == 1


async def test_a_target_that_fails_gets_one_place_until_it_works_again(work: Engine) -> None:
    tenant_id, some = uuid7(), kind()
    rows = [NewWork(kind=some, key=f"{target}{row}", target=target) for target in "abcdef" for row in range(5)]
    await work.due(tenant_id).add(*rows)
    failing = dict.fromkeys([(tenant_id, target) for target in "abcde"], True)
    await work.settle(claims.mark, some, failing)  # type: ignore[arg-type]  # it marks targets, not works

    crowds = {True: Crowd(0.03), False: Crowd(0.03)}

    async def act(one: Work) -> None:
        await crowds[one.failing].act(one)

    async with work.line(doing(some, act), places=8) as line:
        await until_gone(work, some)
        await line.drained()
    assert {one.target for one in crowds[False].acts} == {"f"}
    assert (crowds[True].most, crowds[False].most > 2) == (2, True)

    await work.settle(claims.mark, some, dict.fromkeys(failing, False))  # type: ignore[arg-type]  # see above
    await work.due(tenant_id).add(*rows)
    assert not any(one.failing for one in (await work.claim(some)).work)


@pytest.mark.parametrize(("per_second", "rows", "lasts_s"), [(20, 40, 1.0), (0.8, 2, 1.25)])
async def test_a_target_gets_no_more_in_a_second_than_it_may(
    work: Engine, per_second: float, rows: int, lasts_s: float
) -> None:
    """What it did not get in the second before it may have at once."""
    crowd, tenant_id, some = Crowd(0), uuid7(), kind(per_target=100)
    await work.due(tenant_id).limit(some, "slow", None, per_second)
    await work.due(tenant_id).add(*(NewWork(kind=some, key=f"{row}", target="slow") for row in range(rows)))
    began, saved, sooner_s = time.monotonic(), max(1, per_second), 0.05
    async with work.line(doing(some, crowd.act), places=40):
        await until(lambda: len(crowd.acts) == rows)
    for number, at in enumerate(crowd.at):
        assert number + 1 <= saved + per_second * (at - began + sooner_s)
    assert crowd.at[-1] - began >= lasts_s - sooner_s


async def test_a_target_that_is_closed_gets_nothing_until_it_opens(work: Engine) -> None:
    crowd, tenant_id, some = Crowd(0), uuid7(), kind()
    async with work.work.transaction(None, time.monotonic() + 5) as connection:
        await claims.close(connection, some, tenant_id, "shut", 3_600)
    await work.due(tenant_id).add(*(NewWork(kind=some, key=one, target=one) for one in ("shut", "open")))
    async with work.line(doing(some, crowd.act)) as line:
        await line.drained()
        assert [one.target for one in crowd.acts] == ["open"]
        began = time.monotonic()
        await work.run(SOON_OPEN, some.name)
        await until(lambda: len(crowd.acts) == 2)
    assert crowd.acts[1].target == "shut"
    assert crowd.at[1] - began > 0.35


async def test_one_that_keeps_failing_leaves_its_place_to_others(work: Engine) -> None:
    some, tenant_id, done = kind(), uuid7(), []

    async def act(one: Work) -> Outcome | None:
        if one.key == "bad":
            return Again(3_600, "Failed.")
        done.append(one.key)
        return None

    await work.due(tenant_id).add(*(NewWork(kind=some, key=key) for key in ("bad", "good")))
    async with work.line(doing(some, act), places=1) as line:
        await line.drained()
    assert done == ["good"]


async def test_two_kinds_of_a_family_share_its_places(work: Engine) -> None:
    crowd, one, two = Crowd(0.25), kind(), kind()
    for some in (one, two):
        await work.due(uuid7()).add(*(NewWork(kind=some, key=f"{row}") for row in range(8)))
    async with work.line(doing(one, crowd.act), doing(two, crowd.act), places=4):
        await asyncio.gather(until_gone(work, one), until_gone(work, two))
    assert crowd.most == 4


def looked(monkeypatch: pytest.MonkeyPatch, midway: Callable[[], Awaitable[None]] | None = None) -> list[float]:
    """When there are claims from now on. `midway` happens once, when a walk over lanes has begun and not ended."""
    looks: list[float] = []
    claim, ahead = claims.claim, [midway] if midway else []

    async def counted(*given: Any) -> claims.Claimed:
        looks.append(time.monotonic())
        found = await claim(*given)
        if ahead and found.lane != claims.BEGINNING:
            await ahead.pop()()
        return found

    monkeypatch.setattr(claims, "claim", counted)
    return looks


async def test_a_timer_is_claimed_within_one_sweep_beside_those_of_many_tenants_that_are_due_next_week(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    some, crowd, sweep_s = kind(), Crowd(0), 0.3
    await alone.next_week(some)
    async with alone.line(doing(some, crowd.act), sweep_s=sweep_s) as line:
        await line.drained()
        looks = looked(monkeypatch)
        await alone.add(uuid7(), some, "soon", due_at=utc_now() + timedelta(seconds=1))
        assert await until(lambda: bool(crowd.acts)) < 1 + 1.3 * sweep_s + 5.0
        assert len(looks) <= 3 + (looks[-1] - looks[0]) / (0.7 * sweep_s)


async def test_a_long_queue_among_timers_that_are_due_next_week_keeps_nobody_waiting(alone: Engine) -> None:
    some = kind(per_target=1_000)
    await alone.next_week(some)
    assert await waited(alone, some, 5_000) < WITHIN_S


async def test_a_walk_over_what_may_not_be_had_now_ends_and_begins_anew_for_what_it_has_passed(
    work: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that never ended would keep the worker busy for nothing."""
    some, crowd, tenant_id = kind(), Crowd(0), uuid7()
    shut = [f"shut {number}" for number in range(claims.SEEN_AT_ONCE)]
    async with work.work.transaction(None, time.monotonic() + 5) as connection:
        for target in shut:
            await claims.close(connection, some, tenant_id, target, 3_600)
    await work.due(tenant_id).add(*(NewWork(kind=some, key=target, target=target) for target in shut))

    async def pass_by() -> None:
        await work.add(UUID(int=1), some, "in the first lane")
        line.wake()

    looks = looked(monkeypatch, pass_by)
    async with work.line(doing(some, crowd.act), sweep_s=30) as line:
        await until(lambda: bool(crowd.acts), WITHIN_S)
        await asyncio.wait_for(line.drained(), WITHIN_S)
        await asyncio.sleep(0.3)
    assert len(crowd.acts) == 1
    assert len(looks) <= 50
