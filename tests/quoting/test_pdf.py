"""The paper of a quote: the same bytes for ever, nothing but text in it, and nobody else waits for it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copytree
from statistics import quantiles
from typing import Any

import pytest
import typst

from app.api.printing import press as printing
from app.api.printing import setter
from app.api.printing.press import Press
from app.domain.kernel.errors import Unavailable
from tests.factories.quoting import make_quote, present
from tests.quoting.test_quotes import line, usd
from tests.world import Client, Place, running

HOSTILE = '#read("/etc/passwd") #panic() ] $x^ *b _u `r <l> @preview/x:1.0.0 \\u{41 // c /* #while true {}'
TEXTS = [
    HOSTILE,
    "x" * 200,
    "שלום עולם العربية",
    "東京タワー 株式会社 한국어",
    "😀👩‍👩‍👧 a\u200b\u200d\u202eb",
    '"}',
    "a\nb\tc",
]


def soon() -> float:
    return time.monotonic() + 60


def paper_of(text: str, lines: int = 1, **more: Any) -> dict[str, Any]:
    """What is printed, with the text in every place."""
    words = ("title", "draft", "buyer", "position", "item", "quantity", "price", "off", "net", "terms", "page", "of")
    row = dict.fromkeys(("position", "name", "description", "quantity", "price", "off", "net"), text)
    places = {"seller": text, "buyer": [text] * 3, "name": text, "facts": [["Number", text]], "terms": text}
    shown = {"lines": [row] * lines, "totals": [[text, text]] * 2, "date": [2026, 11, 22], "draft": False}
    return {"language": "en", "words": {name: name for name in words}, **places, **shown, **more}


def pages(data: dict[str, Any], folder: Path = setter.FOLDER) -> int:
    source = json.dumps(data)
    found = typst.query(
        str(folder / "quote.typ"), "<last>", root=str(folder), field="value", sys_inputs={"data": source}
    )
    return int(json.loads(found)[0])


@pytest.fixture
async def press() -> AsyncIterator[Press]:
    made = Press()
    yield made
    await made.close()


async def test_a_presented_quote_is_the_same_paper_for_ever(client: Client, press: Press) -> None:
    quote = await present(client)
    url = f"/quotes/{quote['id']}/pdf"
    first = await client.get(url)
    assert (first.status_code, first.headers["content-type"], first.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert first.headers["content-disposition"] == f'attachment; filename="{quote["number"]}-1.pdf"'
    await client.post(f"/quotes/{quote['id']}/accept")
    later = await client.get(url, headers={"Accept-Encoding": "gzip"})
    assert (later.content, later.headers["etag"]) == (first.content, first.headers["etag"])
    known = await client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", first.headers["etag"])


async def test_two_processes_print_the_same_bytes(press: Press) -> None:
    made = []
    for _ in range(2):
        made += [await press.print(paper_of("GTX", lines=3), soon()), await press.print(paper_of("other"), soon())]
        await press.close()
    assert made[:2] == made[2:]
    assert made[0] != made[1]


async def test_an_edit_of_a_draft_is_another_paper(client: Client) -> None:
    quote = await make_quote(client, locale="de")
    url = f"/quotes/{quote['id']}/pdf"
    before = await client.get(url)
    assert before.headers["content-disposition"] == 'attachment; filename="draft.pdf"'
    await client.patch(f"/quotes/{quote['id']}", json={"terms": "Bar."})
    after = await client.get(url)
    assert before.headers["etag"] != after.headers["etag"]
    assert (await client.get(f"/quotes/{quote['opportunityId']}/pdf")).status_code == 404


@pytest.mark.parametrize("text", TEXTS)
async def test_any_text_is_text(client: Client, text: str) -> None:
    """In every field that a user writes, and as long as a field may be."""
    long = (text * 4_000)[:4_000] if text.isascii() else text
    sold = [line(name=text, description=long, unit=text[:100]), line(unitPrice=usd("0.0450"), description=text)]
    address = {"street": text, "city": text[:100], "region": text[:100], "postalCode": text[:20], "country": text[:100]}
    given = {"name": text, "billingName": text, "billingAddress": address, "terms": long, "notes": long}
    quote = await make_quote(client, lines=sold, locale="ar", **given)
    answer = await client.get(f"/quotes/{quote['id']}/pdf")
    assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-"), answer.text


def test_a_template_that_reads_text_as_markup_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "printing"
    copytree(setter.FOLDER, folder)
    template = (folder / "quote.typ").read_text()
    assert pages(paper_of(HOSTILE), folder)
    (folder / "quote.typ").write_text(template.replace("long(data.name)", 'eval(data.name, mode: "markup")'))
    with pytest.raises(RuntimeError):
        pages(paper_of(HOSTILE), folder)


@pytest.mark.parametrize("reach", ['#read("/../../../main.py")', '#read("../route.py")', '#include "../route.py"'])
def test_a_template_reaches_nothing_outside_of_its_folder(reach: str, tmp_path: Path) -> None:
    folder = tmp_path / "printing"
    copytree(setter.FOLDER, folder)
    (folder / "quote.typ").write_text(reach)
    with pytest.raises(RuntimeError, match="escape the project root"):
        pages(paper_of("x"), folder)


def test_the_template_asks_for_no_package() -> None:
    """What it would be asked for by name comes over the network."""
    assert "import" not in (setter.FOLDER / "quote.typ").read_text()


@pytest.mark.parametrize(("lines", "expected"), [(0, 1), (1, 1), (60, 3), (200, 10)])
def test_many_lines_are_many_pages(lines: int, expected: int) -> None:
    assert pages(paper_of("GTX", lines)) == expected


async def test_who_comes_when_too_many_wait_is_told_to_come_again(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "MOST_WAITING", 3)
    asked = [press.print(paper_of("GTX"), soon()) for _ in range(5)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(one, bytes) for one in answers] == [True, True, True, False, False]
    assert [one.code for one in answers if isinstance(one, Unavailable)] == ["printingBusy"] * 2


@pytest.mark.own_server
async def test_what_takes_too_long_or_dies_leaves_the_next_alone(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await press.print(paper_of("GTX"), soon())
    with monkeypatch.context() as patched:
        patched.setattr(printing, "LONGEST_S", 0.01)
        with pytest.raises(Unavailable, match="in time"):
            await press.print(paper_of("x" * 3_000, 200), soon())
    assert await press.print(paper_of("GTX"), soon()) == whole
    assert press._setter is not None
    os.kill(press._setter.pid, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await press.print(paper_of("GTX"), soon())
    with pytest.raises(TimeoutError):
        await press.print(paper_of("GTX"), time.monotonic() + 0.001)
    assert await press.print(paper_of("GTX"), soon()) == whole


def test_the_process_ends_with_the_server_that_started_it() -> None:
    """Also with one that had no time to say so: its input ends."""
    ended = subprocess.run(
        [sys.executable, "-I", setter.__file__], input=b"", capture_output=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, b"")


async def test_the_process_is_renewed_after_some_papers(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "RENEWED_AFTER", 2)
    seen = []
    for _ in range(4):
        await press.print(paper_of("GTX"), soon())
        seen.append(press._setter.pid if press._setter else None)
    assert [one is None for one in seen] == [False, True, False, True]


@pytest.fixture
async def patient(place: Place) -> AsyncIterator[Client]:
    """Of an application that lets everybody wait for the turn, however slow the machine is."""
    async with running(place, deadline_s=100) as world:
        yield await world.tenant()


@pytest.mark.own_server
async def test_others_are_answered_while_fifty_papers_are_printed(patient: Client) -> None:
    """None of them waits as long as it takes to print one."""
    client = patient
    quote = await make_quote(client, lines=[line() for _ in range(40)])
    url, printed = f"/quotes/{quote['id']}", list[Any]()

    async def took() -> float:
        began = time.perf_counter()
        assert (await client.get(url)).status_code == 200
        return time.perf_counter() - began

    async def fifty() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(ask(number))

    async def ask(number: int) -> None:
        printed.append((await client.get(f"{url}/pdf", headers={"X-Number": str(number)})).status_code)

    alone = [await took() for _ in range(50)]
    began, task, beside = time.perf_counter(), asyncio.ensure_future(fifty()), list[float]()
    while not task.done():
        beside.append(await took())
        await asyncio.sleep(0.005)
    await task
    each = (time.perf_counter() - began) / printed.count(200)
    shown = [[round(1_000 * one, 1) for one in quantiles(times, n=20)[9::9]] for times in (alone, beside)]
    sys.stdout.write(
        f"\nmilliseconds, median and 95 %: alone {shown[0]}, beside {shown[1]} of {len(beside)}; {sorted(printed)}\n"
    )
    assert set(printed) <= {200, 503}
    assert printed.count(200) >= printing.MOST_WAITING
    assert quantiles(beside, n=20)[9] < each
