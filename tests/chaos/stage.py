"""All that a run plays on: PostgreSQL, Valkey, API processes and workers behind proxies, tenants, and their receivers."""

import asyncio
import os
import socket
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson
from standardwebhooks.webhooks import Webhook

from app.local.tenants import new_tenant
from app.settings import Settings
from tests.chaos.calling import Answer, Wire
from tests.chaos.checker import Ack, Fault, Findings, check
from tests.chaos.processes import Process, listening, until_ready
from tests.chaos.proxies import Proxy
from tests.chaos.receivers import Manner, Receipt, Receiver
from tests.chaos.waiting import until
from tests.servers import Servers

EVENT_TYPES = ["account.*", "contact.*"]
ENVIRONMENT = "test"


@dataclass(slots=True)
class Tenant:
    """`states` is what is known of its records as last acknowledged, None of those that are deleted."""

    id: str
    key: str
    receivers: list[Receiver] = field(default_factory=list)
    states: dict[str, dict[str, Any] | None] = field(default_factory=dict)


class Stage:
    """`folder` is where the processes write their logs."""

    def __init__(self, servers: Servers, folder: Path, random: Random, patches: Sequence[str]) -> None:
        self.servers, self.folder, self.random, self.patches = servers, folder, random, patches
        self.keys = f"1:{b64encode(os.urandom(32)).decode()}"
        loop = asyncio.get_running_loop()
        postgres, valkey = f"{servers.folder}/.s.PGSQL.5432", f"{servers.folder}/valkey.sock"
        self.postgres_of_apis = Proxy(lambda side: loop.create_unix_connection(side, postgres))
        self.postgres_of_workers = Proxy(lambda side: loop.create_unix_connection(side, postgres))
        self.valkey = Proxy(lambda side: loop.create_unix_connection(side, valkey))
        self.apis: list[Process] = []
        self.fronts: list[Proxy] = []
        self.workers: list[Process] = []
        self.tenants: list[Tenant] = []
        self.acks: list[Ack] = []
        self.receipts: list[Receipt] = []
        self.faults: list[Fault] = []
        self.wrong: list[str] = []
        self._missing: set[tuple[str, str, int]] = set()
        self._came: set[tuple[str, str, int]] = set()
        self._endpoints: dict[str, list[str]] = {}

    # Processes ------------------------------------------------------------------------------------

    async def start(self, apis: int, workers: int) -> None:
        for proxy in (self.postgres_of_apis, self.postgres_of_workers, self.valkey):
            await proxy.start()
        for number in range(apis):
            await self.add_api(f"api {number}")
        for number in range(workers):
            self.add_worker(f"worker {number}", self.patches)
        for one in self.apis:
            await until_ready(one.port)

    async def add_api(self, name: str) -> None:
        """With a proxy in front of it, by which its clients come."""
        api, loop = self.api_on(listening(), name), asyncio.get_running_loop()
        front = Proxy(lambda side: loop.create_connection(side, "127.0.0.1", api.port))
        await front.start()
        self.apis.append(api)
        self.fronts.append(front)
        api.start()

    def api_on(self, listener: socket.socket, name: str) -> Process:
        """Not started, and in nobody's list."""
        arguments = ["serve", "--fd", str(listener.fileno())]
        environment = self._environment(self.postgres_of_apis) | {"CRM_LOG_LEVEL": "INFO"}
        return Process(name, arguments, self.folder, environment, listener)

    def add_worker(self, name: str, patches: Sequence[str], **environment: str) -> Process:
        environment = self._environment(self.postgres_of_workers) | environment
        worker = Process(name, ["worker"], self.folder, environment, patches=patches)
        self.workers.append(worker)
        worker.start()
        return worker

    def _environment(self, postgres: Proxy) -> dict[str, str]:
        """Everybody reaches the servers by proxies."""
        return {
            "CRM_DATABASE_URL": f"postgresql://crm@127.0.0.1:{postgres.port}/crm",
            "CRM_REDIS_URL": f"redis://127.0.0.1:{self.valkey.port}/0",
            "CRM_ENCRYPTION_KEYS": self.keys,
            "CRM_ENVIRONMENT": ENVIRONMENT,
            "CRM_RATE_LIMIT_PER_MINUTE": "0",
            "CRM_ALLOW_LOOPBACK_CALLOUTS": "1",
            "CRM_LOG_LEVEL": "WARNING",
        }

    def dismiss_workers(self) -> None:
        for worker in self.workers:
            worker.end()
        self.workers.clear()

    async def close(self) -> None:
        for process in (*self.apis, *self.workers):
            process.end()
            if process.listener:
                process.listener.close()
        for tenant in self.tenants:
            for receiver in tenant.receivers:
                receiver.stop()
        for proxy in (self.postgres_of_apis, self.postgres_of_workers, self.valkey, *self.fronts):
            proxy.close()

    # Tenants --------------------------------------------------------------------------------------

    async def tenant(self, *manners: Manner) -> Tenant:
        """With a receiver of each manner."""
        place = self.servers.place
        settings = Settings(database_url=place.url, redis_url=place.redis_url, environment=ENVIRONMENT)
        made = await new_tenant(settings, "Chaos", "admin@test.example")
        tenant = Tenant(str(made.tenant_id), made.key)
        self.tenants.append(tenant)
        self._endpoints[tenant.id] = []
        for manner in manners:
            await self.receiver(tenant, manner)
        return tenant

    async def receiver(self, tenant: Tenant, manner: Manner) -> Receiver:
        """Its verifier gets the secret by the API, as anybody's would."""
        receiver = Receiver(tenant.id, manner, Random(self.random.random()), self.received)
        await receiver.start()
        wire = Wire(self.apis[0].port, tenant.key)
        body = {"url": receiver.url, "eventTypes": EVENT_TYPES}
        receiver.endpoint = _made(await wire.call("POST", "/webhook-endpoints", body), 201)["id"]
        secrets = _made(await wire.call("GET", f"/webhook-endpoints/{receiver.endpoint}/secret"), 200)
        receiver.verifier = Webhook(secrets["data"][0]["secret"])
        wire.close()
        tenant.receivers.append(receiver)
        self._endpoints[tenant.id].append(receiver.endpoint)
        return receiver

    # Logs -----------------------------------------------------------------------------------------

    def acknowledged(self, tenant: Tenant, record: str, version: int, state: dict[str, Any] | None) -> None:
        tenant.states[record] = state
        self.acks.append(Ack(time.monotonic(), tenant.id, record, version))
        expected = {(endpoint, record, version) for endpoint in self._endpoints[tenant.id]}
        self._missing |= expected - self._came

    def received(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)
        self._came.add((receipt.endpoint, receipt.record, receipt.version))
        self._missing.discard((receipt.endpoint, receipt.record, receipt.version))

    def missing(self) -> set[tuple[str, str, int]]:
        """Endpoint, record and version of what was acknowledged and has not been delivered."""
        return self._missing

    def missing_of(self, tenant: Tenant) -> set[tuple[str, str, int]]:
        return {one for one in self._missing if one[0] in self._endpoints[tenant.id]}

    async def drained(self, within_s: float) -> float:
        """How long it took until everything acknowledged had been delivered.

        It gives up when nothing has come for `within_s`: a long storm leaves a long queue, which must keep getting shorter.
        """
        began, missing = time.monotonic(), len(self._missing) + 1
        while len(self._missing) < missing:
            missing = len(self._missing)
            await until(lambda: not self._missing, within_s)
        return time.monotonic() - began

    def findings(self, tenants: Sequence[Tenant] | None = None) -> Findings:
        chosen = {one.id for one in tenants or self.tenants}
        acks = [one for one in self.acks if one.tenant in chosen]
        receipts = [one for one in self.receipts if one.tenant in chosen]
        return check(acks, receipts, self._endpoints, self.faults)

    def latencies(self, receivers: Sequence[Receiver], since: float) -> list[float]:
        """From the acknowledgement of a write to its first delivery, in order of length."""
        endpoints = {one.endpoint for one in receivers}
        acked = {(one.record, one.version): one.at for one in self.acks if one.at >= since}
        took: dict[tuple[str, str, int], float] = {}
        for one in self.receipts:
            if one.endpoint in endpoints and (one.record, one.version) in acked:
                took.setdefault((one.endpoint, one.record, one.version), one.at - acked[one.record, one.version])
        return sorted(took.values())


@asynccontextmanager
async def staged(
    servers: Servers, folder: Path, random: Random, *, apis: int = 2, workers: int = 2, patches: Sequence[str] = ()
) -> AsyncIterator[Stage]:
    stage = Stage(servers, folder, random, patches)
    try:
        await stage.start(apis, workers)
        yield stage
    finally:
        await stage.close()


def _made(answer: Answer | None, status: int) -> Any:
    assert answer is not None, "no answer"
    assert answer.status == status, answer.body.decode()
    return orjson.loads(answer.body)
