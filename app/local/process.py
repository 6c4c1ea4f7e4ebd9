"""One child process: started, watched, started again when it dies, and stopped with patience."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from app.local.account import Switch
from app.local.errors import CannotStart, GaveUp
from app.local.roll import Roll

TICK_S = 0.05
STEADY_S = 10.0
RESTARTS = 8
LONGEST_PAUSE_S = 5.0
PR_SET_PDEATHSIG = 1
DONE = "exit code 0"


Readiness = Callable[[int], Awaitable[bool]]


async def at_once(_: int) -> bool:
    """For programs whose readiness shows elsewhere."""
    return True


@dataclass(frozen=True, slots=True)
class Program:
    """`ready` is asked with the process id until it says yes; without `log` the child writes to our terminal."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    ready: Readiness = at_once
    stop_signal: signal.Signals = signal.SIGTERM
    patience_s: float = 20.0
    switch: Switch = field(default_factory=Switch)
    log: Path | None = None
    folder: Path | None = None
    descriptors: tuple[int, ...] = ()


class Child:
    def __init__(self, program: Program, roll: Roll, notice: Callable[[str], None]) -> None:
        self.program = program
        self._roll = roll
        self._notice = notice
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def ended(self) -> str | None:
        """How it came to its end, or None while it runs."""
        code = self._process.poll() if self._process else None
        if code is None:
            return None
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    async def start(self) -> None:
        """Returns when it is ready; a server that recovers from a crash may take its time."""
        self._process = self._spawn()
        self._roll.enrol(self.pid, self.program.stop_signal)
        while not await self.program.ready(self.pid):
            if self.ended:
                raise CannotStart(f"{self.program.name} did not start ({self.ended}): {self._last_words()}")
            await asyncio.sleep(TICK_S)

    async def finish(self) -> None:
        """For a program that does its work and ends."""
        ended = await self._end()
        if ended != DONE:
            raise CannotStart(f"{self.program.name} failed ({ended}): {self._last_words()}")

    async def keep(self, restarted: Callable[[int], None]) -> None:
        """Starts it again whenever it dies, ever more slowly, and gives up when that does not help.

        `restarted` is told the process id of the dead one.
        """
        failures = 0
        while True:
            since = monotonic()
            ended = await self._end()
            failures = 1 if monotonic() - since > STEADY_S else failures + 1
            if failures > RESTARTS:
                raise GaveUp(f"{self.program.name} ended {failures} times in a row ({ended}): {self._last_words()}")
            self._notice(f"{self.program.name} ended ({ended}); starting it again.")
            dead = self.pid
            await asyncio.sleep(min(LONGEST_PAUSE_S, 0.1 * 2**failures))
            try:
                await self.start()
            except CannotStart as error:
                self._notice(str(error))
            restarted(dead)

    async def _end(self) -> str:
        while (ended := self.ended) is None:  # noqa: ASYNC110  # portable, and a waiting thread per child could not be cancelled
            await asyncio.sleep(2 * TICK_S)
        return ended

    async def stop(self) -> None:
        if self._process is None or self.ended:
            return
        self._process.send_signal(self.program.stop_signal)
        give_up = monotonic() + self.program.patience_s
        while not self.ended:
            if monotonic() > give_up:
                self._notice(f"{self.program.name} did not stop within {self.program.patience_s:.0f} s and was killed.")
                self._process.kill()
                give_up = float("inf")
            await asyncio.sleep(TICK_S / 2)

    def _spawn(self) -> subprocess.Popen[bytes]:
        """In a session of its own, so that Ctrl-C reaches the supervisor alone and the order of stopping is ours."""
        program = self.program
        log = program.log.open("ab") if program.log else None
        try:
            return subprocess.Popen(  # noqa: S603  # programs of our own, no shell
                [str(part) for part in program.command],
                cwd=program.folder,
                stdin=subprocess.DEVNULL,
                stdout=log or sys.stderr,
                stderr=log or sys.stderr,
                env=dict(program.environment),
                pass_fds=(self._roll.descriptor, *program.descriptors),
                start_new_session=True,
                preexec_fn=_die_with(os.getpid(), program.stop_signal),  # noqa: PLW1509  # no thread of ours holds a lock then
                **program.switch,
            )
        finally:
            if log:
                log.close()

    def _last_words(self) -> str:
        if self.program.log is None:
            return "its last lines above say why."
        lines = self.program.log.read_text(errors="replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it said nothing'} (more in {self.program.log})."


@asynccontextmanager
async def running(*children: Child) -> AsyncIterator[Sequence[Child]]:
    """Several are started one after the other and stopped together."""
    try:
        for child in children:
            await child.start()
        yield children
    finally:
        await asyncio.gather(*(child.stop() for child in children))


def _die_with(supervisor: int, stop_signal: signal.Signals) -> Callable[[], None]:
    """Linux tells a child when its supervisor was killed; elsewhere the next start finds it by the roll.

    It runs after the change of user, which would clear the request, and before the program itself.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def ask_for_it() -> None:
        if libc:
            libc.prctl(PR_SET_PDEATHSIG, stop_signal)
        if os.getppid() != supervisor:
            os._exit(1)

    return ask_for_it
