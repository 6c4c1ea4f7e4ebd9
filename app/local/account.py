"""The account that runs the database servers: neither PostgreSQL nor initdb starts as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from app.local.errors import CannotStart


class Switch(TypedDict, total=False):
    """Arguments of `subprocess.Popen` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int
    name: str

    @property
    def switch(self) -> Switch:
        if self.uid == os.geteuid():
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def owns(self, folder: Path) -> None:
        """Makes the folder this account's own and nobody else's."""
        folder.mkdir(exist_ok=True)
        if self.switch:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def can_enter(self, folder: Path) -> bool:
        """Tried as that account, because access lists and mounts know more than the mode bits."""
        return self._says("/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)) is not None

    def version_of(self, program: Path) -> str | None:
        """What it answers, or None where it does not run for this account."""
        return self._says(str(program), "--version")

    def _says(self, *command: str) -> str | None:
        try:
            done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **self.switch)  # noqa: S603  # no shell, and paths of our own
        except OSError:
            return None
        return done.stdout if done.returncode == 0 else None


def server_account() -> Account:
    """Who starts `crm` runs the servers too, but root hands them to CRM_RUN_AS, or to `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), name_of(os.geteuid()))
    name = os.environ.get("CRM_RUN_AS", "nobody")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise CannotStart(f"CRM_RUN_AS names {name}, and there is no such user.") from None
    if entry.pw_uid == 0:
        raise CannotStart("CRM_RUN_AS must not name root: PostgreSQL refuses to run as root.")
    return Account(entry.pw_uid, entry.pw_gid, name)


def name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
