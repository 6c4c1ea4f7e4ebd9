"""The product as a newcomer starts it, with servers of its own, whatever the tests run on."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

READY_WITHIN_S = 200
STOPS_WITHIN_S = 30
LOADED = re.compile(r"^Loaded \S+ in ([0-9.]+) s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Product:
    """Where it answers, its admin key, its state folder, and what it has printed until it was ready."""

    address: str
    key: str
    state: Path
    printed: str

    @property
    def loaded_in_s(self) -> float:
        """How long it took to load the sample, in its own words."""
        found = LOADED.search(self.printed)
        assert found, self.printed
        return float(found[1])


@contextmanager
def up(*, seed: str = "none", **environment: str) -> Iterator[Product]:
    """`crm up`, in a folder that the account of its servers can reach: under root that is not root's own."""
    folder = Path(tempfile.mkdtemp(prefix="rapport-up-"))
    folder.chmod(0o755)
    ready, output = folder / "ready.json", folder / "output"
    given = ["--port", "0", "--state", str(folder / "state"), "--ready-file", str(ready), "--seed", seed]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up", *given], stdout=file, stderr=file, env=inherited | environment
        )
    try:
        end = time.monotonic() + READY_WITHIN_S
        while not ready.exists():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < end, output.read_text()
            time.sleep(0.1)
        facts = json.loads(ready.read_text())
        yield Product(urlsplit(facts["apiUrl"]).netloc, facts["adminKey"], folder / "state", output.read_text())
    finally:
        process.terminate()
        process.wait(STOPS_WITHIN_S)
        shutil.rmtree(folder)
