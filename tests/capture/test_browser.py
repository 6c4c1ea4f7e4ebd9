"""The page of a form in Chromium: whoever comes to it, with and without JavaScript, by keys alone, on a small screen."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from app.api.pages import page as pages
from tests.capture.browser import BrowserPage, Chromium
from tests.capture.web import LONG, YOUNG, Visitor, listed
from tests.factories.capture import AGREED, EMAIL, MESSAGE, NAME, make_form
from tests.world import Client, World

pytestmark = [pytest.mark.browser, pytest.mark.own_server]

SCRIPT = (
    "</textarea></title><script>document.title = 'owned'</script>\"'><img src=x onerror=\"document.title = 'owned'\">"
)
SIZE = {"field": "country", "label": "Where are you?", "kind": "choice", "options": ["Germany", "Brazil"]}
PHONE = {"field": "phone", "label": "Phone", "kind": "phone"}
LONG_WORD = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
BLINDLY = "[...document.querySelectorAll('input:not([type=hidden]), textarea, select')]"


class Reader:
    """What a person who sees nothing hears of the element that has the focus."""

    def __init__(self, page: BrowserPage) -> None:
        self._page = page

    async def hears(self) -> str:
        return str(
            await self._page.ask(
                """(() => { const one = document.activeElement, by = one.getAttribute('aria-describedby');
                const said = [...(one.labels || [])].map((label) => label.innerText);
                if (by) said.push(...by.split(' ').map((id) => document.getElementById(id).innerText));
                return said.join(' | ') || one.innerText; })()"""
            )
        )


@asynccontextmanager
async def at(chromium: Chromium, site: str, form: Mapping[str, Any], **how: Any) -> AsyncIterator[BrowserPage]:
    async with chromium.page(**how) as page:
        await page.open(f"{site}/forms/{form['formKey']}")
        yield page


async def grow_old(page: BrowserPage, form: Mapping[str, Any], world: World, age: timedelta = LONG) -> None:
    """As if the page had been open for that long."""
    ticket = await Visitor(world).ticket(form, age)
    await page.ask(f"document.querySelector('[name=ticket]').value = '{ticket}'")


async def fill(page: BrowserPage, **values: str) -> None:
    """By keys: each input is reached with Tab."""
    for name, text in values.items():
        await page.press("Tab")
        assert await page.focused() == name
        await page.write(text)


async def test_the_script_of_the_page_finds_the_proof_and_the_lead_is_there(
    chromium: Chromium, site: str, client: Client
) -> None:
    form = await make_form(client, proofOfWorkBits=14)
    async with at(chromium, site, form) as page:
        await fill(page, lastName="Hopper", email="grace@acme.example", description="Ten of them\nby Friday")
        await page.press("Tab")
        await page.press("Enter")
        await page.arrive()
        assert await page.ask("document.querySelector('h1').innerText") == "Thank you"
        assert page.trouble == []
    [lead] = await listed(client, "leads")
    assert (lead["lastName"], lead["description"]) == ("Hopper", "Ten of them\nby Friday")


async def test_without_javascript_keys_alone_send_it_and_mistakes_are_found_beside_their_fields(
    chromium: Chromium, site: str, client: Client, world: World
) -> None:
    form = await make_form(client, fields=[NAME, EMAIL, PHONE], consentText=AGREED, proofOfWorkBits=14)
    async with at(chromium, site, form, script=False) as page:
        await grow_old(page, form, world)
        await fill(page, lastName="Hopper", email="nonsense", phone="12")
        await page.press("Enter")
        await page.arrive()
        assert await page.focused() == "email"
        heard = Reader(page)
        assert await heard.hears() == "Email | Error: Enter an email address, such as name@example.com."
        for wrong in ("phone", "consent"):
            await page.press("Tab")
            assert await page.focused() == wrong
            assert "| Error: " in await heard.hears()
        assert await page.ask("[lastName.value, email.value, phone.value]") == ["Hopper", "nonsense", "12"]
        await page.press("Space")
        for name, text in {"phone": "+44 20 7946 0000", "email": "grace@acme.example"}.items():
            await page.press("Tab", shift=True)
            assert await page.focused() == name
            await page.write(text)
        await page.press("Enter")
        await page.arrive()
        assert await page.ask("document.querySelector('h1').innerText") == "Thank you"
        assert page.trouble == []
    [lead] = await listed(client, "leads")
    assert (lead["lastName"], lead["phone"], lead["consentText"]) == ("Hopper", "+442079460000", AGREED)


async def test_with_javascript_the_focus_goes_to_the_first_mistake_or_to_what_is_wrong_with_all(
    chromium: Chromium, site: str, client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "WAIT_MS", 50)
    form = await make_form(client, fields=[NAME, EMAIL])
    async with at(chromium, site, form) as page:
        await grow_old(page, form, world, YOUNG)
        await fill(page, lastName="Hopper")
        await page.press("Enter")
        await page.arrive()
        assert (await page.focused(), await page.ask("document.title")) == ("summary", "Error: Contact us")
        await grow_old(page, form, world)
        await fill(page, lastName="Hopper")
        await page.press("Enter")
        await page.arrive()
        assert await page.focused() == "email"
        assert page.trouble == []


async def test_every_input_has_a_label_and_what_no_person_sees_is_not_reached(
    chromium: Chromium, site: str, client: Client
) -> None:
    form = await make_form(client, fields=[NAME, EMAIL, SIZE, MESSAGE], consentText=AGREED)
    async with at(chromium, site, form) as page:
        unnamed = (
            f"{BLINDLY}.filter((one) => !one.labels.length || !one.labels[0].innerText.trim()).map((one) => one.id)"
        )
        assert await page.ask(unnamed) == []
        reached = []
        for _ in range(6):  # the button is the last, and behind it is the window of the browser
            await page.press("Tab")
            reached.append(await page.focused())
        assert reached == ["lastName", "email", "country", "description", "consent", "BUTTON"]


@pytest.mark.parametrize("width", [320, 1000])
async def test_nothing_has_to_be_scrolled_sideways(
    chromium: Chromium, site: str, client: Client, world: World, width: int
) -> None:
    choice = SIZE | {"options": ["Germany", LONG_WORD * 2]}
    form = await make_form(
        client, title=LONG_WORD, introduction=f"{LONG_WORD * 3} {AGREED * 5}", consentText=LONG_WORD * 2,
        fields=[NAME | {"label": LONG_WORD}, EMAIL, choice, MESSAGE],
    )  # fmt: skip
    async with at(chromium, site, form, script=False, width=width) as page:
        for _ in range(2):  # as it is shown, and with mistakes
            assert await page.ask("document.documentElement.scrollWidth") <= width
            assert await page.ask(f"{BLINDLY}.filter((one) => one.getBoundingClientRect().right > {width}).length") == 0
            await grow_old(page, form, world)
            await page.ask("lastName.focus()")
            await page.press("Enter")
            await page.arrive()
        assert await page.ask("document.querySelectorAll('.error').length") == 3


async def test_a_script_in_every_field_is_text_that_is_shown(
    chromium: Chromium, site: str, client: Client, world: World
) -> None:
    asked = [NAME | {"label": SCRIPT}, EMAIL | {"label": SCRIPT}, MESSAGE | {"label": SCRIPT}]
    form = await make_form(client, title=SCRIPT, introduction=SCRIPT, fields=asked, consentText=SCRIPT)
    async with at(chromium, site, form) as page:
        await grow_old(page, form, world)
        await fill(page, lastName=SCRIPT, email=SCRIPT, description=SCRIPT)
        await page.ask("document.querySelector('form').submit()")
        await page.arrive()
        assert await page.ask("[document.title, document.querySelector('h1').innerText]") == [
            f"Error: {SCRIPT}",
            SCRIPT,
        ]
        assert await page.ask("[lastName.value, email.value, description.value]") == [SCRIPT] * 3
        assert await page.ask("document.querySelectorAll('img, script:not([nonce])').length") == 0
        assert page.trouble == []
