"""Processes of the product that can be killed, stopped for a while, and started again. None but our own children."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.servers import _die_with_parent

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 100.0
STOPS_WITHIN_S = 30.0


class Process:
    """`crm <arguments>`, with the patches that are named; `listener` is a socket that outlives it."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        listener: socket.socket | None = None,
        patches: Sequence[str] = (),
    ) -> None:
        self.name, self.listener = name, listener
        module = "tests.chaos.patched" if patches else "app.cli"
        self._command = [sys.executable, "-P", "-m", module, *arguments]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("CRM_")}
        self._environment = inherited | {
            "CHAOS_PATCHES": ",".join(patches),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self.log = folder / f"{name}.log"
        self._popen: subprocess.Popen[bytes] | None = None
        self.busy = asyncio.Lock()

    @property
    def port(self) -> int:
        assert self.listener is not None
        return int(self.listener.getsockname()[1])

    def start(self) -> None:
        handed_down = [self.listener.fileno()] if self.listener else []
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=handed_down,
                preexec_fn=partial(_die_with_parent, signal.SIGKILL),  # noqa: PLW1509  # it makes one system call
            )

    def has_ended(self) -> bool:
        return self._popen is not None and self._popen.poll() is not None

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        self._end()

    def stop(self) -> int:
        """The exit status after SIGTERM."""
        self._send(signal.SIGTERM)
        return self._end()

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def end(self) -> None:
        """Whatever state it is in."""
        if self._popen is not None and self._popen.poll() is None:
            self.kill()

    def _send(self, what: signal.Signals) -> None:
        assert self._popen is not None
        if self._popen.poll() is None:
            assert_own_child(self._popen.pid)
            self._popen.send_signal(what)

    def _end(self) -> int:
        assert self._popen is not None
        return self._popen.wait(STOPS_WITHIN_S)

    def printed(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


def assert_own_child(pid: int) -> None:
    """Read from the kernel: whatever bore this number before, a signal now reaches what we have started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    assert int(fields[1]) == os.getpid(), f"process {pid} is not ours"


async def until_ready(port: int) -> None:
    """Until the API on that port, or any that shares it, is ready for requests."""
    end, said = time.monotonic() + READY_WITHIN_S, b""
    while b" 200 " not in said:
        assert time.monotonic() < end, f"the API did not get ready; it said {said.decode()}"
        await asyncio.sleep(0.05)
        said = await readiness(port)


async def readiness(port: int) -> bytes:
    """All that it says of it; nothing where it does not answer."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /health/ready HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
                return await reader.read()
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError):
        return b""


def listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=1000)
