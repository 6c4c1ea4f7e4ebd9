import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from app.api import docs
from tests.documentation.browser import served, show
from tests.world import World

WHOLE_PAGE_PX = 40_000  # of a long list of operations the page renders no more than the window shows
LOADED = re.compile(r'(?:src|href)="([^"]+)"')


@pytest.fixture
def visitor(world: World) -> httpx.AsyncClient:
    """Somebody without a key."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://test")


async def test_the_page_loads_nothing_but_files_of_this_server(visitor: httpx.AsyncClient) -> None:
    page = await visitor.get("/docs")
    assert page.status_code == 200
    loaded = LOADED.findall(page.text)
    assert len(loaded) == 6
    for link in loaded:
        assert "//" not in link
        assert (await visitor.get(f"/{link}")).status_code == 200


async def test_the_policy_of_the_page_names_no_host(visitor: httpx.AsyncClient) -> None:
    policy = (await visitor.get("/docs")).headers["content-security-policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert {source for sources in directives.values() for source in sources.split()} == {"'none'", "'self'", "data:"}


async def test_a_file_of_the_page_is_stored_for_good_and_sent_packed(visitor: httpx.AsyncClient) -> None:
    link = next(link for link in LOADED.findall((await visitor.get("/docs")).text) if "bundle" in link)
    plain = await visitor.get(f"/{link}", headers={"accept-encoding": "identity"})
    packed = await visitor.get(f"/{link}", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert "immutable" in plain.headers["cache-control"]
    again = await visitor.get(f"/{link}", headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_page_itself_is_asked_for_anew(visitor: httpx.AsyncClient) -> None:
    page = await visitor.get("/docs")
    assert page.headers["cache-control"] == "no-cache"
    assert (await visitor.get("/docs", headers={"if-none-match": page.headers["etag"]})).status_code == 304


async def test_an_unknown_file_of_the_page_is_a_problem(visitor: httpx.AsyncClient) -> None:
    missing = await visitor.get("/docs/swagger-ui.js")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"


@pytest.mark.browser
async def test_a_browser_without_a_network_shows_every_operation(world: World, tmp_path: Path) -> None:
    async with served(world.app) as url:
        shown = await show(f"{url}/docs", tmp_path, height_px=WHOLE_PAGE_PX)
        async with httpx.AsyncClient(base_url=url) as visitor:
            paths = (await visitor.get("/openapi.json")).json()["paths"]
    assert len(paths) > 10
    assert not {path for path in paths if f'data-path="{path}"' not in shown.document}
    assert "Authorize" in shown.document
    assert "crm key create" in shown.document
    assert not shown.console


@pytest.mark.browser
async def test_the_browser_tells_of_a_foreign_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = '<img src="https://foreign.example/pixel.png"></main>'
    monkeypatch.setattr(docs, "PAGE", docs.PAGE.replace("</main>", foreign))
    async with served(Starlette(routes=docs.docs_routes())) as url:
        shown = await show(f"{url}/docs", tmp_path)
    assert any("foreign.example" in line for line in shown.console)
