"""Of one order key the lowest open number goes first, whatever fails, is killed or races; held against a plain model."""

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from random import Random
from uuid import UUID

import pytest

from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Again, NewWork, Outcome, Work, WorkKind
from app.repositories import claims
from app.repositories.work import DueWork
from tests.work.engine import Engine, doing, kind, until

KEYS, EACH, TARGETS = 6, 12, 3
SOME_LEASES = """
update work set due_at = now() where id in (
  select id from work where kind = $1 and token is not null and due_at > now() and hashtext(id::text) % 3 = $2
     for update skip locked
)
"""
PARKED = "select 1 from work where kind = $1 and state = 'parked'"


class Model:
    """What was acted on, by order key. Raises nothing: what breaks the rule is noted."""

    def __init__(self) -> None:
        self.happened: dict[str, set[int]] = defaultdict(set)
        self.broken: list[str] = []
        self.acts = 0

    def begins(self, work: Work) -> None:
        key, number = work.payload["of"], work.payload["number"]
        if missing := set(range(number)) - self.happened[key]:
            self.broken.append(f"{number} of {key} before {sorted(missing)}")
        self.acts += 1

    def succeeds(self, work: Work) -> None:
        self.happened[work.payload["of"]].add(work.payload["number"])


async def ordered(work: Engine, some: WorkKind, random: Random) -> Model:
    """Two lines, acts that fail or outlive their lease, and somebody who ends leases."""
    tenants, model = [uuid7(), uuid7()], Model()
    for tenant_id in tenants:
        await work.due(tenant_id).add(*shuffled(some, tenant_id, random))

    async def act(one: Work) -> Outcome | None:
        model.begins(one)
        await asyncio.sleep(random.random() * 0.02)
        if random.random() < 0.25:
            return Again(random.random() * 0.05, "Failed.")
        model.succeeds(one)
        return None

    whole = len(tenants) * KEYS * EACH
    async with AsyncExitStack() as stack:
        for _ in range(2):
            pool = claims.work_pool(work.place.url, 2)
            stack.push_async_callback(pool.close)
            await stack.enter_async_context(work.line(doing(some, act), pool=pool, places=8))
        for _ in range(10):
            await asyncio.sleep(0.1)
            await work.run(SOME_LEASES, some.name, random.randrange(3))
        await until(lambda: sum(map(len, model.happened.values())) == whole)
    return model


def shuffled(some: WorkKind, tenant_id: UUID, random: Random) -> list[NewWork]:
    rows = [
        NewWork(
            kind=some,
            key=f"{key} {number}",
            target=f"{key % TARGETS}",
            order_key=f"{some.name} {key}",
            order_seq=number,
            payload={"of": f"{tenant_id} {key}", "number": number},
        )
        for key in range(KEYS)
        for number in range(EACH)
    ]
    random.shuffle(rows)
    return rows


async def test_no_work_begins_before_what_stands_ahead_of_it_has_happened(work: Engine, seed: int) -> None:
    model = await ordered(work, kind(per_target=4, lost=100, attempts=100), Random(seed))
    assert model.broken == []
    assert model.acts > 2 * KEYS * EACH


async def test_a_claim_without_the_guard_is_seen(work: Engine, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    guarded = "from due d where d.ahead_due is null"
    assert guarded in claims._CLAIM
    monkeypatch.setattr(claims, "_CLAIM", claims._CLAIM.replace(guarded, "from due d"))
    model = await ordered(work, kind(per_target=4, lost=100, attempts=100), Random(seed))
    assert model.broken != []


async def test_a_failure_without_a_fence_is_seen(work: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would end the lease of who has the work now, and a third would begin beside it."""
    some = kind()
    await work.add(uuid7(), some, "a")
    (first,) = (await work.claim(some)).work
    await work.expire(some)
    await work.claim(some)
    fence = "and w.token = f.token"
    assert fence in claims._FAILED
    await work.settle(claims.failed, some, [(first, Again(0, "Failed."))])
    assert (await work.claim(some)).work == []

    monkeypatch.setattr(claims, "_FAILED", claims._FAILED.replace(fence, ""))
    await work.settle(claims.failed, some, [(first, Again(0, "Failed."))])
    assert len((await work.claim(some)).work) == 1


async def test_what_is_parked_holds_up_its_own_order_key_only(work: Engine) -> None:
    some, tenant_id = kind(), uuid7()
    rows = [
        NewWork(kind=some, key=f"{key}{seq}", order_key=f"{some.name}{key}", order_seq=seq)
        for key in "ab"
        for seq in (1, 2)
    ]
    await work.due(tenant_id).add(*rows)
    await work.run("update work set state = 'parked' where kind = $1 and key = 'a1'", some.name)
    done: list[str] = []

    async def act(one: Work) -> None:
        done.append(one.key)

    async with work.line(doing(some, act)) as line:
        await until(lambda: len(done) == 2)
        await line.drained()
    assert done == ["b1", "b2"]


async def test_the_next_goes_at_once_and_not_with_the_next_sweep(work: Engine) -> None:
    some, session, done = kind(), work.session(uuid7()), []
    rows = [NewWork(kind=some, key=f"{seq}", order_key=some.name, order_seq=seq) for seq in range(20)]

    async def act(one: Work) -> None:
        done.append(int(one.key))

    await DueWork(session).add(*rows)
    async with work.line(doing(some, act), sweep_s=30):
        assert await until(lambda: len(done) == 20) < 20
    assert done == list(range(20))
