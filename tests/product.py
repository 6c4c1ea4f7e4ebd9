"""The product as a newcomer starts it, with servers of its own, whatever the tests run on."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers import short_lived_folder

READY_WITHIN_S = 300
STOPS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Product:
    """Where it answers, its admin key, and its state folder."""

    address: str
    key: str
    state: Path


@contextmanager
def up(*, seed: str = "none") -> Iterator[Product]:
    """`crm up`, in a folder that the account of its servers can reach: under root that is not root's own.

    It may call receivers of webhooks on this machine.
    """
    folder = short_lived_folder("rapport-up-")
    folder.chmod(0o755)
    ready, output = folder / "ready.json", folder / "output"
    given = ["--port", "0", "--state", str(folder / "state"), "--ready-file", str(ready), "--seed", seed]
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up", *given],
            stdout=file,
            stderr=file,
            env=without_servers() | {"CRM_ALLOW_LOOPBACK_CALLOUTS": "true"},
        )
    try:
        end = time.monotonic() + READY_WITHIN_S
        while not ready.exists():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < end, output.read_text()
            time.sleep(0.1)
        facts = json.loads(ready.read_text())
        yield Product(urlsplit(facts["apiUrl"]).netloc, facts["adminKey"], folder / "state")
    finally:
        process.terminate()
        process.wait(STOPS_WITHIN_S)
        shutil.rmtree(folder)


def without_servers() -> dict[str, str]:
    """The environment, but for what would lead `crm` to servers or settings of another product."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
