"""PostgreSQL and Valkey for one run of the suite or for one test, from the wheels, without fsync.

Each lives in a folder of its own, speaks over unix sockets only and dies with the process that started it.
"""

import asyncio
import atexit
import ctypes
import itertools
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from app.local.account import server_account
from app.local.binaries import Binaries, binaries
from app.repositories.cluster import make_login_and_database
from app.repositories.migrate import migrate
from tests.world import Place

ACCOUNT = server_account()
DATABASE = LOGIN = "crm"
GIVES_UP_AFTER_S = 60.0
PR_SET_PDEATHSIG = 1
INITDB = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
INITDB += ["--wal-segsize=1"]  # the log is half of what is copied for each test with servers of its own
BUILTIN_LOCALE, SINCE = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"], 17
# A commit is in the hands of the system when it is acknowledged, so killing PostgreSQL loses none.
POSTGRES = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off"}
POSTGRES |= {"max_wal_size": "1GB"}  # else by the size of a segment: there would be checkpoints all the time
POSTGRES |= {"timezone": "UTC", "max_connections": "200", "unix_socket_permissions": "0700"}
# Servers are thousands of files that are made and removed again, and with a disk that takes half of the kernel's time.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 8_000_000_000  # folders in it have names that nobody knows before
VALKEY = ["--port", "0", "--save", "", "--appendonly", "no", "--databases", "64", "--unixsocketperm", "700"]


class Server:
    """One process that can be started, stopped, killed and started again."""

    def __init__(self, folder: Path, name: str, argv: list[str], polite: signal.Signals) -> None:
        self.folder, self._name, self._argv, self._polite = folder, name, argv, polite
        self._process: subprocess.Popen[bytes] | None = None
        self._life = -1

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.folder / f"{self._name}.log"

    def start(self) -> None:
        """Each process of the server holds an end of the pipe: it ends with the last of them."""
        self._life, held = os.pipe()
        with os.fdopen(held, "wb"), self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[held],
                start_new_session=True,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                preexec_fn=partial(_die_with_parent, self._polite),  # noqa: PLW1509  # it makes one system call
                **ACCOUNT.switch,
            )
        _wait_until(self._answers, self._name)

    def stop(self) -> None:
        self._end(self._polite)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        """PostgreSQL does not start beside a process that a killed one has left behind."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(GIVES_UP_AFTER_S)
            ended, _, _ = select.select([self._life], [], [], GIVES_UP_AFTER_S)
            os.close(self._life)
            assert ended, f"a process of {self._name} outlived it"

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self._name} did not start:\n{self.log.read_text()[-2000:]}")
        return self.is_ready()

    def is_ready(self) -> bool:
        raise NotImplementedError


class Postgres(Server):
    def __init__(self, folder: Path, programs: Path) -> None:
        self._data = folder / "data"
        settings = [part for name, value in POSTGRES.items() for part in ("-c", f"{name}={value}")]
        argv = [str(programs / "postgres"), "-D", str(self._data), "-k", str(folder), *settings]
        super().__init__(folder, "postgres", argv, signal.SIGINT)

    @property
    def admin_url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def is_ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"


class Valkey(Server):
    def __init__(self, folder: Path) -> None:
        self._socket = str(folder / "valkey.sock")
        argv = [str(programs().valkey), *VALKEY, "--unixsocket", self._socket, "--dir", str(folder)]
        super().__init__(folder, "valkey", argv, signal.SIGTERM)

    def is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(self._socket)
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
            except OSError:
                return False


class Servers:
    """Both, in one folder. The database `crm` is migrated and belongs to the login `crm`, which is no superuser."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres, self.valkey = Postgres(folder, programs().postgres), Valkey(folder)

    @property
    def place(self) -> Place:
        return Place(self._url("postgres"), self._url(LOGIN), f"unix://{self.folder}/valkey.sock?db=0")

    def _url(self, login: str) -> str:
        return f"postgresql://{login}@/{DATABASE}?host={self.folder}"

    def start(self) -> None:
        self.postgres.start()
        self.valkey.start()

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()


class Nursery:
    """The servers of one process: the first is made from nothing, the others are copies of its folder."""

    def __init__(self, seed: Path | None = None) -> None:
        self._folder = short_lived_folder("rapport-tests-")
        ACCOUNT.owns(self._folder)
        self._seed = seed
        self._running: list[Server] = []
        self._numbers = itertools.count()

    @property
    def seed(self) -> Path:
        if self._seed is None:
            postgres = self.bare_postgres(programs().postgres)
            try:
                asyncio.run(_fill(postgres))
            finally:
                postgres.stop()
            self._seed = postgres.folder
        return self._seed

    def start(self) -> Servers:
        folder = self._new_folder()
        _as_other(["cp", "-a", str(self.seed), str(folder)])
        servers = Servers(folder)
        self._running += [servers.postgres, servers.valkey]
        servers.start()
        return servers

    def bare_postgres(self, programs: Path) -> Postgres:
        """Freshly made by `initdb`: no role but the administrator's."""
        folder = self._new_folder()
        _as_other(["mkdir", "-m", "700", str(folder)])
        locale = BUILTIN_LOCALE if major_version(programs) >= SINCE else []
        _as_other([str(programs / "initdb"), "-D", str(folder / "data"), *INITDB, *locale])
        postgres = Postgres(folder, programs)
        self._running.append(postgres)
        postgres.start()
        return postgres

    def close(self) -> None:
        for server in reversed(self._running):
            server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _new_folder(self) -> Path:
        return self._folder / str(next(self._numbers))


def short_lived_folder(prefix: str) -> Path:
    """For servers and what they keep: in memory where the system has plenty to spare, and programs may run from it."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=MEMORY if _has_room(MEMORY) else None))


def _has_room(folder: Path) -> bool:
    try:
        there = os.statvfs(folder)
    except FileNotFoundError:
        return False
    is_ours = os.access(folder, os.W_OK) and not there.f_flag & os.ST_NOEXEC
    return is_ours and there.f_bavail * there.f_frsize >= ROOM_BYTES


async def _fill(postgres: Postgres) -> None:
    await make_login_and_database(postgres.admin_url)
    await migrate(Servers(postgres.folder).place.url)


def major_version(programs: Path) -> int:
    answer = subprocess.run(
        [str(programs / "postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(answer.split()[2].partition(".")[0])


@cache
def programs() -> Binaries:
    """A copy of them, where one is needed at all, serves every run of a test process."""
    runtime = Path(tempfile.mkdtemp(prefix="rapport-tests-"))
    runtime.chmod(0o755)
    atexit.register(shutil.rmtree, runtime, ignore_errors=True)
    return binaries(ACCOUNT, runtime)


def _as_other(command: list[str]) -> None:
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **ACCOUNT.switch)
    assert done.returncode == 0, done.stderr


def _die_with_parent(how: signal.Signals) -> None:
    """Runs in the child, after it changed its user: changing it would clear the wish again."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how)


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + GIVES_UP_AFTER_S
    while not condition():
        assert time.monotonic() < end, f"{what} was not ready within {GIVES_UP_AFTER_S:.0f} s"
        time.sleep(0.01)
