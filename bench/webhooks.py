"""Webhooks: how fast they go out, what they cost the writer, and how soon they arrive."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from uuid import UUID

import asyncpg
import httpx

from app.domain.accounts.schemas import AccountCreate
from app.domain.accounts.service import AccountService
from app.domain.governance.schemas import ApiKeyCreate, TenantCreate
from app.domain.governance.service import administrator, create_key
from app.domain.kernel.installation import Installation
from app.domain.kernel.schemas import creating
from app.domain.kernel.sealing import Seal
from app.domain.registry import SCHEMA
from app.domain.tenants.service import NewTenant, create_tenant
from app.domain.webhooks.schemas import WebhookEndpointCreate
from app.domain.webhooks.service import WebhookService
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from bench.compare import product_environment
from bench.fill import Data
from bench.processes import READY_WITHIN_S, free_port, serving
from bench.report import Line
from bench.servers import Place

KEY = bytes(range(32))
ENVIRONMENT = {
    "CRM_ALLOW_LOOPBACK_CALLOUTS": "true",
    "CRM_ENCRYPTION_KEYS": "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}
EVENTS, ENDPOINTS, AT_ONCE = 300, 10, 20
FAN_OUT, LATENCY_MS, WRITE = 1 / 0.6, 100.0, 1.15
ROUNDS, WRITES, SUBSCRIBERS, PAUSE_S = 5, 20, 20, 0.25
SETTLES_WITHIN_S = 120.0


def webhooks(place: Place, _: Data) -> Iterator[Line]:
    yield asyncio.run(_fan_out(place))
    yield from asyncio.run(_beside_writes(place))


async def _fan_out(place: Place) -> Line:
    """Everything is written before the worker starts: counted is the time in which it relays and delivers it all."""
    ratios, bare_us, ours_us = [], [], []
    with _receiver() as receiver:
        for _ in range(ROUNDS - 2):
            begun = time.perf_counter()
            await _bare_loop(receiver.url, EVENTS * ENDPOINTS)
            bare_us.append((time.perf_counter() - begun) / (EVENTS * ENDPOINTS) * 1e6)
            async with _tenant(place) as tenant:
                await tenant.subscribe(receiver.url, ENDPOINTS)
                await tenant.write(EVENTS)
                before = receiver.count
                with _worker(place):
                    arrivals = await receiver.wait_for(before + EVENTS * ENDPOINTS)
                first, last = arrivals[before], arrivals[-1]
            ours_us.append((last - first) / (EVENTS * ENDPOINTS) * 1e6)
            ratios.append(ours_us[-1] / bare_us[-1])
    return Line(
        work="webhook, against a bare httpx loop",
        limit=f"{median(bare_us):.0f} us",
        product=f"{median(ours_us):.0f} us",
        values=ratios,
        target=round(FAN_OUT, 2),
    )


async def _beside_writes(place: Place) -> Iterator[Line]:
    environment = product_environment(place) | ENVIRONMENT
    with _receiver() as receiver, serving("product", "bench.product:app", environment) as product, _worker(place):
        async with _tenant(place) as alone, _tenant(place) as subscribed, _tenant(place) as watched:
            await watched.subscribe(receiver.url, 1)
            await subscribed.subscribe(receiver.url, SUBSCRIBERS)
            url = f"http://127.0.0.1:{product.port}/api/v1/accounts"
            lags = await _lags(url, watched, receiver)
            without, with_ = [], []
            for _ in range(ROUNDS):
                without.append(await _write_ms(url, alone))
                before = receiver.count
                with_.append(await _write_ms(url, subscribed))
                await receiver.wait_for(before + WRITES * SUBSCRIBERS)
    ratios = [loud / quiet for loud, quiet in zip(with_, without, strict=True)]
    return iter(
        [
            Line(
                work="webhook, write to arrival",
                product=f"{median(lags):.0f} ms",
                values=[median(lags)],
                target=LATENCY_MS,
                unit="ms",
            ),
            Line(
                work=f"write with {SUBSCRIBERS} subscribers",
                limit=f"{median(without):.2f} ms",
                product=f"{median(with_):.2f} ms",
                values=ratios,
                target=WRITE,
            ),
        ]
    )


async def _lags(url: str, tenant: "_Tenant", receiver: "_Receiver") -> list[float]:
    """Milliseconds from the answer of a write to its arrival, on an idle system."""
    lags = []
    async with tenant.client() as client:
        for number in range(WRITES):
            before = receiver.count
            (await client.post(url, json={"name": f"Lag {number}"})).raise_for_status()
            answered = time.time()
            lags.append((await receiver.wait_for(before + 1))[-1] - answered)
            await asyncio.sleep(PAUSE_S)
    return [lag * 1_000 for lag in lags]


async def _write_ms(url: str, tenant: "_Tenant") -> float:
    """The median at four writes a second: faster ones would wait for a core that delivers."""
    taken = []
    async with tenant.client() as client:
        for number in range(WRITES):
            begun = time.perf_counter()
            (await client.post(url, json={"name": f"Written {number}"})).raise_for_status()
            taken.append((time.perf_counter() - begun) * 1_000)
            await asyncio.sleep(PAUSE_S)
    return median(taken)


async def _bare_loop(url: str, times: int) -> None:
    """What somebody would write by hand: as many at once as a worker has under way, and nothing kept of it."""
    body, left = b'{"type":"account.created"}'.ljust(700), iter(range(times))
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=AT_ONCE)) as client:

        async def post() -> None:
            for _ in left:
                (await client.post(url, content=body)).raise_for_status()

        await asyncio.gather(*(post() for _ in range(AT_ONCE)))


class _Tenant:
    def __init__(self, pool: Pool, new: NewTenant, key: str) -> None:
        self._key = key
        actor = administrator(new.tenant_id, new.admin_user_id)
        installation = Installation(Seal({1: KEY}), allow_loopback=True)
        self._session = Session(pool, actor, SCHEMA, origin="api", installation=installation)
        self.id: UUID = new.tenant_id

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers={"Authorization": f"Bearer {self._key}"})

    async def subscribe(self, url: str, number: int) -> None:
        new = creating(WebhookEndpointCreate)
        for _ in range(number):
            data = new.model_validate({"url": url, "eventTypes": ["account.*"], "concurrency": AT_ONCE})
            await WebhookService(self._session.again()).create(data)

    async def write(self, number: int) -> None:
        new = creating(AccountCreate)
        for place in range(number):
            data = new.model_validate({"name": f"Told {place}"})
            await AccountService(self._session.again()).create(data)


class _Receiver:
    """Arrivals are read from the file that the process writes."""

    def __init__(self, url: str, arrivals: Path) -> None:
        self.url, self._arrivals = url, arrivals

    @property
    def times(self) -> list[float]:
        return [float(line.split()[0]) for line in self._arrivals.read_text().splitlines()]

    @property
    def count(self) -> int:
        return len(self.times)

    async def wait_for(self, number: int) -> list[float]:
        end = time.monotonic() + SETTLES_WITHIN_S
        while len(found := self.times) < number:
            if time.monotonic() > end:
                raise SystemExit(f"only {len(found)} of {number} webhooks arrived")
            await asyncio.sleep(0.005 if number < 1_000 else 0.1)
        return found


@asynccontextmanager
async def _tenant(place: Place) -> AsyncIterator[_Tenant]:
    """A new one, whose endpoints and work are removed afterwards: nothing of it is in the way of the next."""
    pool = Pool(Target(place.url, "rapport_app", size=2))
    new = await create_tenant(pool, SCHEMA, TenantCreate(name="Webhooks", currency="EUR"), "admin@bench.example")
    data = ApiKeyCreate(name="bench", scopes=["admin"])
    key = await create_key(pool, SCHEMA, "bench", new.tenant_id, new.admin_user_id, data)
    try:
        yield _Tenant(pool, new, key)
    finally:
        await pool.close()
        connection = await asyncpg.connect(place.admin_url)
        for table in ("work", "work_target", "webhook_endpoint", "relay_position"):
            await connection.execute(f"delete from {table} where tenant_id = $1", new.tenant_id)
        await connection.close()


@contextmanager
def _worker(place: Place) -> Iterator[int]:
    environment = {**os.environ, **ENVIRONMENT, "CRM_DATABASE_URL": place.url, "CRM_REDIS_URL": place.redis_url}
    with _ended(subprocess.Popen([sys.executable, "-m", "app.cli", "worker"], env=environment)) as process:
        yield process.pid


@contextmanager
def _receiver() -> Iterator[_Receiver]:
    with tempfile.TemporaryDirectory(prefix="rapport-bench-") as folder:
        arrivals, port = Path(folder) / "arrivals", free_port()
        command = [sys.executable, "-m", "bench.receiver", str(port), str(arrivals)]
        with _ended(subprocess.Popen(command)):
            end = time.monotonic() + READY_WITHIN_S
            while not arrivals.exists() and time.monotonic() < end:
                time.sleep(0.02)
            time.sleep(0.2)
            yield _Receiver(f"http://127.0.0.1:{port}/hook", arrivals)


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
