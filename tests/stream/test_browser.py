"""The page of `docs/events.md` in a browser, with a key, from another origin, over a restart of the server."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.architecture.source import ROOT
from tests.documentation.browser import FLAGS, NAMES, NO_NETWORK, served
from tests.factories.accounts import make_account
from tests.fuzz.server import serving
from tests.operation.crm import free_port
from tests.world import Client, Place

pytestmark = [pytest.mark.browser, pytest.mark.own_server]

FLAGS_THAT_STAY = [*(one for one in FLAGS if not one.startswith("--virtual-time")), "--remote-debugging-port=0"]
HEARD_WITHIN_S = 60.0
Heard = Callable[[], Awaitable[str]]


@asynccontextmanager
async def browsing(url: str, profile: Path) -> AsyncIterator[None]:
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    assert chromium, "`make browser` installs Chromium"
    process = await asyncio.create_subprocess_exec(
        *(chromium, *FLAGS_THAT_STAY, NO_NETWORK, f"--user-data-dir={profile}", url),
        env={"HOME": str(profile), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def page_of(stream: str, key: str) -> AsyncIterator[tuple[str, Heard]]:
    """A page that follows the stream, and what it has heard of, one after the other."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    (follow,) = re.findall(r"^```js\n(.*?)^```$", (ROOT / "docs" / "events.md").read_text(), re.MULTILINE | re.DOTALL)
    tell = "(event) => fetch('/heard', {method: 'POST', body: event.data.name})"

    async def show(_: Request) -> Response:
        return HTMLResponse(f"<script>{follow}; follow('{stream}', '{key}', {tell})</script>")

    async def hear(request: Request) -> Response:
        heard.put_nowait((await request.body()).decode())
        return Response()

    async def next_heard() -> str:
        async with asyncio.timeout(HEARD_WITHIN_S):
            return await heard.get()

    async with served(Starlette(routes=[Route("/", show), Route("/heard", hear, methods=["POST"])])) as url:
        yield url, next_heard


async def test_a_page_hears_of_everything_though_the_server_is_restarted(
    place: Place, client: Client, tmp_path: Path
) -> None:
    port = free_port()
    stream = f"http://127.0.0.1:{port}/api/v1/events/stream?object=account&after=0-0"
    async with page_of(stream, client.key) as (page, heard), browsing(page, tmp_path):
        with serving(place, port=port):
            for name in ("First", "Second"):
                await make_account(client, name=name)
                assert await heard() == name
        await make_account(client, name="Third")
        with serving(place, port=port):
            assert await heard() == "Third"
