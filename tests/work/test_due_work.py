"""What services do with due work in transactions of their own."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Again, LeaseLost, NewWork, Outcome, Settled, Work
from app.repositories import claims
from app.repositories.work import DueWork
from tests.work.engine import Engine, doing, kind

COUNT = "select count(*) from work_target where tenant_id = $1"


async def test_work_of_a_key_is_added_once_as_long_as_it_is_there(work: Engine) -> None:
    some, tenant_id = kind(), uuid7()
    due = work.due(tenant_id)

    assert await due.add(NewWork(kind=some, key="a"), NewWork(kind=some, key="b")) == 2
    assert await due.add(NewWork(kind=some, key="a"), NewWork(kind=some, key="c")) == 1
    assert await work.due(uuid7()).add(NewWork(kind=some, key="a")) == 1


async def test_done_rows_leave_but_for_kinds_that_keep_their_key(work: Engine) -> None:
    plain, keeping, tenant_id, done = kind(), kind(keeps_key=True), uuid7(), []

    async def act(one: Work) -> None:
        done.append(one.key)

    async with work.line(doing(plain, act), doing(keeping, act)) as line:
        for _ in range(2):
            added = [await work.due(tenant_id).add(NewWork(kind=one, key=one.name)) for one in (plain, keeping)]
            await line.drained()
    assert added == [1, 0]
    assert sorted(done) == sorted([plain.name, plain.name, keeping.name])
    assert await work.rows(plain) == []
    assert [one["state"] for one in await work.rows(keeping)] == ["done"]


async def test_nothing_is_due_that_was_rolled_back(work: Engine) -> None:
    some, session = kind(), work.session(uuid7())

    async def refused_write() -> None:
        async with session.transaction():
            await DueWork(session).add(NewWork(kind=some, key="a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await refused_write()
    assert await work.rows(some) == []


async def test_it_is_put_off_and_brought_forward_and_cancelled(work: Engine) -> None:
    some, tenant_id = kind(), uuid7()
    due = work.due(tenant_id)
    await work.add(tenant_id, some, "a")

    assert await due.postpone(some, "a", utc_now() + timedelta(hours=1))
    assert (await work.claim(some)).work == []
    assert await due.postpone(some, "a", utc_now() - timedelta(hours=1))
    assert [one.key for one in (await work.claim(some)).work] == ["a"]
    assert await due.cancel(some, "a")
    assert not await due.cancel(some, "a")
    assert not await due.postpone(some, "a", utc_now())
    assert not await work.due(uuid7()).cancel(some, "a")


async def test_what_is_put_off_under_a_workers_hands_is_not_what_that_worker_says_of_it(work: Engine) -> None:
    some, tenant_id = kind(), uuid7()
    await work.add(tenant_id, some, "a")
    (taken,) = (await work.claim(some)).work
    later = utc_now() + timedelta(hours=1)
    await work.due(tenant_id).postpone(some, "a", later)

    await work.settle(claims.failed, some, [(taken, Again(0, "Failed."))])
    (row,) = await work.rows(some)
    assert (row["due_at"], row["last_error"]) == (later, None)


async def done_with_effect(work: Engine, some: object, one: Work, target: str) -> None:
    session = work.session(one.tenant_id)
    async with session.transaction():
        await DueWork(session).limit(some, target, 1, None)  # type: ignore[arg-type]  # a kind of this test
        await DueWork(session).done(some, one)  # type: ignore[arg-type]  # a kind of this test


async def effects(work: Engine, tenant_id: UUID) -> int:
    async with work.place.connect() as administrator:
        found: int = await administrator.fetchval(COUNT, tenant_id)
        return found


@pytest.mark.parametrize("keeps_key", [False, True])
async def test_an_effect_in_the_transaction_that_ends_the_work_happens_exactly_once(
    work: Engine,
    keeps_key: bool,  # noqa: FBT001  # pytest gives parameters by name
) -> None:
    some, tenant_id = kind(keeps_key=keeps_key), uuid7()
    await work.add(tenant_id, some, "a")
    (slow,) = (await work.claim(some)).work
    await work.expire(some)
    (quick,) = (await work.claim(some)).work

    with pytest.raises(LeaseLost):
        await done_with_effect(work, some, slow, "slow")
    assert await effects(work, tenant_id) == 0
    await done_with_effect(work, some, quick, "quick")
    with pytest.raises(LeaseLost):
        await done_with_effect(work, some, quick, "again")
    assert await effects(work, tenant_id) == 1


async def test_a_handler_that_settles_by_itself_and_has_lost_its_lease_changes_nothing(work: Engine) -> None:
    some, tenant_id = kind(), uuid7()

    async def act(one: Work) -> Outcome:
        if one.attempts == 1:
            await work.run("update work set token = gen_random_uuid() where kind = $1", some.name)
            await work.expire(some)
        await done_with_effect(work, some, one, f"{one.attempts}")
        return Settled()

    await work.add(tenant_id, some, "a")
    async with work.line(doing(some, act)) as line:
        await line.drained()
        await line.drained()
    assert await work.rows(some) == []
    assert await effects(work, tenant_id) == 1


async def test_a_line_is_not_dry_while_work_is_under_way_that_it_has_lost_before(work: Engine) -> None:
    some, begun, lost = kind(), [asyncio.Event(), asyncio.Event()], asyncio.Event()

    async def act(one: Work) -> None:
        begun[one.attempts - 1].set()
        if one.attempts == 1:
            await begun[1].wait()
            lost.set()
            raise LeaseLost
        await asyncio.sleep(0.5)

    await work.add(uuid7(), some, "a")
    async with work.line(doing(some, act)) as line:
        await begun[0].wait()
        await work.expire(some)
        await lost.wait()
        await line.drained()
        assert await work.rows(some) == []


async def test_what_stands_behind_work_that_is_cancelled_or_done_in_a_transaction_is_due_at_once(work: Engine) -> None:
    some, tenant_id = kind(), uuid7()
    ordered = [NewWork(kind=some, key=f"{seq}", order_key=f"{tenant_id}", order_seq=seq) for seq in range(3)]
    await work.due(tenant_id).add(*ordered)

    (head,) = (await work.claim(some)).work
    assert (head.key, (await work.claim(some)).work) == ("0", [])
    await done_with_effect(work, some, head, "done")
    (head,) = (await work.claim(some)).work
    assert (head.key, (await work.claim(some)).work) == ("1", [])
    await work.due(tenant_id).cancel(some, "1")
    assert [one.key for one in (await work.claim(some)).work] == ["2"]


@pytest.mark.parametrize(
    ("waited", "seconds"), [("0 s", 1), ("100 s", 100), ("1 day", 300)], ids=["new", "waiting", "old"]
)
async def test_the_longer_work_stands_behind_other_the_more_rarely_a_claim_looks_at_it(
    work: Engine, waited: str, seconds: int
) -> None:
    """Or a long queue of few order keys hides what could be done behind what has to wait."""
    some, tenant_id = kind(), uuid7()
    ordered = [NewWork(kind=some, key=f"{seq}", order_key=f"{tenant_id}", order_seq=seq) for seq in range(2)]
    await work.due(tenant_id).add(*ordered)
    await work.run("update work set created_at = now() - $2::text::interval where kind = $1", some.name, waited)
    await work.run("update work set due_at = now() + interval '0.5 s' where kind = $1 and key = '0'", some.name)

    assert (await work.claim(some)).work == []
    due_at = [row["due_at"] for row in await work.rows(some)]
    assert seconds - 1 < (due_at[1] - due_at[0]).total_seconds() < seconds + 1

    await work.expire(some)
    (head,) = (await work.claim(some)).work
    await work.settle(claims.done, some, [head])
    assert [one.key for one in (await work.claim(some)).work] == ["1"]


async def test_success_is_believed_of_whoever_had_it_and_failure_only_of_who_has_it(work: Engine) -> None:
    some = kind()
    await work.add(uuid7(), some, "a")
    (first,) = (await work.claim(some)).work
    await work.expire(some)
    (second,) = (await work.claim(some)).work
    assert (first.attempts, second.attempts) == (1, 2)

    await work.settle(claims.failed, some, [(first, Again(3_600, "Failed."))])
    (row,) = await work.rows(some)
    assert (row["token"], row["last_error"]) == (second.token, None)

    await work.settle(claims.done, some, [first])
    assert await work.rows(some) == []
    await work.settle(claims.failed, some, [(second, Again(0, "Failed."))])
    assert await work.rows(some) == []


async def test_work_that_nobody_comes_back_from_is_parked(work: Engine) -> None:
    some = kind(lost=3)
    await work.add(uuid7(), some, "poison")
    for _ in range(3):
        assert len((await work.claim(some)).work) == 1
        await work.expire(some)

    last = await work.claim(some)
    (row,) = await work.rows(some)
    assert (last.work, list(last.parked)) == ([], [row["id"]])
    assert (row["state"], row["last_error"]) == ("parked", "No worker that took it came back.")


async def test_who_settles_or_gives_back_is_no_poison(work: Engine) -> None:
    some = kind(lost=2)
    await work.add(uuid7(), some, "slow")
    for _ in range(4):
        (one,) = (await work.claim(some)).work
        await work.settle(claims.failed, some, [(one, Again(0, "Failed.", parks=False))])
    (one,) = (await work.claim(some)).work
    await claims.release(work.work, [one])
    (row,) = await work.rows(some)
    assert (row["attempts"], row["unsettled"], row["token"]) == (4, 0, None)
