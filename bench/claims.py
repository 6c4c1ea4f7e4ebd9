"""A claim of due work behind few rows and behind a million: it looks at what it takes, and at no more."""

import asyncio
import time
from collections.abc import Iterator
from statistics import median

import asyncpg

from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Family, WorkKind
from app.repositories import claims as claiming
from app.repositories.claims import BEGINNING, Wanted, work_pool
from app.repositories.pool import Pool
from bench.fill import Data
from bench.report import Line
from bench.servers import Place

FEW, MANY, PLACES, TIMES, ROUNDS, TARGET = 1_000, 1_000_000, 20, 20, 5, 2.0
_CHUNK = 50_000
_ADD = """
insert into work (tenant_id, id, kind, key, target, order_key, order_seq, due_at)
select $1, gen_random_uuid(), $2, n::text, 'target ' || n % 10, $2 || n, n, now() - interval '1 hour'
  from generate_series($3::bigint, $4::bigint) n
"""
_GONE = "delete from work where kind = any ($1)"
_AGAIN = "update work set due_at = now() - interval '1 hour', token = null, unsettled = 0 where kind = $1 and token is not null"


def claims(place: Place, _: Data) -> Iterator[Line]:
    few, many = _median_of_rounds(asyncio.run(_measured(place)))
    yield Line(
        work=f"claim of {PLACES}, {MANY:,} due",
        limit=f"{few[0]:.1f} ms at {FEW:,}",
        product=f"{many[0]:.1f} ms",
        values=[one / other for one, other in zip(many[1], few[1], strict=True)],
        target=TARGET,
    )


def _median_of_rounds(rounds: list[tuple[float, float]]) -> list[tuple[float, list[float]]]:
    return [(median(side), list(side)) for side in zip(*rounds, strict=True)]


async def _measured(place: Place) -> list[tuple[float, float]]:
    """Milliseconds behind few and behind many, in turn. The worker has planned its claims when there was no row yet."""
    few, many = (WorkKind(name=f"bench.{name}", family=Family.bulk, per_target=1_000) for name in ("few", "many"))
    pool = work_pool(place.url, 2)
    administrator = await asyncpg.connect(place.admin_url)
    try:
        await administrator.execute(_GONE, [few.name, many.name], timeout=600)
        await _milliseconds(administrator, pool, few)
        for kind, rows in ((few, FEW), (many, MANY)):
            tenant_id = uuid7()
            for first in range(0, rows, _CHUNK):
                await administrator.execute(
                    _ADD, tenant_id, kind.name, first, min(first + _CHUNK, rows) - 1, timeout=600
                )
        await asyncio.sleep(claiming.REPLANS_AFTER_S)
        await _milliseconds(administrator, pool, few)
        return [
            (await _milliseconds(administrator, pool, few), await _milliseconds(administrator, pool, many))
            for _ in range(ROUNDS)
        ]
    finally:
        await administrator.execute(_GONE, [few.name, many.name], timeout=600)
        await administrator.close()
        await pool.close()


async def _milliseconds(administrator: asyncpg.Connection, pool: Pool, kind: WorkKind) -> float:
    """Of one claim, the median of some; what they have taken is due again afterwards."""
    wanted = Wanted(places=PLACES, failing_places=PLACES, places_per_tenant=PLACES, left={})
    took = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await claiming.claim(pool, kind, wanted, BEGINNING, uuid7())
        took.append(1_000 * (time.perf_counter() - began))
    await administrator.execute(_AGAIN, kind.name, timeout=600)
    return median(took)
