"""Finding a company again by a name that is typed wrong: how often, and how long it takes."""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.ids import uuid7
from app.domain.matching.service import MatchingService
from app.domain.registry import CATALOG, SCHEMA
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from bench.companies import misspelt, names
from bench.fill import Data
from bench.report import Line
from bench.servers import Place

COMPANIES, QUERIES, SEED = 50_000, 1_000, 20261122
FIRST, AMONG_FIVE, P95_MS = 0.88, 0.99, 50.0
_INSERT = """
insert into account (tenant_id, id, version, settle, created_at, modified_at, external_ids, name, status)
select $1, id, 1, 1, now(), now(), '{}', name, 'active' from unnest($2::uuid[], $3::text[]) as one (id, name)
"""


@dataclass(frozen=True, slots=True)
class Found:
    first: float
    among_five: float
    taken_ms: list[float]


def duplicates(place: Place, _data: Data) -> Iterator[Line]:
    found = asyncio.run(measured(place.admin_url, place.url, COMPANIES, QUERIES))
    p50, p95 = (found.taken_ms[int(len(found.taken_ms) * share)] for share in (0.5, 0.95))
    shown = f"{p50:.1f} / {p95:.1f} ms"
    yield Line(work="duplicates, not first, %", values=[100 * (1 - found.first)], target=100 * (1 - FIRST))
    yield Line(
        work="duplicates, not among five, %", values=[100 * (1 - found.among_five)], target=100 * (1 - AMONG_FIVE)
    )
    yield Line(work="duplicates, p95", values=[p95], target=P95_MS, unit="ms", wall=shown)


async def measured(admin_url: str, url: str, companies: int, queries: int) -> Found:
    """In a tenant of its own, by the service that the API calls."""
    tenant_id, chosen = uuid7(), random.Random(SEED)
    written = names(chosen, companies)
    ids = [uuid7() for _ in written]
    await _fill(admin_url, tenant_id, ids, written)
    pool = Pool(Target(url, "rapport_app", size=1))
    actor = Actor(tenant_id, uuid7(), uuid7(), Role.admin, frozenset({"admin"}), schema_version=1)
    places, taken = [], []
    try:
        for number in range(-20, queries):
            one = chosen.randrange(companies)
            begun = time.perf_counter()
            session = Session(pool, actor, SCHEMA)
            wanted = {"name": misspelt(chosen, written[one])}
            told = [each.record_id for each in await MatchingService(session).candidates(CATALOG["account"], wanted)]
            if number >= 0:
                taken.append((time.perf_counter() - begun) * 1e3)
                places.append(told.index(ids[one]) if ids[one] in told else None)
    finally:
        await pool.close()
    right = sum(one == 0 for one in places), sum(one is not None for one in places)
    return Found(right[0] / queries, right[1] / queries, sorted(taken))


async def _fill(admin_url: str, tenant_id: UUID, ids: list[UUID], written: list[str]) -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("set session_replication_role = replica; set synchronous_commit = off")
        await connection.execute(_INSERT, tenant_id, ids, written)
        await connection.execute("vacuum (analyze) account")
    finally:
        await connection.close()
