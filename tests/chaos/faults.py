"""What is done to a stage while its clients write: chosen by the seed, spread over the writes."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from tests.chaos.checker import PLACES, Fault
from tests.chaos.processes import Process, assert_own_child
from tests.chaos.proxies import Cut, Proxy
from tests.chaos.receivers import Receiver
from tests.chaos.stage import Stage
from tests.chaos.waiting import until

KILLS = {"worker": 8, "api": 5, "valkey": 4, "postgres": 3}
OTHERS = {"pause": 3, "cut": 4, "hanging": 1, "dead": 1}
GRACE_S = 10.0  # for a server that was killed to leave its folder
LOOKS_EVERY_S = 0.2


@dataclass(slots=True)
class Storm:
    """`kills` SIGKILLs and half as many other faults. A worker that is paused for longer than `patience_s` takes an
    answer that it got for none."""

    stage: Stage
    random: Random
    kills: int
    patience_s: float
    longest_pause_s: float = 9.0
    done: Counter[str] = field(default_factory=Counter)
    is_over: bool = False
    _postgres: asyncio.Lock = field(default_factory=asyncio.Lock)
    _valkey: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, events: int) -> None:
        """Ends when all is well again; clients have to go on writing until then."""
        plan = [*self._chosen(KILLS, self.kills), *self._chosen(OTHERS, self.kills // 2)]
        self.random.shuffle(plan)
        async with asyncio.TaskGroup() as group:
            for place, kind in enumerate(plan, 1):
                await self._until(events * place // (len(plan) + 1))
                group.create_task(self._act(kind))
        self.is_over = True

    def _chosen(self, weights: dict[str, int], number: int) -> list[str]:
        """Each in turn at least once, where there are enough, so that a short run has them all."""
        names = list(weights)
        more = self.random.choices(names, list(weights.values()), k=max(0, number - len(names)))
        return [*names[:number], *more]

    async def _until(self, events: int) -> None:
        assert await until(lambda: len(self.stage.acks) >= events, 120), "nothing is acknowledged any more"

    async def _act(self, kind: str) -> None:
        acts: dict[str, Callable[[], Awaitable[None]]] = {
            "worker": lambda: self._kill_process("kill worker", self.stage.workers, PLACES),
            "api": lambda: self._kill_process("kill api", self.stage.apis, 0),
            "valkey": self.kill_valkey,
            "postgres": self.kill_postgres,
            "pause": self._pause,
            "cut": self._cut,
            "hanging": self._hang,
            "dead": self._die,
        }
        await acts[kind]()
        self.done[kind] += 1

    async def _kill_process(self, name: str, among: list[Process], repeats: int) -> None:
        process = self.random.choice(among)
        async with process.busy:
            with self.noted(name, repeats):
                await asyncio.to_thread(process.kill)
            await asyncio.sleep(self.random.uniform(0, 0.5))
            process.start()
            await asyncio.sleep(0.5)

    async def kill_valkey(self, down_s: float | None = None) -> None:
        """It comes back empty."""
        async with self._valkey:
            assert_own_child(self.stage.servers.valkey.pid)
            with self.noted("kill valkey", 0):
                await asyncio.to_thread(self.stage.servers.valkey.kill)
            await asyncio.sleep(self.random.uniform(0, 2) if down_s is None else down_s)
            await asyncio.to_thread(self.stage.servers.valkey.start)

    async def kill_postgres(self, down_s: float | None = None) -> None:
        async with self._postgres:
            assert_own_child(self.stage.servers.postgres.pid)
            with self.noted("kill postgres", PLACES * len(self.stage.workers)):
                await asyncio.to_thread(self.stage.servers.postgres.kill)
                await asyncio.sleep(self.random.uniform(0, 1) if down_s is None else down_s)
                await self._start_postgres()

    async def _start_postgres(self) -> None:
        """Its orphans need a moment to see that they are alone; as long it refuses to start."""
        end = time.monotonic() + GRACE_S
        while True:
            try:
                await asyncio.to_thread(self.stage.servers.postgres.start)
                return
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.05)

    async def _pause(self) -> None:
        process = self.random.choice([*self.stage.workers, *self.stage.workers, *self.stage.apis])
        long_s = self.random.uniform(0.5, self.longest_pause_s)
        async with process.busy:
            repeats = PLACES if process in self.stage.workers and long_s > self.patience_s else 0
            with self.noted("pause", repeats):
                process.freeze()
                await asyncio.sleep(long_s)
                process.thaw()

    async def _cut(self) -> None:
        """A worker that is cut off while it settles may hear nothing of its success; it says so again."""
        proxies: list[Proxy] = [self.stage.postgres_of_apis, self.stage.postgres_of_workers, self.stage.valkey]
        how, proxy = self.random.choice(list(Cut)), self.random.choice([*proxies, *self.stage.fronts])
        repeats = PLACES * len(self.stage.workers) if proxy is self.stage.postgres_of_workers else 0
        with self.noted("cut", repeats):
            await proxy.cut(how, self.random)

    async def _hang(self) -> None:
        receiver = self._receiver()
        receiver.manner.hangs = True
        await asyncio.sleep(self.random.uniform(1, 4))
        receiver.recover()

    async def _die(self) -> None:
        receiver = self._receiver()
        receiver.stop()
        await asyncio.sleep(self.random.uniform(1, 4))
        await receiver.start()

    def _receiver(self) -> Receiver:
        """Not the same as another fault has."""
        everybody = [one for tenant in self.stage.tenants for one in tenant.receivers]
        return self.random.choice([one for one in everybody if one.is_open and not one.manner.hangs])

    @contextmanager
    def noted(self, kind: str, repeats: int) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.stage.faults.append(Fault(kind, began, time.monotonic(), repeats))


async def supervise(stage: Stage) -> None:
    """Until cancelled: none of the processes may end but by a fault, and then it is started again by who did it."""
    while True:
        for process in (*stage.workers, *stage.apis):
            if process.has_ended() and not process.busy.locked():
                stage.wrong.append(f"{process.name} ended by itself")
                process.start()
        await asyncio.sleep(LOOKS_EVERY_S)
