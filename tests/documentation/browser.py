"""Chromium without a network: what it shows of a page, and what it had to say about it."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

NAMES = ("chromium", "chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--enable-logging=stderr",
    "--virtual-time-budget=20000",
    "--force-device-scale-factor=0.1",  # nobody looks at the pixels, and each takes time
)
NO_NETWORK = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@dataclass(frozen=True, slots=True)
class Shown:
    """The document after its scripts ran, and the lines of the console: a blocked request is one of them."""

    document: str
    console: list[str]


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The application on a free port of this machine, until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True


async def show(url: str, profile: Path, *, height_px: int = 1_000) -> Shown:
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    assert chromium, "`make browser` installs Chromium"
    process = await asyncio.create_subprocess_exec(
        *(chromium, *FLAGS, NO_NETWORK, f"--window-size=1400,{height_px}"),
        *(f"--user-data-dir={profile}", "--dump-dom", url),
        env={"HOME": str(profile), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return Shown(output.decode(), [line for line in errors.decode().splitlines() if ":CONSOLE:" in line])
