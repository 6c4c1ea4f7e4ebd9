"""However much is due, a claim looks at what it takes: by indexes only, and as fast behind many rows as behind few."""

import time
from typing import Any

import asyncpg
import orjson
import pytest

from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import WorkKind
from app.repositories import claims
from tests.work.engine import Engine, kind

FEW, MANY, TIMES = 10_000, 300_000, 15
RATIO = 3.0
CLAIMING = {"work_time", "work_due", "work_leased", "work_order", "work_pkey", "work_target_pkey"}
ALL_INDEXES = {*CLAIMING, "work_key", "work_parked"}
TARGETS = """
insert into work_target (tenant_id, kind, target, per_second)
select $1, $2, 'target ' || n, 5 from generate_series(1, 5000) n
"""
PAGES_OF_A_LOOK, PAGES_OF_ONE = 4, 100
SCANS = {"Seq Scan", "Bitmap Heap Scan", "Hash Join", "Merge Join"}


async def plan_of(work: Engine, some: WorkKind, monkeypatch: pytest.MonkeyPatch, how: str = "costs off") -> list[str]:
    """The plans of a claim, as a worker's connection has them, and what each of the scans reads."""
    seen: list[str] = []
    fetchrow = asyncpg.Connection.fetchrow

    async def explained(self: Any, sql: str, *arguments: Any) -> Any:
        found = await self.fetch(f"explain ({how}) {sql}", *arguments)
        seen.extend(row[0] for row in found)
        return await fetchrow(self, sql, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(asyncpg.Connection, "fetchrow", explained)
        await work.claim(some)
    return seen


async def pages(work: Engine, some: WorkKind, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many a claim reads. What `explain` takes is given back by the next claim."""
    plans = await plan_of(work, some, monkeypatch, "analyze, buffers, format json")
    tops = [orjson.loads(one)[0]["Plan"] for one in plans]
    return sum(one["Shared Hit Blocks"] + one["Shared Read Blocks"] for one in tops)


def costly(plan: list[str]) -> list[str]:
    """Whatever may read all rows of a table; scans of what the claim itself has found are small."""
    return [line.strip() for line in plan if any(scan in line for scan in SCANS)]


async def seconds(work: Engine, *kinds: WorkKind) -> list[float]:
    """Of each, the quickest of some claims, which are made in turn: what else the machine does only adds to it."""
    took: list[list[float]] = [[] for _ in kinds]
    for _ in range(TIMES):
        for some, times in zip(kinds, took, strict=True):
            began = time.perf_counter()
            assert len((await work.claim(some, 20)).work) == 20
            times.append(time.perf_counter() - began)
    return [min(times) for times in took]


async def test_a_claim_goes_by_indexes_whatever_the_statistics_say(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "REPLANS_AFTER_S", 0)
    some, tenant_id = kind(), uuid7()
    await alone.run("analyze work")
    await alone.claim(some)
    await alone.backlog(tenant_id, some, 5_000, targets=5, order_keys=50)
    await alone.run(TARGETS, tenant_id, some.name)
    plan = await plan_of(alone, some, monkeypatch)

    assert costly(plan) == []
    assert {name for name in ALL_INDEXES if any(f"using {name} " in line for line in plan)} == CLAIMING


async def test_a_claim_that_reads_a_table_is_seen(alone: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = claims._CLAIM.replace(
        "(select null) always", "(select count(*) from work where attempts < 0 having count(*) = 0) always"
    )
    assert planted != claims._CLAIM
    monkeypatch.setattr(claims, "_CLAIM", planted)
    some = kind()
    await alone.add(uuid7(), some, "now")
    assert costly(await plan_of(alone, some, monkeypatch)) == ["->  Seq Scan on work"]


async def test_thirty_times_as_many_due_rows_do_not_slow_a_claim(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come when plans have been made for an empty table."""
    monkeypatch.setattr(claims, "REPLANS_AFTER_S", 0.5)
    few, many = kind(per_target=1_000), kind(per_target=1_000)
    await alone.claim(few)
    await alone.backlog(uuid7(), few, FEW, targets=10)
    await alone.backlog(uuid7(), many, MANY, targets=10)

    behind_few, behind_many = await seconds(alone, few, many)
    assert behind_many < RATIO * behind_few


async def test_what_is_due_next_week_in_many_tenants_costs_a_claim_nothing(
    alone: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = kind()
    await alone.next_week(some)
    assert await pages(alone, some, monkeypatch) <= PAGES_OF_A_LOOK
    await alone.add(uuid7(), some, "now")
    assert await pages(alone, some, monkeypatch) <= PAGES_OF_ONE

    planted = claims._CLAIM.replace(f"count(*) = {claims.SEEN_AT_ONCE} as yes", "true as yes")
    assert planted != claims._CLAIM
    monkeypatch.setattr(claims, "_CLAIM", planted)
    await alone.add(uuid7(), some, "now")
    assert await pages(alone, some, monkeypatch) > 10 * PAGES_OF_ONE
