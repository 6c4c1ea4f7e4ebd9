"""The Dockerfile where no Docker runs: its instructions, in a clean folder, as somebody without rights."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.operation.crm import HAPPENS_WITHIN_S, STOPS_WITHIN_S, free_port, until
from tests.operation.installation import ROOT, Installation
from tests.servers import Servers

pytestmark = [pytest.mark.own_server, pytest.mark.timeout(300)]
PASSED_ON = re.compile(r"PIP_\w+|\w+_proxy|LANG|SSL_CERT_FILE", re.IGNORECASE)


@dataclass
class Image:
    """`top` is what the root folder is in a container."""

    top: Path
    by: Installation
    environment: dict[str, str]
    folder: Path = field(init=False)
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def build(self, dockerfile: str) -> None:
        text = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", "")
        for line in filter(None, map(str.strip, text.splitlines())):
            name, rest = line.split(maxsplit=1)
            getattr(self, f"do_{name.lower()}")(rest)

    def do_from(self, base: str) -> None:
        assert re.fullmatch(r"python:3\.\d+-slim", base)
        self.run([str(self.by.python), "-m", "venv", str(self.top / "base")], self.top)
        self.environment["PATH"] = f"{self.top / 'base' / 'bin'}:/usr/bin:/bin"

    def do_env(self, pairs: str) -> None:
        self.environment |= dict(pair.split("=", 1) for pair in shlex.split(pairs))

    def do_workdir(self, path: str) -> None:
        self.folder = self.top / path.lstrip("/")
        self.run(["mkdir", "-p", str(self.folder)], self.top)

    def do_copy(self, what: str) -> None:
        *sources, target = what.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, self.folder / target)
            else:
                shutil.copy(ROOT / source, self.folder / target)
        subprocess.run(["chown", "-R", f"{self.by.account.uid}:{self.by.account.gid}", self.folder], check=True)

    def do_run(self, line: str) -> None:
        self.run(["/bin/sh", "-c", line], self.folder)

    def do_user(self, user: str) -> None:
        self.user = user

    def do_expose(self, port: str) -> None:
        assert port == "8000"

    def do_healthcheck(self, options_and_command: str) -> None:
        self.healthcheck = json.loads(options_and_command.partition("CMD ")[2])

    def do_entrypoint(self, command: str) -> None:
        self.entrypoint = json.loads(command)

    def do_cmd(self, command: str) -> None:
        self.command = json.loads(command)

    def run(self, command: list[str], folder: Path) -> None:
        done = self.tried(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def tried(self, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        place = {"cwd": folder, "env": self.environment, **self.by.account.switch}
        return subprocess.run(command, capture_output=True, text=True, check=False, **place)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        started = [*self.entrypoint, *command]
        return subprocess.Popen(started, cwd=self.folder, env=self.environment, **self.by.account.switch)


@pytest.fixture
def image(somebody: Installation) -> Iterator[Image]:
    top = somebody.folder("image")
    pip = Path.home() / ".config" / "pip"
    if pip.exists():
        shutil.copytree(pip, somebody.home / ".config" / "pip", dirs_exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    environment["PIP_COMPILE"] = "0"  # ahead of use: of most that is installed, the commands here use nothing
    environment |= {
        name: somebody.environment[name] for name in ("HOME", "LD_LIBRARY_PATH") if name in somebody.environment
    }
    yield Image(top, somebody, environment | {"PATH": "/usr/bin:/bin"})
    shutil.rmtree(top)


def test_the_image_migrates_works_and_serves_until_it_is_told_to_stop(image: Image, own_server: Servers) -> None:
    image.build((ROOT / "Dockerfile").read_text())
    assert image.user.split(":")[0] not in ("root", "0")

    place = own_server.place
    image.environment |= {"CRM_DATABASE_URL": place.url, "CRM_REDIS_URL": place.redis_url}
    assert image.start("migrate").wait(HAPPENS_WITHIN_S) == 0

    port = str(free_port())
    here = {"0.0.0.0": "127.0.0.1", "8000": port}
    api, worker = image.start(*(here.get(word, word) for word in image.command)), image.start("worker")
    check = [word.replace(":8000/", f":{port}/") for word in image.healthcheck]
    until(lambda: image.tried(check, image.folder).returncode == 0, lambda: f"{check} never succeeded")
    assert worker.poll() is None
    for process in (api, worker):
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOPS_WITHIN_S) == 0
