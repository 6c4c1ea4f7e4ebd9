"""The folder in which everything lies that outlives a run: data, logs, the admin key, the encryption key."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from app.local.account import Account, name_of
from app.local.errors import CannotStart, unusable
from app.local.roll import Roll

HERE = Path(".rapport")
SYSTEM = Path("/var/lib/rapport")
LONGEST_SOCKET_PATH = 103  # 108 bytes on Linux and 104 on macOS, the closing zero included


class KeptSecret:
    """A file that only who runs `crm up` may read."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self) -> str | None:
        with suppress(FileNotFoundError):
            return self.file.read_text().strip() or None
        return None

    def keep(self, secret: str) -> None:
        write_private(self.file, secret + "\n")


class State:
    """`data` and `sockets` belong to the account of the servers, everything else to who starts `crm`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log"
        self.run = folder / "run"
        self.metrics = self.run / "metrics"
        self.runtime = folder / "runtime"
        self.admin_key = KeptSecret(folder / "admin-key")
        self.encryption_key = encryption_key_in(folder)
        self.sockets = self.run / "servers"
        self.roll = Roll(self.run / "roll")
        self.addresses = self.run / "addresses.json"  # of the servers, while they run
        self.api_url = self.run / "api-url"  # while it is served


def encryption_key_in(folder: Path) -> KeptSecret:
    return KeptSecret(folder / "encryption-key")


def locate(asked: Path | None, account: Account | None) -> Path:
    """`./.rapport`, unless root starts it where the account of the servers cannot go, such as root's own home.

    Then it lies with the system's state, and `./.rapport` leads there.
    """
    if asked is not None:
        return asked.absolute()
    here = HERE.absolute()
    elsewhere = SYSTEM / hashlib.sha256(os.fsencode(here)).hexdigest()[:16]
    _drop_foreign_link(here, elsewhere)
    if account is None or not account.switch or account.can_enter(here if here.exists() else here.parent):
        return here.resolve()
    with suppress(OSError):  # it is only a sign
        here.symlink_to(elsewhere)
    return elsewhere


def _drop_foreign_link(here: Path, elsewhere: Path) -> None:
    """A copied checkout brings the link of the original with it, but has a state of its own."""
    if here.is_symlink() and here.readlink().parent == SYSTEM and here.readlink() != elsewhere:
        here.unlink()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[State]:
    """Held by one supervisor at a time; returns when no process of an earlier one is left."""
    try:
        for part in (folder, folder / "run", folder / "log"):
            part.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        state = State(folder)
    except PermissionError as error:
        raise _not_ours(folder, error) from error
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        _take(lock, folder)
        await state.roll.begin()
        (folder / "log").chmod(0o700)
        state.addresses.unlink(missing_ok=True)
        shutil.rmtree(state.metrics, ignore_errors=True)
        state.metrics.mkdir(mode=0o700)
        yield state
    finally:
        state.roll.close()
        os.close(lock)


@asynccontextmanager
async def prepared_for_servers(state: State, account: Account) -> AsyncIterator[None]:
    """The folders of the servers; their sockets go to a short private folder where the path is too long for them."""
    if not account.can_enter(state.folder):
        raise CannotStart(
            f"The user {account.name}, who runs the database servers, cannot reach {state.folder}: "
            f"choose another folder with --state, or another user with CRM_RUN_AS."
        )
    _check_owner(state, account)
    state.runtime.mkdir(exist_ok=True)
    for part in (state.data, state.data / "valkey", state.sockets):
        account.owns(part)
    note = state.run / "short-sockets"
    with suppress(FileNotFoundError):
        shutil.rmtree(note.read_text(), ignore_errors=True)
        note.unlink()
    if len(os.fsencode(state.sockets / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
        yield
        return
    # TMPDIR may be long itself.
    state.sockets = Path(tempfile.mkdtemp(prefix="rapport-", dir="/tmp"))
    note.write_text(str(state.sockets))
    account.owns(state.sockets)
    try:
        yield
    finally:
        shutil.rmtree(state.sockets, ignore_errors=True)
        note.unlink()


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and readable by its owner only."""
    aside = path.with_name(f"{path.name}.part")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode() or "unknown"
        raise CannotStart(
            f"The folder {folder} is in use by another crm (process {holder}): stop that one, or choose another with --state."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def _not_ours(folder: Path, error: PermissionError) -> CannotStart:
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        owner = name_of(folder.stat().st_uid)
        return CannotStart(
            f"The folder {folder} was made by {owner}: start crm as {owner}, or choose another with --state."
        )
    return unusable(folder, error)


def _check_owner(state: State, account: Account) -> None:
    owner = state.data.stat().st_uid if state.data.exists() else account.uid
    if owner != account.uid:
        raise CannotStart(
            f"The data in {state.data} belong to {name_of(owner)}, but the servers would run as {account.name}: "
            f"start crm as {name_of(owner)}, name that user with CRM_RUN_AS, or hand the data over with chown -R."
        )
