"""The roll of the processes that run on a state folder, also of those that outlived their supervisor."""

import asyncio
import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path
from time import monotonic

from app.local.errors import CannotStart

PATIENCE_S = 15.0
MERCY_S = 5.0


class Roll:
    """A locked file whose descriptor every child inherits: the lock is free when the last of them is gone.

    So a new supervisor never starts a second server on data that a survivor of the old one still writes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def close(self) -> None:
        os.close(self.descriptor)

    def enrol(self, pid: int, stop_signal: signal.Signals) -> None:
        os.write(self.descriptor, f"{pid} {int(stop_signal)}\n".encode())

    async def begin(self) -> None:
        """Waits for survivors of a killed supervisor, telling them to stop, at last by force."""
        if not self._free():
            self._tell(None)
            if not await self._gone(PATIENCE_S):
                self._tell(signal.SIGKILL)
                if not await self._gone(MERCY_S):
                    raise CannotStart(f"Processes of an earlier run do not stop; their ids are in {self._path}.")
        os.ftruncate(self.descriptor, 0)

    async def _gone(self, patience_s: float) -> bool:
        give_up = monotonic() + patience_s
        while not self._free():
            if monotonic() > give_up:
                return False
            await asyncio.sleep(0.05)
        return True

    def _free(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _tell(self, force: signal.Signals | None) -> None:
        for line in self._path.read_text().splitlines():
            pid, stop_signal = map(int, line.split())
            if self._holds(pid):
                with suppress(ProcessLookupError):  # it may have ended by itself just now
                    os.kill(pid, force or stop_signal)

    def _holds(self, pid: int) -> bool:
        """Whether it is the enrolled process and not a later one that was given the same number."""
        mine = os.fstat(self.descriptor)
        descriptors = Path("/proc") / str(pid) / "fd"
        try:
            if not Path("/proc/self/fd").exists():
                os.kill(pid, 0)
                return True
            return any(_leads_to(mine, one) for one in descriptors.iterdir())
        except OSError:
            return False


def _leads_to(file: os.stat_result, descriptor: Path) -> bool:
    try:
        return os.path.samestat(file, descriptor.stat())
    except OSError:  # closed meanwhile: whoever works opens and closes files all the time
        return False
