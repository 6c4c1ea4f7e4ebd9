"""What a kind of work gets for being declared."""

import time
from datetime import timedelta
from typing import Any

import pytest

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Again, Done, Family, NewWork, Outcome, Park, Work, WorkKind
from app.repositories.work import DueWork
from app.workers.line import Handler
from app.workers.running import Work as Running
from tests.work.engine import Engine, doing, kind, until

REMINDER = WorkKind(name="test.reminder", family=Family.checks)


async def test_a_kind_is_declared_by_its_data_and_a_handler_and_a_worker_does_it(work: Engine) -> None:
    tenant_id, reminded = uuid7(), []

    async def remind(one: Work, _: Any) -> Outcome:
        reminded.append(one.payload["of"])
        return Done()

    running = Running.on(work.work, [Handler(kind=REMINDER, act=remind)])
    session = work.session(tenant_id)
    async with session.transaction():
        await DueWork(session).add(NewWork(kind=REMINDER, key="lunch", payload={"of": "lunch"}))
        assert reminded == []

    async with work.line(*running.lines[Family.checks].handlers) as line:
        await line.drained()

    assert reminded == ["lunch"]
    assert await work.rows(REMINDER) == []


async def test_what_fails_is_tried_again_later_each_time_and_parked_when_it_has_failed_often_enough(
    work: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    failing, attempts, began = kind(attempts=3), [], time.monotonic()

    async def fail(one: Work) -> None:
        attempts.append(one.attempts)
        raise ValueError("private")

    await work.add(uuid7(), failing, "key")
    waits, took = [], []
    async with work.line(doing(failing, fail)) as line:
        for _ in range(3):
            await line.drained()
            (row,) = await work.rows(failing)
            waits.append((row["due_at"] - row["created_at"]).total_seconds())
            took.append(time.monotonic() - began)
            await work.expire(failing)
        await line.drained()

    (row,) = await work.rows(failing)
    assert attempts == [1, 2, 3]
    assert 1.6 <= waits[0] <= 2.4 + took[0]
    assert waits[1] >= 3.2
    assert (row["state"], row["last_error"], row["token"], row["attempts"]) == ("parked", "ValueError", None, 3)
    assert "private" not in caplog.text


async def test_a_handler_says_when_to_try_again_whether_that_counts_and_when_it_is_hopeless(work: Engine) -> None:
    patient, seen = kind(attempts=2), []

    async def act(one: Work) -> Outcome:
        seen.append(one.attempts)
        return Again(0, "Not yet.", parks=False) if one.attempts < 5 else Park("Never.")

    await work.add(uuid7(), patient, "key")
    async with work.line(doing(patient, act)) as line:
        await until(lambda: len(seen) == 5)
        await line.drained()

    (row,) = await work.rows(patient)
    assert seen == [1, 2, 3, 4, 5]
    assert (row["state"], row["last_error"]) == ("parked", "Never.")


async def test_what_takes_too_long_is_given_up_and_tried_again(work: Engine) -> None:
    slow = kind(timeout_s=0.05)

    async def act(one: Work) -> None:
        if one.attempts == 1:
            await until(lambda: False)

    await work.add(uuid7(), slow, "key")
    async with work.line(doing(slow, act)) as line:
        await line.drained()
        (row,) = await work.rows(slow)
        assert (row["state"], row["last_error"]) == ("due", "It took longer than it may.")
        await work.expire(slow)
        await line.drained()
    assert await work.rows(slow) == []


async def test_all_of_one_claim_are_prepared_and_recorded_together(work: Engine) -> None:
    bulk, prepared, recorded = kind(), [], []

    async def prepare(works: Any) -> Any:
        prepared.append({one.key for one in works})
        return {one.id: one.key.upper() for one in works}

    async def act(one: Work, facts: Any) -> Outcome:
        return Done(detail=facts)

    async def record(connection: Any, ends: Any) -> None:
        assert await connection.fetchval("select current_user") == "rapport_work"
        recorded.extend(outcome.detail for _, outcome in ends)

    tenant_id = uuid7()
    await work.due(tenant_id).add(*(NewWork(kind=bulk, key=name) for name in "abc"))
    async with work.line(Handler(kind=bulk, act=act, prepare=prepare, record=record)) as line:
        await line.drained()
    assert prepared == [{"a", "b", "c"}]
    assert sorted(recorded) == ["A", "B", "C"]


async def test_one_that_cannot_be_recorded_or_prepared_holds_up_no_other(work: Engine) -> None:
    odd, recorded = kind(), []

    async def act(one: Work, _: Any) -> Outcome:
        return Done()

    async def record(connection: Any, ends: Any) -> None:
        await connection.execute("select 1 / $1::int", 0 if any(one.key == "bad" for one, _ in ends) else 1)
        recorded.extend(one.key for one, _ in ends)

    await work.due(uuid7()).add(*(NewWork(kind=odd, key=name) for name in ("good", "bad", "fine")))
    async with work.line(Handler(kind=odd, act=act, record=record)) as line:
        await line.drained()
    (left,) = await work.rows(odd)
    assert (left["key"], left["state"], left["attempts"]) == ("bad", "due", 1)
    assert sorted(recorded) == ["fine", "good"]

    async def prepare(works: Any) -> Any:
        raise KeyError

    broken = kind()
    await work.add(uuid7(), broken, "key")
    async with work.line(Handler(kind=broken, act=act, prepare=prepare)) as line:
        await line.drained()
        await line.drained()
    (left,) = await work.rows(broken)
    assert (left["unsettled"], left["state"]) == (1, "due")


async def test_what_is_due_later_waits_until_then(work: Engine) -> None:
    timer, done = kind(), []

    async def act(one: Work) -> None:
        done.append(one.key)

    tenant_id = uuid7()
    await work.add(tenant_id, timer, "later", due_at=utc_now() + timedelta(hours=1))
    await work.add(tenant_id, timer, "now")
    async with work.line(doing(timer, act)) as line:
        await line.drained()
        assert done == ["now"]
        began = time.monotonic()
        await work.due(tenant_id).postpone(timer, "later", utc_now() + timedelta(seconds=0.5))
        await until(lambda: len(done) == 2)
        assert time.monotonic() - began >= 0.5
