"""PostgreSQL and Valkey as child processes: made once, then started on the same data every time."""

import asyncio
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from app.local.account import Account
from app.local.binaries import Binaries
from app.local.errors import CannotStart
from app.local.process import Program, Readiness, at_once
from app.local.state import State

LOCALE = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
ADMINISTRATOR = "postgres"
ACCEPTING = ("ready", "standby")


@dataclass(frozen=True, slots=True)
class Servers:
    state: State
    account: Account
    binaries: Binaries

    @property
    def administrator_url(self) -> str:
        return f"postgresql://{ADMINISTRATOR}@/postgres?host={quote(str(self.state.sockets))}"

    @property
    def database_url(self) -> str:
        return f"postgresql://crm@/crm?host={quote(str(self.state.sockets))}"

    @property
    def redis_url(self) -> str:
        return f"unix://{quote(str(self._valkey_socket))}"

    @property
    def _valkey_socket(self) -> Path:
        return self.state.sockets / "valkey.sock"

    @property
    def _half_made(self) -> Path:
        return self.state.data / "pg.part"

    @property
    def _cluster(self) -> Path:
        return self.state.data / "pg"

    def has_cluster(self) -> bool:
        """Refuses one that another major version made."""
        if not (self._cluster / "PG_VERSION").exists():
            return False
        self._check_version()
        self._drop_dead_lock()
        return True

    def initdb(self) -> Program:
        """Makes the cluster aside: with any other locale trigrams and lower() know ASCII letters only."""
        shutil.rmtree(self._half_made, ignore_errors=True)
        return self._program(
            "initdb",
            [self.binaries.postgres / "initdb", "-D", self._half_made, "-U", ADMINISTRATOR, "--auth=trust", *LOCALE],
        )

    def adopt_cluster(self) -> None:
        """A first start that was killed leaves nothing half made under this name."""
        self._half_made.rename(self._cluster)

    def postgres(self) -> Program:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": '"' + str(self.state.sockets).replace('"', '""') + '"',
            "unix_socket_permissions": "0700",
            "port": "5432",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "autovacuum_naptime": "5s",  # what was empty a minute ago is otherwise read by plans for empty tables
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._program(
            "PostgreSQL",
            [self.binaries.postgres / "postgres", "-D", self._cluster, *options],
            ready=self._postgres_is_ready,
            stop_signal=signal.SIGINT,  # fast: SIGTERM would wait until every client has left
        )

    def valkey(self) -> Program:
        """The append-only file is written out every second, and a full memory refuses instead of forgetting."""
        settings = {
            "port": "0",
            "unixsocket": self._valkey_socket,
            "unixsocketperm": "700",
            "dir": self.state.data / "valkey",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        options = [str(part) for name, value in settings.items() for part in (f"--{name}", value)]
        return self._program("Valkey", [self.binaries.valkey, *options], ready=self._valkey_is_ready)

    def _program(
        self,
        name: str,
        command: Sequence[str | Path],
        ready: Readiness = at_once,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Program:
        return Program(
            name=name,
            command=command,
            environment=ENVIRONMENT,
            ready=ready,
            stop_signal=stop_signal,
            switch=self.account.switch,
            log=self.state.log / f"{name.lower()}.log",
            folder=Path("/"),
        )

    async def _postgres_is_ready(self, pid: int) -> bool:
        """The eighth line of its own lock file says so; a connection would be refused during recovery."""
        with suppress(FileNotFoundError):
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() in ACCEPTING
        return False

    async def _valkey_is_ready(self, _: int) -> bool:
        """It answers -LOADING while it reads its file."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._valkey_socket)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return (await reader.readline()).startswith(b"+PONG")
        except OSError:
            return False
        finally:
            writer.close()

    def _check_version(self) -> None:
        made_by = (self._cluster / "PG_VERSION").read_text().strip()
        said = self.account.version_of(self.binaries.postgres / "postgres") or ""
        installed = said.partition(".")[0].split()[-1]
        if made_by != installed:
            raise CannotStart(
                f"The data in {self._cluster} were made by PostgreSQL {made_by}, and installed is {installed}: "
                f"install the release of crm that made them, or dump there and restore here."
            )

    def _drop_dead_lock(self) -> None:
        """After a crash the number in the lock file may be a stranger's by now, or a zombie's: then it would not start.

        A server of this folder has it as working directory. Where that cannot be seen, PostgreSQL decides alone.
        """
        lock = self._cluster / "postmaster.pid"
        with suppress(FileNotFoundError, PermissionError, ValueError, IndexError):
            process = Path("/proc") / str(int(lock.read_text().split()[0]))
            if Path("/proc/self").exists() and not _works_in(process, self._cluster):
                lock.unlink()


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").samefile(folder)
    except FileNotFoundError:
        return False
