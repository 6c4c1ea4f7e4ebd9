"""The tests of the forms are worth something because they fail: each on its own fault, planted in the product."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from app.api.pages import forms, markup, page
from app.domain.capture import rules, service
from app.domain.capture.tickets import Ticket
from tests.capture import test_abuse, test_browser, test_forms
from tests.capture.browser import Chromium
from tests.world import Client, World

Checker = Callable[..., Awaitable[None]]


async def _unlimited(*_: Any) -> None:
    return None


def _unchecked(_: str, text: str, now: datetime, **__: Any) -> Ticket:
    return Ticket(text, now)


def _agreed(form: Any, posted: Any) -> dict[str, str]:
    return rules.answered(form, posted.model_copy(update={"consent": True}))


def _plain(text: str, *_: Any) -> str:
    return text


def _lax(*_: Any, **__: Any) -> str:
    return "default-src *"


def _scriptless(*_: Any, **__: Any) -> str:
    return "default-src 'none'; form-action 'self'"


@dataclass(frozen=True, slots=True)
class Plant:
    owner: Any
    name: str
    fault: Any
    checker: Checker

    def in_place(self, planting: pytest.MonkeyPatch) -> Checker:
        planting.setattr(self.owner, self.name, self.fault)
        return self.checker


FAULTS: Mapping[str, Plant] = {
    "no policy": Plant(page, "_policy", _lax, test_forms.test_the_policy_of_a_page_lets_nothing_in_but_its_own),
    "no escaping": Plant(
        markup, "escape", _plain, test_forms.test_a_script_in_every_field_is_stored_as_text_and_shown_escaped
    ),
    "no look at tickets": Plant(
        forms, "admitted", _unchecked,
        test_abuse.test_tickets_that_are_forged_old_or_fresh_and_missing_proofs_are_refused,
    ),
    "no consent": Plant(service, "answered", _agreed, test_forms.test_without_the_agreement_nothing_is_taken),
    "no limit": Plant(
        forms.Forms, "_limit", _unlimited,
        test_abuse.test_a_flood_from_one_address_is_stopped_before_it_costs_anything,
    ),
}  # fmt: skip
SEEN_IN_A_BROWSER: Mapping[str, Plant] = {
    "no escaping": Plant(markup, "escape", _plain, test_browser.test_a_script_in_every_field_is_text_that_is_shown),
    "a policy without the page's own script": Plant(
        page, "_policy", _scriptless, test_browser.test_a_script_in_every_field_is_text_that_is_shown
    ),
    "a column that is too wide": Plant(
        page, "STYLE", page.STYLE.replace("main {", "main { min-width: 22rem;"),
        test_browser.test_nothing_has_to_be_scrolled_sideways,
    ),
    "no label": Plant(
        page, "_hidden", lambda filled: [*_HIDDEN(filled), markup.tag("input", type="text", id="nameless")],
        test_browser.test_every_input_has_a_label_and_what_no_person_sees_is_not_reached,
    ),
}  # fmt: skip
_HIDDEN = page._hidden


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_is_seen(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    checker = FAULTS[fault].in_place(monkeypatch)
    with pytest.raises(AssertionError):
        await checker(client, world)


@pytest.mark.browser
@pytest.mark.own_server
@pytest.mark.parametrize("fault", SEEN_IN_A_BROWSER)
async def test_a_fault_that_a_person_would_meet_is_seen_in_the_browser(
    chromium: Chromium, site: str, client: Client, world: World, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    checker = SEEN_IN_A_BROWSER[fault].in_place(monkeypatch)
    given: dict[str, Any] = {"chromium": chromium, "site": site, "client": client, "world": world, "width": 320}
    wanted = checker.__code__.co_varnames[: checker.__code__.co_argcount]
    with pytest.raises(AssertionError):
        await checker(**{name: given[name] for name in wanted})
