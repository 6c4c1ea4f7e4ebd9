"""The product against itself: a page far into a list against the first, and many tenants against a few."""

import json
from collections.abc import Iterator
from itertools import cycle
from statistics import median

from bench.client import ask
from bench.compare import TURN_S, Sample, measure, product_environment
from bench.fill import Data, Tenant
from bench.processes import Server, serving
from bench.report import Line
from bench.servers import Place
from bench.works import PREFIX, Asking, Work, read

ROUNDS = 4
DEPTH = 300_000
LIST = f"{PREFIX}/contacts?sort=lastName"


def deep(place: Place, data: Data) -> Iterator[Line]:
    """Counted is what the server and PostgreSQL use together: a slow page costs there."""
    largest = data.tenants[0]
    with serving("product", "bench.product:app", product_environment(place)) as product:
        cursor = _cursor(product, largest, min(DEPTH, largest.contacts * 3 // 4))
        first = Work("first page", lambda _: read(largest, LIST), 400, 1.2)
        far = Work("keyset at 300,000", lambda _: read(largest, f"{LIST}&cursor={cursor}"), 400, 1.2)
        yield _against(product, place, first, far)


def tenants(place: Place, data: Data) -> Iterator[Line]:
    """With more tenants than connections nearly every request sets its connection to another; with a thousand, each
    key and each lease of its rate limit is looked up again every second as well."""
    by = Asking(data.tenants, guarded=False)
    large, many = cycle(data.tenants[:10]), data.tenants[10:]
    sixty_four, thousand = cycle(many[:64]), cycle(many)
    with serving("product", "bench.product:app", product_environment(place)) as product:
        hit = Work("10 tenants", lambda _: by.get(next(large)), 800, 1.6)
        for name, asking in (("get, 64 tenants against 10", sixty_four), ("get, 1,000 tenants against 10", thousand)):
            miss = Work(name, lambda _, asking=asking: by.get(next(asking)), 800, 1.6)  # type: ignore[misc]  # bound now
            yield _against(product, place, hit, miss, with_database=False)


def _against(product: Server, place: Place, usual: Work, other: Work, *, with_database: bool = True) -> Line:
    def cost(sample: Sample) -> float:
        return sample.cpu_us + (sample.database_us if with_database else 0.0)

    for work in (usual, other):
        for _ in range(5):
            if measure(product, work, 400, place).driven.wall_s > TURN_S:
                break
    ratios, usuals, others = [], [], []
    for _ in range(ROUNDS):
        turns = [measure(product, work, work.requests, place) for work in (usual, other, other, usual)]
        ratios.append((cost(turns[1]) + cost(turns[2])) / (cost(turns[0]) + cost(turns[3])))
        usuals += [turns[0], turns[3]]
        others += turns[1:3]
    return Line(
        work=other.name,
        limit=f"{median(map(cost, usuals)):.0f} us",
        product=f"{median(map(cost, others)):.0f} us",
        values=ratios,
        target=other.target,
        database=" / ".join(f"{median(one.database_us for one in side):.0f}" for side in (usuals, others)) + " us",
    )


def _cursor(product: Server, tenant: Tenant, depth: int) -> str:
    """By walking there, page after page."""
    cursor, passed = "", 0
    while passed < depth:
        path = f"{LIST}&limit=200" + (f"&cursor={cursor}" if cursor else "")
        status, body = ask(product.port, read(tenant, path))
        if status != 200:
            raise SystemExit(f"{path} answers {status}: {body[:300]!r}")
        page = json.loads(body)["page"]
        cursor, passed = page["nextCursor"], passed + 200
    return str(cursor)
