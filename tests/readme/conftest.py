import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.readme.served import Served

READY_WITHIN_S = 200


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-answers", action="store_true", help="write the real answers into the pages")


@contextmanager
def up(seed: str, **environment: str) -> Iterator[Served]:
    """`crm up` in a folder that the servers' account can reach, as they run as nobody under root."""
    folder = Path(tempfile.mkdtemp(prefix="rapport-tour-"))
    folder.chmod(0o755)
    ready = folder / "ready.json"
    arguments = ["--port", "0", "--state", str(folder / "state"), "--ready-file", str(ready), "--seed", seed]
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "up", *arguments],
            stdout=output,
            stderr=output,
            env=os.environ | environment,
        )
    try:
        end = time.monotonic() + READY_WITHIN_S
        while not ready.exists():
            assert process.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < end, (folder / "output").read_text()
            time.sleep(0.1)
        yield Served(urlsplit(json.loads(ready.read_text())["apiUrl"]).netloc, folder / "state")
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def fresh() -> Iterator[Served]:
    """Started as nobody has used it yet."""
    with up("none") as served:
        yield served


@pytest.fixture(scope="session")
def seeded() -> Iterator[Served]:
    """With the whole sample in it, which without a rate limit takes half the time."""
    with up("demo", CRM_RATE_LIMIT_PER_MINUTE="0") as served:
        yield served
