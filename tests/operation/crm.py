"""`crm` as a person at a terminal has it: started as some account, read by what it prints, called by HTTP."""

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.operation.installation import Installation

READY_WITHIN_S = 120.0
STOPS_WITHIN_S = HAPPENS_WITHIN_S = 60.0
# Below the ports that the system hands out by itself: between choosing and using nobody is given it.
PORTS = range(20_000, 30_000)


class Crm:
    """One state folder, and whatever is started on it in turn."""

    def __init__(self, installation: Installation, name: str, **environment: str) -> None:
        self.installation = installation
        self.folder = installation.folder(name)
        self.state = self.folder / "state"
        self.ready_file = self.folder / "ready.json"
        self.environment = installation.environment | environment
        self.process: subprocess.Popen[str] | None = None

    def command(self, *arguments: str) -> list[str]:
        return [str(self.installation.python), "-m", "app.cli", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), capture_output=True, timeout=60, check=False, **self._as_account()
        )

    def start(self, *arguments: str) -> None:
        """Returns before it is ready."""
        given = ("--port", "0", "--state", str(self.state), "--ready-file", str(self.ready_file), *arguments)
        self.begin("up", *given)

    def begin(self, *arguments: str) -> None:
        with (self.folder / "output").open("a") as output:
            self.process = subprocess.Popen(
                self.command(*arguments), stdout=output, stderr=output, **self._as_account()
            )

    def up(self, *arguments: str) -> dict[str, Any]:
        """Starts it and answers what the ready file says."""
        self.start(*arguments)
        return self.ready()

    def ready(self) -> dict[str, Any]:
        assert self.process is not None
        return until(self._facts, lambda: f"it was not ready; it printed:\n{self.printed()}", READY_WITHIN_S)

    def printed(self) -> str:
        return (self.folder / "output").read_text()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """The exit code; None is left in `process`."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(how)
        return process.wait(STOPS_WITHIN_S)

    def processes(self) -> set[int]:
        """Everything that runs on the state folder, whoever started it: by what it was called with."""
        mark = os.fsencode(self.state)
        return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _mentions(entry, mark)}

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
        for pid in self.processes():
            kill(pid)

    def _facts(self) -> dict[str, Any] | None:
        """Those of this start, not of an earlier one that was killed before it could remove them."""
        assert self.process is not None
        assert self.process.poll() is None, f"it ended with {self.process.returncode} and printed:\n{self.printed()}"
        if not self.ready_file.exists():
            return None
        facts: dict[str, Any] = json.loads(self.ready_file.read_text())
        return facts if facts["pids"]["supervisor"] == self.process.pid else None

    def _as_account(self) -> dict[str, Any]:
        return {"text": True, "env": self.environment, "cwd": self.folder, **self.installation.account.switch}


class Api:
    def __init__(self, facts: dict[str, Any]) -> None:
        self.url, self.key = facts["apiUrl"], facts["adminKey"]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """0 where nobody answers."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        except (OSError, http.client.HTTPException):
            return 0, None
        finally:
            connection.close()

    def create_account(self, name: str) -> str:
        """The id of what was acknowledged; asked again after a 503, as after a server was killed."""
        answers: list[tuple[int, Any]] = []

        def created() -> bool:
            answers.append(self.call("POST", "/accounts", {"name": name}))
            return answers[-1][0] == 201

        until(created, lambda: str(answers[-1]))
        return str(answers[-1][1]["id"])

    def name_of(self, account_id: str) -> str | None:
        """None as long as it is not answered."""
        status, account = self.call("GET", f"/accounts/{account_id}")
        return account["name"] if status == 200 else None


def until(value: Callable[[], Any], otherwise: Callable[[], str], patience_s: float = HAPPENS_WITHIN_S) -> Any:
    """The first value that counts as true."""
    end = time.monotonic() + patience_s
    while not (found := value()):
        assert time.monotonic() < end, otherwise()
        time.sleep(0.05)
    return found


def free_port() -> int:
    while True:
        with suppress(OSError), socket.create_server(("127.0.0.1", secrets.choice(PORTS))) as probe:
            return int(probe.getsockname()[1])


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _mentions(process: Path, mark: bytes) -> bool:
    try:
        where = os.fsencode((process / "cwd").readlink())
        return any(
            mark in text for text in (where, (process / "cmdline").read_bytes(), (process / "environ").read_bytes())
        )
    except OSError:
        return False
