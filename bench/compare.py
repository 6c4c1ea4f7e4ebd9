"""The limit and the product side by side: the same requests, interleaved, in CPU time per request."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import fmean, median

from bench.client import Driven, ask, drive
from bench.fill import Tenant
from bench.processes import Server, cpu_of_children_us, serving
from bench.report import Line
from bench.servers import Place
from bench.works import LISTS, Work, bearer, read

CONNECTIONS = 8
WARM_UPS = 5
TURN_S = 2.0
RATE_LIMIT = "1000000000"


@dataclass(frozen=True, slots=True)
class Sample:
    """`cpu_us` of the server and `database_us` of PostgreSQL are per request."""

    cpu_us: float
    database_us: float
    driven: Driven


@dataclass(frozen=True, slots=True)
class Sides:
    limit: Server
    product: Server
    place: Place


def product_environment(place: Place) -> dict[str, str]:
    return {
        "CRM_DATABASE_URL": place.url,
        "CRM_REDIS_URL": place.redis_url,
        "CRM_ENVIRONMENT": "bench",
        "CRM_LOG_LEVEL": "WARNING",
        "CRM_RATE_LIMIT_PER_MINUTE": RATE_LIMIT,
    }


@contextmanager
def sides(place: Place, tenants: Sequence[Tenant], *, guarded: bool) -> Iterator[Sides]:
    """The product is asked what its cursors begin with: that depends on the question, and the limit repeats it."""
    given = {"BENCH_GUARDED": "yes"} if guarded else {}
    with ExitStack() as stack:
        product = stack.enter_context(serving("product", "bench.product:app", product_environment(place) | given))
        bindings = {path: _binding(product, tenants[0], path) for path in LISTS.values()}
        callers = {bearer(one): (str(one.id), str(one.user_id), list(map(str, one.owners))) for one in tenants[:10]}
        environment = given | {
            "BENCH_ADMIN_URL": place.admin_url,
            "BENCH_CALLERS": json.dumps(callers),
            "BENCH_BINDINGS": json.dumps(bindings),
        }
        limit = stack.enter_context(serving("limit", "bench.limit:app", environment))
        yield Sides(limit, product, place)


def compare(both: Sides, work: Work, rounds: int, scale: float = 1.0) -> Line:
    """Limit, product, product, limit in each round, so that what drifts falls on both alike."""
    size = _sizes(both, work)
    requests = min(_warmed(server, work, scale, both.place) for server in (both.limit, both.product))
    ratios, limits, products = [], [], []
    for _ in range(rounds):
        order = (both.limit, both.product, both.product, both.limit)
        first, second, third, fourth = (measure(server, work, requests, both.place) for server in order)
        ratios.append((second.cpu_us + third.cpu_us) / (first.cpu_us + fourth.cpu_us))
        limits += [first, fourth]
        products += [second, third]
    return Line(
        work=work.name,
        limit=f"{median(one.cpu_us for one in limits):.0f} us",
        product=f"{median(one.cpu_us for one in products):.0f} us",
        values=ratios,
        target=work.target,
        size=size,
        database=f"{_database_us(limits):.0f} / {_database_us(products):.0f} us",
        wall=f"{_wall(products)} ms",
    )


def measure(server: Server, work: Work, requests: int, place: Place) -> Sample:
    batches = [[work.ask(one) for _ in range(requests // CONNECTIONS)] for one in range(CONNECTIONS)]
    asked = requests // CONNECTIONS * CONNECTIONS
    database, before = cpu_of_children_us(place.postmaster), server.cpu_us()
    driven = drive(server.port, batches)
    after, database_after = server.cpu_us(), cpu_of_children_us(place.postmaster)
    if refused := {status for status in driven.statuses if status >= 300}:
        raise SystemExit(f"{work.name}: {server.name} answers {refused}: {driven.bodies[0][:500]!r}")
    return Sample((after - before) / asked, (database_after - database) / asked, driven)


def _warmed(server: Server, work: Work, scale: float, place: Place) -> int:
    """How many requests a turn can have without taking too long; by now every statement has its lasting plan."""
    wall_s = 0.0
    for _ in range(max(1, int(WARM_UPS * scale))):
        wall_s = measure(server, work, CONNECTIONS * 10, place).driven.wall_s
        if wall_s > TURN_S:
            break
    return max(CONNECTIONS, min(int(work.requests * scale), int(CONNECTIONS * 10 * TURN_S / wall_s)))


def _sizes(both: Sides, work: Work) -> str:
    """The bytes of an answer of both; refuses to compare what is not the same."""
    asked = work.ask(0)
    limit = ask(both.limit.port, asked)
    product = ask(both.product.port, asked if work.same else work.ask(0))
    if limit[0] != product[0] or limit[0] >= 300:
        raise SystemExit(f"{work.name}: {limit[0]} of the limit, {product[0]} of the product: {product[1][:500]!r}")
    if work.same and limit[1] != product[1]:
        raise SystemExit(f"{work.name}: other bytes.\nlimit   {limit[1]!r}\nproduct {product[1]!r}")
    if not work.same and json.loads(limit[1]).keys() != json.loads(product[1]).keys():
        raise SystemExit(f"{work.name}: other members.\nlimit   {limit[1]!r}\nproduct {product[1]!r}")
    return f"{len(limit[1])} / {len(product[1])}"


def _binding(product: Server, tenant: Tenant, path: str) -> str:
    status, body = ask(product.port, read(tenant, path))
    if status != 200:
        raise SystemExit(f"{path} answers {status}: {body[:500]!r}")
    return urlsafe_b64decode(json.loads(body)["page"]["nextCursor"])[:6].hex()


def _database_us(samples: Sequence[Sample]) -> float:
    return median(one.database_us for one in samples)


def _wall(samples: Sequence[Sample]) -> str:
    return " / ".join(f"{fmean(one.driven.percentile_ms(share) for one in samples):.1f}" for share in (0.5, 0.99))
