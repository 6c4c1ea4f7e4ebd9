"""Quick search where it is decided: in the database, as the application role, in the largest tenant."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from functools import cache

import asyncpg

from app.domain.kernel.search import SoughtShape, sought
from app.domain.registry import CATALOG, SCHEMA
from app.repositories.compile import Statement, compile_statement
from app.repositories.search import everywhere
from bench.fill import Data, Tenant
from bench.processes import cpu_us
from bench.report import Line
from bench.servers import Place

QUERIES, LIMIT = 200, 10
P50_MS, P99_MS = 5.0, 25.0


def search(place: Place, data: Data) -> Iterator[Line]:
    lines = asyncio.run(_measured(place, data.tenants[0], QUERIES))
    yield from lines


async def _measured(place: Place, tenant: Tenant, number: int) -> list[Line]:
    connection = await as_application(place, tenant)
    try:
        rows = await connection.fetch(
            "select first_name, last_name from contact_read where tenant_id = $1 order by md5(id::text) limit $2",
            tenant.id,
            number,
        )
        names = [(row["first_name"], row["last_name"]) for row in rows]
        kinds = {
            "3 letters": [last[:3] for _, last in names],
            "5 letters": [last[:5] for _, last in names],
            "last name": [last for _, last in names],
            "two words": [f"{first} {last}" for first, last in names],
            "one typo": [_misspelt(last) for _, last in names if len(last) > 5],
            "infix": [last[1:5] for _, last in names if len(last) > 5],
            "no hit": [f"xq{last[:3]}zj" for _, last in names],
        }
        lines = []
        for name, queries in kinds.items():
            lines += await _lines(connection, tenant, name, queries)
        return lines
    finally:
        await connection.close()


async def _lines(connection: asyncpg.Connection, tenant: Tenant, name: str, queries: Sequence[str]) -> list[Line]:
    for query in queries[:20]:
        await _took_ms(connection, tenant, query)
    taken = [await _took_ms(connection, tenant, query) for query in queries]
    used, waited = (sorted(side) for side in zip(*taken, strict=True))
    lines = []
    for share, target in ((0.5, P50_MS), (0.99, P99_MS)):
        cpu, wall = (side[int(len(side) * share)] for side in (used, waited))
        lines.append(
            Line(
                work=f"search, {name}, p{share * 100:.0f}",
                values=[cpu],
                target=target,
                unit="ms",
                wall=f"{wall:.1f} ms",
            )
        )
    return lines


async def _took_ms(connection: asyncpg.Connection, tenant: Tenant, query: str) -> tuple[float, float]:
    """CPU of the backend, which is what it takes on a machine that has nothing else to do, and wall time."""
    wanted = sought(query)
    statement = _statement(wanted.shape)
    parameters = {**wanted.parameters(), "tenant": tenant.id, "limit": LIMIT, "me": tenant.user_id, "any_owner": True}
    arguments = statement.arguments(parameters)
    backend = connection.get_server_pid()
    before, begun = cpu_us(backend), time.perf_counter()
    await connection.fetch(statement.sql, *arguments)
    took_ms = (time.perf_counter() - begun) * 1e3
    return (cpu_us(backend) - before) / 1e3, took_ms


@cache
def _statement(shape: SoughtShape) -> Statement:
    return compile_statement(everywhere([CATALOG["contact"]], shape, SCHEMA))


async def as_application(place: Place, tenant: Tenant) -> asyncpg.Connection:
    settings = {"role": "rapport_app", "TimeZone": "UTC", "statement_timeout": "20s"}
    connection = await asyncpg.connect(place.url, server_settings=settings)
    await connection.execute("select set_config('app.tenant', $1, false)", str(tenant.id))
    return connection


def _misspelt(word: str) -> str:
    place = _DRAWN.randrange(1, len(word) - 1)
    return word[:place] + _DRAWN.choice("aeioubdgkmnrst") + word[place + 1 :]


_DRAWN = random.Random(3)
