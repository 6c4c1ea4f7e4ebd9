"""The page of a form, and the pages around it. They work without JavaScript and ask nobody else for anything."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from secrets import token_urlsafe
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse

from app.api.pages.markup import Html, Part, tag
from app.domain.capture.rules import questions_of
from app.domain.capture.schemas import LeadFormRead, Question
from app.domain.kernel.errors import Fault

_HERE = files("app.api.pages")
STYLE: Final = Html((_HERE / "form.css").read_text())
SCRIPT: Final = Html((_HERE / "form.js").read_text())
WAIT_MS: Final = 2_500
HONEYPOT: Final = "subject"
AGREED: Final = "yes"
HIDDEN: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "referrer", "page")
_TYPES: Final = {"email": "email", "phone": "tel", "url": "url"}
_AUTOCOMPLETE: Final = {
    "firstName": "given-name",
    "lastName": "family-name",
    "company": "organization",
    "title": "organization-title",
    "email": "email",
    "phone": "tel",
    "website": "url",
    "country": "country-name",
}


@dataclass(frozen=True, slots=True)
class Filled:
    """What stands in the page: the typed answers, what came along, and what is wrong with them."""

    ticket: str
    values: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    problem: str | None = None


def form_page(form: LeadFormRead, filled: Filled, status: int = 200) -> HTMLResponse:
    title, is_wrong = form.title or form.name, bool(filled.faults or filled.problem)
    wrong = {fault.pointer.rpartition("/")[2]: fault.message for fault in filled.faults}
    asked = questions_of(form)
    first = next((one.field for one in asked if one.field in wrong), "consent")
    content = (
        _summary(filled, wrong, {one.field for one in asked}) if is_wrong else None,
        tag("h1", title),
        tag("p", form.introduction) if form.introduction else None,
        tag(
            "form",
            (_question(one, filled.values.get(one.field, ""), wrong.get(one.field), first) for one in asked),
            _consent(form, filled, wrong.get("consent"), first) if form.consent_text else None,
            _honeypot(),
            _hidden(filled),
            tag("p", tag("button", "Send", type="submit")),
            tag("p", id="status", role="status"),
            method="post",
            action=f"{form.form_key}",
            novalidate=True,
            data_bits=str(form.proof_of_work_bits),
            data_wait=str(WAIT_MS),
        ),
    )
    return _page(f"Error: {title}" if is_wrong else title, content, status, form, script=True)


def message_page(title: str, text: str, status: int, form: LeadFormRead | None = None) -> HTMLResponse:
    return _page(title, (tag("h1", title), tag("p", text)), status, form)


def button_page(title: str, text: str, label: str) -> HTMLResponse:
    """A page whose button posts to the page's own address."""
    form = tag("form", tag("p", tag("button", label, type="submit")), method="post")
    return _page(title, (tag("h1", title), tag("p", text), form), 200, None)


def _page(title: str, content: Part, status: int, form: LeadFormRead | None, *, script: bool = False) -> HTMLResponse:
    nonce = token_urlsafe(16)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        tag("title", title),
        tag("style", STYLE, nonce=nonce),
    )
    body = tag("body", tag("main", content), tag("script", SCRIPT, nonce=nonce) if script else None)
    headers = {
        "content-security-policy": _policy(form, nonce, script=script),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse("<!doctype html>" + tag("html", head, body, lang="en"), status, headers)


def _policy(form: LeadFormRead | None, nonce: str, *, script: bool) -> str:
    """Browsers hold what a post redirects to against `form-action` as well."""
    framed = " ".join(form.allowed_origins) if form and form.allowed_origins else "'none'"
    target = urlsplit(form.redirect_url) if form and form.redirect_url else None
    sent_to = f"'self' {target.scheme}://{target.netloc}" if target else "'self'"
    scripts = f"script-src 'nonce-{nonce}'; " if script else ""
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; {scripts}form-action {sent_to}; "
        f"frame-ancestors {framed}; base-uri 'none'"
    )


def _summary(filled: Filled, wrong: Mapping[str, str], asked: Iterable[str]) -> Html:
    linked = [
        tag("li", tag("a", message, href=f"#{name}"))
        for name, message in wrong.items()
        if name in asked or name == "consent"
    ]
    title = tag("h2", "There is a problem", id="summary-title")
    text = tag("p", filled.problem) if filled.problem else None
    listed = tag("ul", linked) if linked else None
    return tag(
        "div", title, text, listed,
        id="summary", class_="summary", role="alert", tabindex="-1", aria_labelledby="summary-title",
    )  # fmt: skip


def _question(one: Question, value: str, error: str | None, first: str) -> Html:
    """`first` is the input that gets the focus if anything is wrong, with JavaScript or without."""
    label = tag("label", one.label, None if one.required else tag("span", " (optional)", class_="hint"), for_=one.field)
    return tag(
        "div", label, _error(one.field, error), _input(one, value, error is not None, first == one.field),
        class_="field problem" if error else "field",
    )  # fmt: skip


def _error(name: str, error: str | None) -> Html | None:
    return tag("p", "Error: ", error, id=f"{name}-error", class_="error") if error else None


def _input(one: Question, value: str, is_wrong: bool, is_first: bool) -> Html:  # noqa: FBT001  # called in one place, by its order
    common: dict[str, str | bool | None] = {
        "id": one.field,
        "name": one.field,
        "autocomplete": _AUTOCOMPLETE.get(one.field),
        "required": one.required,
        "autofocus": is_wrong and is_first,
        "aria_invalid": "true" if is_wrong else None,
        "aria_describedby": f"{one.field}-error" if is_wrong else None,
    }
    if one.kind == "longText":
        return tag("textarea", "\n", value, rows="6", **common)
    if one.kind == "choice":
        return tag("select", _options(one, value), **common)
    numeric = "numeric" if one.kind == "number" else None
    return tag("input", type=_TYPES.get(one.kind, "text"), value=value, inputmode=numeric, **common)


def _options(one: Question, value: str) -> Iterator[Html]:
    yield tag("option", "", value="")
    for option in one.options:
        yield tag("option", option, value=option, selected=option == value)


def _consent(form: LeadFormRead, filled: Filled, error: str | None, first: str) -> Html:
    box = tag(
        "input", type="checkbox", id="consent", name="consent", value=AGREED, required=True,
        checked=filled.values.get("consent") == AGREED, autofocus=error is not None and first == "consent",
        aria_invalid="true" if error else None, aria_describedby="consent-error" if error else None,
    )  # fmt: skip
    agreed = tag("label", box, tag("span", form.consent_text), class_="agree", for_="consent")
    legend = tag("legend", "Your agreement")
    return tag("fieldset", legend, _error("consent", error), agreed, class_="problem" if error else None)


def _honeypot() -> Html:
    label = tag("label", "Leave this empty", for_=HONEYPOT)
    box = tag("input", type="text", id=HONEYPOT, name=HONEYPOT, tabindex="-1", autocomplete="off")
    return tag("div", label, box, class_="unseen", aria_hidden="true")


def _hidden(filled: Filled) -> Iterator[Html]:
    given = {"ticket": filled.ticket, "proof": ""} | {
        name: filled.values[name] for name in HIDDEN if name in filled.values
    }
    for name, value in given.items():
        yield tag("input", type="hidden", name=name, value=value)
