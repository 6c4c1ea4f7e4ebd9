"""A server under measurement: its process, and what it costs in CPU and memory."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

READY_WITHIN_S = 30.0
UVICORN = ("--loop", "uvloop", "--http", "httptools", "--ws", "none", "--lifespan", "on", "--timeout-keep-alive", "75")
QUIET = ("--no-access-log", "--no-server-header", "--log-level", "warning")


class Server:
    def __init__(self, name: str, port: int, process: subprocess.Popen[bytes]) -> None:
        self.name, self.port, self._process = name, port, process

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu_us(self) -> float:
        return cpu_us(self.pid)

    def wait(self) -> None:
        end = time.monotonic() + READY_WITHIN_S
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            if self._process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{self.name} does not start")
            time.sleep(0.02)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def serving(name: str, application: str, environment: Mapping[str, str], *options: str) -> Iterator[Server]:
    """One uvicorn worker, set up like the product's own (`app/local/serving.py`), for the limit as for the product."""
    with tempfile.TemporaryDirectory(prefix="rapport-bench-") as metrics:
        port = free_port()
        command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), *UVICORN, *QUIET, *options]
        own = {"PROMETHEUS_MULTIPROC_DIR": metrics, "OMP_NUM_THREADS": "1"}
        server = Server(name, port, subprocess.Popen(command, env={**os.environ, **own, **environment}))
        try:
            server.wait()
            yield server
        finally:
            server.stop()


def cpu_us(pid: int) -> float:
    """User and system time of all its threads. The scheduler counts nanoseconds, where `stat` counts ticks of 10 ms."""
    tasks = Path(f"/proc/{pid}/task")
    try:
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1_000
    except FileNotFoundError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1e6


def cpu_of_children_us(pid: int | None) -> float:
    """What the backends of a postmaster have used; nothing where it cannot be seen."""
    return sum(map(_cpu_or_nothing, children(pid))) if pid else 0.0


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(entry.name))
    return found


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"the memory of process {pid} cannot be seen")


def _cpu_or_nothing(pid: int) -> float:
    """A backend may have ended between being listed and being asked."""
    try:
        return cpu_us(pid)
    except OSError:
        return 0.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
