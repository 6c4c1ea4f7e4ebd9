"""One life of the supervisor: what it uses, its children, and what it tells the world about them."""

import asyncio
import http.client
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from app.local.errors import CannotStart, unusable
from app.local.process import Child, Program
from app.local.state import State, write_private
from app.settings import Settings

READY_WITHIN_S = 60.0

Say = Callable[[str], None]
Seed = Callable[[str, str], Awaitable[None]]


@dataclass(slots=True)
class Life:
    state: State
    settings: Settings
    api_url: str
    ready_file: Path | None
    say: Say
    notice: Say
    admin_key: str | None = None
    key_is_new: bool = False
    tenant_id: str | None = None
    ready: bool = False
    children: dict[str, list[Child]] = field(default_factory=dict)

    def child(self, role: str, program: Program) -> Child:
        child = Child(program, self.state.roll, self.notice)
        self.children.setdefault(role, []).append(child)
        return child

    def everyone(self) -> Iterator[Child]:
        for children in self.children.values():
            yield from children

    async def await_answer(self) -> None:
        """Until the API says that it is ready; a child that ends meanwhile has said why."""
        give_up = monotonic() + READY_WITHIN_S
        while True:
            status, answer = await asyncio.to_thread(_get, self.api_url, "/health/ready")
            if status == 200:
                return
            for child in self.everyone():
                if child.ended:
                    raise CannotStart(
                        f"{child.program.name} ended while starting ({child.ended}); its messages above say why."
                    )
            if monotonic() > give_up:
                raise CannotStart(
                    f"The API was not ready within {READY_WITHIN_S:.0f} s; it says: {answer or 'nothing'}"
                )
            await asyncio.sleep(0.1)

    async def identify(self) -> None:
        """A key that was revoked, or belongs to another database, opens nothing: better said than found out."""
        status, answer = await asyncio.to_thread(_get, self.api_url, "/api/v1/me", self.admin_key)
        if status == 200:
            self.tenant_id = answer["tenant"]["id"]
        else:
            self.admin_key = None
            self.notice(
                f"The admin key kept in {self.state.admin_key.file} does not open this database (status {status}): "
                f"make one with `crm key create`, or move that file away and start again."
            )

    def announce(self) -> None:
        write_private(self.state.api_url, self.api_url)
        kept = self.state.admin_key.file
        lines = [
            "Rapport is running. Ctrl-C stops it.",
            f"  API        {self.api_url}/api/v1",
            f"  Docs       {self.api_url}/docs",
            f"  State      {self.state.folder}",
        ]
        if self.admin_key:
            shown = f"{self.admin_key} (shown this once, " if self.key_is_new else "("
            lines.append(f"  Admin key  {shown}kept in {kept})")
        self.say("\n".join(lines))

    async def seed(self, seed: Seed) -> None:
        """Once in the life of a folder; a load that was cut short is simply run again."""
        done = self.state.folder / "seeded"
        if self.admin_key is None or done.exists():
            return
        await seed(self.api_url, self.admin_key)
        done.touch()

    def tell(self) -> None:
        """Writes the ready file, again whenever a process id in it has changed."""
        if not (self.ready and self.ready_file):
            return
        facts = {
            "apiUrl": self.api_url,
            "adminKey": self.admin_key,
            "tenantId": self.tenant_id,
            "databaseUrl": self.settings.database_url,
            "redisUrl": self.settings.redis_url,
            "pids": self._pids(),
        }
        write_private(self.ready_file, json.dumps(facts, indent=2) + "\n")

    def forget(self) -> None:
        """Nobody takes the file of an earlier life for ours; where none can be written is found out at once.

        That is tried beside it: whoever waits for the ready file must never meet an empty one.
        """
        self.state.api_url.unlink(missing_ok=True)
        if self.ready_file is None:
            return
        trial = self.ready_file.with_name(f"{self.ready_file.name}.trial")
        try:
            write_private(trial, "")
            trial.unlink()
            self.ready_file.unlink(missing_ok=True)
        except OSError as error:
            raise unusable(self.ready_file.absolute().parent, error) from error

    def _pids(self) -> dict[str, int | list[int]]:
        found: dict[str, int | list[int]] = {"supervisor": os.getpid()}
        for role, children in self.children.items():
            found[role] = [child.pid for child in children] if role == "api" else children[0].pid
        return found


def _get(api_url: str, path: str, key: str | None = None) -> tuple[int, Any]:
    """Status and document; 0 where nobody answers. Without a proxy, whatever the environment says."""
    connection = http.client.HTTPConnection(urlsplit(api_url).netloc, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException):
        return 0, None
    finally:
        connection.close()
    with suppress(ValueError):
        return response.status, json.loads(body)
    return response.status, None
