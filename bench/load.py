"""What one caller can do to the others, and to the memory of a worker."""

import asyncio
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice, repeat
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from statistics import median

import asyncpg

from bench.client import Driven, Wire, connect, drive
from bench.compare import CONNECTIONS, product_environment
from bench.fill import Data, Tenant
from bench.processes import Server, children, rss_mb, serving
from bench.report import Line
from bench.servers import Place
from bench.works import PREFIX, Asking, read, request

NOISY, PER_MINUTE, TIMES = 64, 6_000, 10
TOO_MANY = 429
VICTIM_REQUESTS, ROUNDS = 10_000, 5
SHORT, LONG = 50_000, 1_000_000
SHAPES = (1_000, 2_000, 4_000)
SLICE = 10_000
_FIELDS = ("firstName", "lastName", "email", "phone", "createdAt", "modifiedAt", "version")
_SORTS = ("lastName", "-lastName", "email", "-email", "createdAt", "-createdAt")
_VALUES = {"createdAt": "2024-01-01T00:00:00Z", "modifiedAt": "2024-01-01T00:00:00Z", "version": "1"}


def neighbour(place: Place, data: Data) -> Iterator[Line]:
    """Alone and beside a tenant that asks ten times as much as it may on 64 connections, in turns."""
    asyncio.run(_limit_key(place, data.tenants[1]))
    by, victim, noisy = Asking(data.tenants, guarded=False), data.tenants[0], data.tenants[1]
    alone, beside = [], []
    with serving("product", "bench.product:app", product_environment(place)) as product:
        _ask_as_victim(product, by, victim)
        # So that nothing is left of its minute, and it is refused from the first round on.
        drive(product.port, _batches([by.get(noisy) for _ in range(PER_MINUTE)]))
        for _ in range(ROUNDS):
            alone.append(_ask_as_victim(product, by, victim))
            with _noise(product, by, noisy):
                beside.append(_ask_as_victim(product, by, victim))
    asyncio.run(_limit_key(place, data.tenants[1], None))
    ratios = [loud / quiet for loud, quiet in zip(beside, alone, strict=True)]
    yield Line(
        work="p95 beside a noisy tenant",
        limit=f"{median(alone):.1f} ms",
        product=f"{median(beside):.1f} ms",
        values=ratios,
        target=2.0,
    )


def memory(place: Place, data: Data) -> Iterator[Line]:
    """After the million requests of the promise: gets, lists, creations and mistakes."""
    yield _after_requests(place, data, LONG)


def memory_in_short(place: Place, data: Data) -> Iterator[Line]:
    yield _after_requests(place, data, SHORT)


def shapes(place: Place, data: Data) -> Iterator[Line]:
    """Clients choose the shapes of filters: each may cost a statement here, and a prepared one in PostgreSQL."""
    grown, backends, made = [], [], 0
    asked = _distinct(data.tenants[-1])
    with serving("product", "bench.product:app", product_environment(place)) as product:
        drive(product.port, _batches(list(islice(asked, 200))))
        for number in SHAPES:
            _checked(drive(product.port, _batches(list(islice(asked, number - made)))))
            made = number
            grown.append(rss_mb(product.pid))
            backends.append(max(map(rss_mb, children(place.postmaster)), default=0.0) if place.postmaster else 0.0)
    yield Line(
        work="4,000 filter shapes against 2,000",
        limit=", ".join(f"{one:.0f}" for one in grown[:2]) + " MB",
        product=f"{grown[2]:.0f} MB",
        values=[grown[2] / grown[1]],
        target=1.1,
        database=", ".join(f"{one:.0f}" for one in backends) + " MB",
    )


@contextmanager
def _noise(product: Server, by: Asking, noisy: Tenant) -> Iterator[None]:
    """In a process of its own, or it would take its turns from whoever measures."""
    fork = get_context("fork")
    stop = fork.Event()
    requests = [by.get(noisy) for _ in range(NOISY)]
    process = fork.Process(target=_make_noise, args=(product.port, requests, stop))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join()
    if process.exitcode:
        raise SystemExit("the noisy tenant was not held back, or gave up")


def _make_noise(port: int, requests: list[bytes], stop: Event) -> None:
    """Ten times the limit, evenly: each of the connections asks its share of a second one after the other."""
    turn_s, refused = NOISY / (PER_MINUTE * TIMES / 60), 0
    wires = [Wire(connect("127.0.0.1", port), repeat(one)) for one in requests]
    while not stop.is_set():
        began = time.perf_counter()
        for wire in wires:
            wire.ask()
        for wire in wires:
            while not wire.is_answered():
                pass
            refused += wire.status == TOO_MANY
        stop.wait(max(0.0, began + turn_s - time.perf_counter()))
    sys.exit(not refused)


def _ask_as_victim(product: Server, by: Asking, victim: Tenant) -> float:
    """The 95th percentile in ms."""
    driven = drive(product.port, [[by.get(victim) for _ in range(VICTIM_REQUESTS // 4)] for _ in range(4)])
    return _checked(driven).percentile_ms(0.95)


def _after_requests(place: Place, data: Data, number: int) -> Line:
    by = Asking(data.tenants, guarded=False)
    small = data.tenants[-1]
    sizes = []
    with serving("product", "bench.product:app", product_environment(place)) as product:
        for _ in range(0, number, SLICE):
            drive(product.port, _batches([_mixed(by, small, place_) for place_ in range(SLICE)]))
            sizes.append(rss_mb(product.pid))
    growth = (sizes[-1] - sizes[len(sizes) // 2]) / (len(sizes) - 1 - len(sizes) // 2) * 100 if len(sizes) > 2 else 0.0
    return Line(
        work=f"worker after {number:,} requests",
        limit=f"{sizes[0]:.0f} MB after {SLICE:,}",
        product=f"{sizes[-1]:.0f} MB",
        values=[sizes[-1]],
        target=150.0,
        unit="MB",
        wall=f"{growth:+.1f} MB per million in the second half",
    )


def _mixed(by: Asking, tenant: Tenant, place: int) -> bytes:
    match place % 10:
        case 0:
            return read(tenant, f"{PREFIX}/contacts?sort=lastName&limit=20")
        case 1:
            return by.create(tenant)
        case 2:
            return request("POST", f"{PREFIX}/contacts", tenant, '{"lastName": 1}')
        case 3:
            return read(tenant, f"{PREFIX}/contacts?unknown{place}=1")
        case _:
            return by.get(tenant)


def _distinct(tenant: Tenant) -> Iterator[bytes]:
    """Lists whose conditions, order or number of conditions no other has."""
    drawn, seen = random.Random(5), set()
    for _ in count():
        conditions = sorted(
            f"{drawn.choice(_FIELDS)}[{drawn.choice(('gt', 'gte', 'lt', 'lte', 'ne'))}]" for _ in range(3)
        )
        sort = drawn.choice(_SORTS)
        shape = (*conditions, sort)
        if shape not in seen:
            seen.add(shape)
            query = "&".join(f"{one}={_VALUES.get(one.partition('[')[0], 'M')}" for one in conditions)
            yield read(tenant, f"{PREFIX}/contacts?{query}&sort={sort}&limit=5")


def _batches(requests: list[bytes]) -> list[list[bytes]]:
    return [requests[place::CONNECTIONS] for place in range(CONNECTIONS)]


def _checked(driven: Driven) -> Driven:
    if any(status >= 300 for status in driven.statuses):
        raise SystemExit(f"the product answers {driven.statuses}: {driven.bodies[0][:300]!r}")
    return driven


async def _limit_key(place: Place, tenant: Tenant, limit: int | None = PER_MINUTE) -> None:
    connection = await asyncpg.connect(place.admin_url)
    try:
        await connection.execute("update api_key set rate_limit_per_minute = $2 where tenant_id = $1", tenant.id, limit)
    finally:
        await connection.close()
