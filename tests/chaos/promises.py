"""What is promised beside completeness and order, each tried on a stage that is quiet otherwise."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from tests.chaos.calling import Answer, Wire
from tests.chaos.faults import Storm
from tests.chaos.follower import Follower
from tests.chaos.processes import Process, listening
from tests.chaos.receivers import Manner, Receiver
from tests.chaos.run import DRAINS_WITHIN_S, beside
from tests.chaos.stage import Stage, Tenant
from tests.chaos.waiting import until
from tests.chaos.watcher import Watcher
from tests.chaos.writers import Writer, is_final

BACKENDS = "select pid from pg_stat_activity where application_name = 'rapport' and datname = current_database()"
SERVES = b"Application startup complete"  # as uvicorn says it
SWEEP_S = 2.0
SPREAD_S = 0.25  # by which latencies of two halves of a run may differ where nothing is wrong


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the report; without breaches the promise held."""

    promise: str
    says: str
    breaches: Sequence[str] = ()


def told(promise: str, says: str, **breaches: bool) -> Told:
    """Each breach under a name that says what is wrong, with underscores."""
    return Told(promise, says, [name.replace("_", " ") for name, is_one in breaches.items() if is_one])


async def without_valkey(stage: Stage, random: Random, seconds: float) -> Told:
    """R2: it is killed, stays away, and comes back empty; the sweep is what delivers meanwhile."""
    tenant = await stage.tenant(Manner())
    writers = [Writer(stage, tenant, Random(random.random()), pause_s=0.05) for _ in range(2)]
    storm = Storm(stage, random, kills=0, patience_s=0)
    async with beside(stage):
        began = time.monotonic()
        async with _writing(writers):
            await storm.kill_valkey(seconds)
        took = stage.latencies(tenant.receivers, began)
        await stage.drained(DRAINS_WITHIN_S)
    found = stage.findings([tenant])
    says = f"Valkey away for {seconds:.0f} s and back empty: {found.expected} deliveries, {len(found.lost)} lost, "
    says += f"p95 {_p95(took):.2f} s (at most the sweep and 1 s), longest {took[-1]:.2f} s"
    return told("R2", says, slow=_p95(took) > SWEEP_S + 1, delivery=any(found.breaches()))


async def one_effect_per_key(stage: Stage, random: Random, keys: int, clients: int = 10) -> Told:
    """R4: the same request from many clients at once, while connections to the database are killed."""
    tenant = await stage.tenant()
    killed: list[int] = []

    async def ask(key: str) -> Answer:
        wires = [Wire(front.port, tenant.key) for front in stage.fronts]
        while True:
            answer = await random.choice(wires).call("POST", "/accounts", {"name": key}, Idempotency_Key=key)
            if answer is not None and is_final(answer):
                break
            await asyncio.sleep(random.uniform(0.01, 0.1))
        for wire in wires:
            wire.close()
        return answer

    async with asyncio.TaskGroup() as group:
        killer = group.create_task(_kill_backends(stage, random, killed))
        names = [f"key-{number}" for number in range(keys)]
        answers = []
        for first in range(0, keys, 10):
            several = names[first : first + 10] * clients
            answers += list(zip(several, await asyncio.gather(*map(ask, several)), strict=True))
        killer.cancel()
    different = {(name, one.status, one.body) for name, one in answers}
    made = Wire(stage.fronts[0].port, tenant.key)
    counted = await made.call("GET", "/accounts?count=exact&limit=1")
    made.close()
    effects = counted.json()["meta"]["count"] if counted else -1
    says = f"{keys} keys x {clients} clients under {len(killed)} killed backends: "
    says += f"{effects} effects, {len(different)} different answers"
    return told("R4", says, effects=effects != keys, answers=len(different) != keys, too_few_kills=len(killed) < keys)


async def without_postgres(stage: Stage, random: Random, seconds: float) -> Told:
    """R7: refused at once, and served again without a restart."""
    tenant = await stage.tenant()
    load = Load([front.port for front in stage.fronts], tenant)
    storm = Storm(stage, random, kills=0, patience_s=0)
    async with load.going(6):
        await asyncio.sleep(0.5)
        await storm.kill_postgres(seconds)
        back = time.monotonic()
        await asyncio.sleep(6)
    refused = [one for one in load.asked if one.answer is None or one.answer.status >= 400]
    wrong = [one for one in refused if one.answer is None or not _is_welcome_later(one.answer)]
    longest_s = max(one.took_s for one in load.asked)
    well = [one.began for one in load.asked if one.answer and one.answer.status < 300 and one.began > back]
    recovered_s = min(well, default=back + 60) - back
    says = f"PostgreSQL away for {seconds:.0f} s: {len(refused)} answers 503 with Retry-After and {len(wrong)} others, "
    says += f"longest {longest_s:.2f} s (at most 3), first success {recovered_s:.2f} s after it was back (at most 5)"
    return told("R7", says, other_answers=bool(wrong), slow=longest_s > 3, no_recovery=recovered_s > 5)


async def rolling_restarts(stage: Stage, random: Random, restarts: int) -> Told:
    """R7: SIGTERM to one after the other under load; two API processes share a port, the workers their work."""
    tenant, other = await stage.tenant(Manner(takes_s=0.02)), await stage.tenant()
    pair, port = await _pair_on_one_port(stage)
    load, writer = Load([port], other), Writer(stage, tenant, Random(random.random()), ports=[port], pause_s=0.01)
    statuses = []
    async with load.going(4), _writing([writer]):
        for number in range(restarts):
            for process in (pair[number % 2], stage.workers[number % len(stage.workers)]):
                statuses.append(await asyncio.to_thread(process.stop))
                process.start()
            await _until_it_serves(pair[number % 2], number // 2 + 2)
    await stage.drained(DRAINS_WITHIN_S)
    for process in pair:
        process.end()
    failed = [one for one in load.asked if one.answer is None or one.answer.status != 201]
    found = stage.findings([tenant])
    repeated = found.duplicates.total()
    says = f"{restarts} SIGTERMs to API and worker each, {len(load.asked)} requests: {len(failed)} failed; "
    says += f"{found.expected} deliveries, {repeated} twice, {len(found.lost) + len(found.pending)} missing"
    return told(
        "R7", says, requests_failed=bool(failed), repeated=bool(repeated), delivery=any(found.breaches()),
        exit_status=any(statuses),
    )  # fmt: skip


async def foreign_writer(stage: Stage, random: Random, seconds: float) -> Told:
    """R10: somebody else's transaction, in another database of the cluster, holds up all that reads the log."""
    tenant = await stage.tenant(Manner())
    writers = [Writer(stage, tenant, Random(random.random()), pause_s=0.02) for _ in range(2)]
    readers = [Follower(stage, tenant, random), Watcher(stage, tenant, random)]
    async with beside(stage, readers):
        async with _writing(writers), stage.servers.place.at("postgres").connect() as foreign:
            await asyncio.sleep(0.5)
            async with foreign.transaction():
                await foreign.execute("select pg_current_xact_id()")
                await asyncio.sleep(1)
                began = time.monotonic()
                await asyncio.sleep(seconds)
                ended = time.monotonic()
        drained_s = await stage.drained(DRAINS_WITHIN_S)
        for one in readers:
            await one.catch_up()
    found = stage.findings([tenant])
    faults = [said for one in readers for said in one.faults()]
    written = {(one.record, one.version) for one in stage.acks if one.tenant == tenant.id and began < one.at < ended}
    sent = [one for one in stage.receipts if one.at < ended and (one.record, one.version) in written]
    read = [one for reader in readers for one in reader.until(ended) if (one["recordId"], one["version"]) in written]
    says = f"a foreign writer open for {seconds:.0f} s: {len(written)} writes went on, of which "
    says += f"{len(sent)} were delivered and {len(read)} read meanwhile; "
    says += f"then all {found.expected} within {drained_s:.1f} s, {len(found.out_of_order)} out of order"
    return told(
        "R10", says, no_writes=not written, something_came=bool(sent or read),
        delivery=any(found.breaches()), readers=bool(faults),
    )  # fmt: skip


async def dead_endpoint(stage: Stage, random: Random, writes: int) -> Told:
    """R3: one of twenty endpoints hangs; the others must not notice."""
    tenant = await stage.tenant(*[Manner() for _ in range(20)])
    writer = Writer(stage, tenant, Random(random.random()), pause_s=0.1)
    hanging, *others = tenant.receivers
    p95 = []
    for hangs in (False, True):
        hanging.manner.hangs = hangs
        began = time.monotonic()
        await writer.run(writes)
        await _all_but(stage, hanging)
        p95.append(_p95(stage.latencies(others, began)))
    hanging.recover()
    await stage.drained(DRAINS_WITHIN_S)
    found = stage.findings([tenant])
    says = f"1 of 20 endpoints hangs: p95 of the others {p95[1] * 1000:.0f} ms, before {p95[0] * 1000:.0f} ms; "
    says += f"then {len(found.lost) + len(found.pending)} missing"
    return told("R3", says, others_slower=p95[1] > max(2 * p95[0], p95[0] + SPREAD_S), delivery=any(found.breaches()))


async def backlog(stage: Stage, random: Random, writes: int) -> Told:
    """R3: one tenant has a long queue, another a few events."""
    busy = await stage.tenant(*[Manner(takes_s=0.05) for _ in range(10)])
    quiet = await stage.tenant(Manner())
    writers = [Writer(stage, busy, Random(random.random())) for _ in range(4)]
    other = Writer(stage, quiet, Random(random.random()), pause_s=0.2)
    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.run(writes // 4))
    longest, began = len(stage.missing()), time.monotonic()
    await other.run(20)
    left = len(stage.missing())
    await stage.drained(DRAINS_WITHIN_S)
    took = stage.latencies(quiet.receivers, began)
    found = stage.findings([busy, quiet])
    says = f"behind {longest} due deliveries of another tenant ({left} were left in the end): longest {took[-1]:.2f} s "
    says += f"(at most 2), p95 {_p95(took):.2f} s"
    return told("R3", says, late=took[-1] > 2, delivery=any(found.breaches()), no_backlog=longest < writes)


@dataclass(frozen=True, slots=True)
class Asked:
    began: float
    took_s: float
    answer: Answer | None


@dataclass(slots=True)
class Load:
    """Requests without a pause that nobody repeats: half of the clients with a connection for each request.

    The others keep theirs, and ask once more on a new one where it was closed while it was idle, as RFC 9110 has it.
    """

    ports: Sequence[int]
    tenant: Tenant
    stopped: bool = False
    asked: list[Asked] = field(default_factory=list)

    @asynccontextmanager
    async def going(self, clients: int) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                port = self.ports[number % len(self.ports)]
                group.create_task(self._ask(Wire(port, self.tenant.key), keeps=number % 2 == 0))
            yield
            self.stopped = True

    async def _ask(self, wire: Wire, *, keeps: bool) -> None:
        while not self.stopped:
            began = time.monotonic()
            was_used = wire.is_open
            answer = await wire.call("POST", "/accounts", {"name": "Load"}, Idempotency_Key=str(began))
            if answer is None and was_used:
                answer = await wire.call("POST", "/accounts", {"name": "Load"}, Idempotency_Key=str(began))
            self.asked.append(Asked(began, time.monotonic() - began, answer))
            if not keeps:
                wire.close()
            await asyncio.sleep(0.01)
        wire.close()


@asynccontextmanager
async def _writing(writers: Sequence[Writer]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.run())
        yield
        for writer in writers:
            writer.stopped = True


async def _kill_backends(stage: Stage, random: Random, killed: list[int]) -> None:
    async with stage.servers.place.connect() as administrator:
        while True:
            pids = [row["pid"] for row in await administrator.fetch(BACKENDS)]
            for pid in random.sample(pids, min(2, len(pids))):
                killed.append(pid)
                await administrator.execute("select pg_terminate_backend($1)", pid)
            await asyncio.sleep(0.02)


async def _pair_on_one_port(stage: Stage) -> tuple[list[Process], int]:
    listener = listening()
    pair = [stage.api_on(listener, f"shared api {number}") for number in range(2)]
    for process in pair:
        process.start()
        await _until_it_serves(process, 1)
    return pair, pair[0].port


async def _until_it_serves(process: Process, starts: int) -> None:
    """Its log says so: over a port that two share, nobody can tell which of them answers."""
    assert await until(lambda: process.log.read_bytes().count(SERVES) >= starts, 100), process.printed()


async def _all_but(stage: Stage, receiver: Receiver) -> None:
    await until(lambda: all(endpoint == receiver.endpoint for endpoint, _, _ in stage.missing()), DRAINS_WITHIN_S)


def _p95(ordered: Sequence[float]) -> float:
    return ordered[int(len(ordered) * 0.95)] if ordered else float("inf")


def _is_welcome_later(answer: Answer) -> bool:
    return answer.status == 503 and "retry-after" in answer.headers
