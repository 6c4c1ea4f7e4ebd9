"""A Python with the product in it that another account can reach, wherever the checkout and its interpreter lie."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from app.local.account import Account

ROOT = Path(__file__).parents[2]
PACKAGES = Path(uvicorn.__file__).parents[1]
BASE = Path(sys.base_prefix)
LIBRARY = f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
KEPT = ("PATH", "LANG", "SSL_CERT_FILE", "LD_LIBRARY_PATH")
NOT_NEEDED = shutil.ignore_patterns("site-packages", "test", "idlelib", "tkinter", "config-*", "*.a")


@dataclass(frozen=True, slots=True)
class Installation:
    """`home` is the account's own folder; below it everything may be written."""

    account: Account
    home: Path
    python: Path
    environment: dict[str, str]

    def folder(self, name: str) -> Path:
        made = self.home / name
        made.mkdir(parents=True)
        os.chown(made, self.account.uid, self.account.gid)
        return made


def installation(account: Account, home: Path) -> Installation:
    """The account's tools are used where it can reach them, and copied into `home` where it cannot."""
    os.chown(home, account.uid, account.gid)
    python, libraries = _interpreter(account, home / "python")
    modules = [str(_reachable(account, folder, home)) for folder in (ROOT, PACKAGES)]
    environment = {name: value for name, value in os.environ.items() if name in KEPT}
    environment |= libraries | {"HOME": str(home), "PYTHONPATH": os.pathsep.join(modules), "USER": account.name}
    return Installation(account, home, python, environment)


def _interpreter(account: Account, copy: Path) -> tuple[Path, dict[str, str]]:
    if account.version_of(Path(sys.executable)):
        return Path(sys.executable), {}
    program = Path(os.path.realpath(sys.executable))
    (copy / "bin").mkdir(parents=True)
    (copy / "lib").mkdir()
    shutil.copy2(program, copy / "bin" / program.name)
    shutil.copytree(BASE / LIBRARY, copy / LIBRARY, ignore=NOT_NEEDED)
    for shared in (BASE / "lib").glob("libpython*.so*"):
        shutil.copy2(shared, copy / "lib")
    return copy / "bin" / program.name, {"LD_LIBRARY_PATH": str(copy / "lib")}


def _reachable(account: Account, folder: Path, home: Path) -> Path:
    if account.can_enter(folder):
        return folder
    copy = home / folder.name
    shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", ".rapport", "*_cache"))
    subprocess.run(["chmod", "-R", "a+rX", copy], check=True)
    return copy
