"""What a form must be, and how what people type becomes the values of a lead."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError
from pydantic.alias_generators import to_camel, to_snake

from app.domain.capture.schemas import LeadFormRead, LeadSubmissionRead, Posted, Question
from app.domain.kernel.errors import Fault, Invalid, refused
from app.domain.leads.objects import LEAD
from app.domain.leads.schemas import LeadCreate
from app.domain.records.rules import in_e164

CONFIRMED_WITHIN: Final = timedelta(days=7)
IDENTIFYING: Final = ("lastName", "company", "email")
AGREEMENT: Final = "/consent"
SENT: Final = frozenset({"answers", "source", "utm", "referrer", "page", "consent_text"})
_KINDS: Final = {"email": {"email"}, "phone": {"phone"}, "employees": {"number"}, "website": {"url", "text"}}
_TEXTS: Final = {"text", "longText", "choice"}
_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
MESSAGES: Final = {
    "email": "Enter an email address, such as name@example.com.",
    "phone": "Enter the number with the code of its country, such as +44 20 7946 0000.",
    "employees": "Enter a whole number.",
}


def questions_of(form: LeadFormRead) -> list[Question]:
    """The record carries what the database holds: plain objects."""
    return [Question.model_validate(one) for one in form.fields]


def refuse_unusable(form: LeadFormRead) -> None:
    """Whatever is sent by the form has to make a lead, and one that can be confirmed where that is asked for."""
    asked = questions_of(form)
    faults = [fault for place, one in enumerate(asked) for fault in _unfit(one, asked[:place], f"/fields/{place}")]
    if faults:
        raise Invalid("Some questions cannot be asked: see the errors.", code="badQuestion", faults=faults)
    needed = {one.field for one in asked if one.required}
    if needed.isdisjoint(IDENTIFYING):
        message = "Require one of lastName, company and email: a lead without any is nobody."
        raise refused(Invalid, "/fields", "nameless", message)
    if form.double_opt_in and "email" not in needed:
        raise refused(Invalid, "/doubleOptIn", "noEmail", "Require email: only an address can be confirmed.")


def _unfit(one: Question, before: Sequence[Question], pointer: str) -> Iterator[Fault]:
    if any(one.field == other.field for other in before):
        yield Fault(f"{pointer}/field", "repeated", "Each field is asked for once.")
    known = _KINDS.get(one.field, _TEXTS)
    if one.kind not in known:
        yield Fault(f"{pointer}/kind", "unfitKind", f"Of this field the kind is {' or '.join(sorted(known))}.")
    if (one.kind == "choice") is not bool(one.options):
        yield Fault(f"{pointer}/options", "options", "A choice has options, and nothing else has.")


def answered(form: LeadFormRead, posted: Posted, country: str | None) -> dict[str, str]:
    """The answers without what is empty. Raises `Invalid` with all that is to be mended, in the order of the form.

    Browsers end a line with two characters, and everybody else with one.
    """
    kept = {name: text.strip().replace("\r\n", "\n") for name, text in posted.answers.items() if text.strip()}
    places = {f"/answers/{one.field}": place for place, one in enumerate(questions_of(form))}
    known = {name: text for name, text in kept.items() if f"/answers/{name}" in places}
    found = {one.pointer: one for one in (*_unfitting(known, country), *_unanswered(form, posted, kept))}
    faults = sorted(found.values(), key=lambda one: places.get(one.pointer, len(places)))
    if len(faults) == 1 and faults[0].pointer == AGREEMENT:
        raise Invalid(faults[0].message, code=faults[0].code, faults=faults)
    if faults:
        raise Invalid("Some answers are missing or refused: see the errors.", code="badAnswers", faults=faults)
    return kept


def _unanswered(form: LeadFormRead, posted: Posted, kept: Mapping[str, str]) -> Iterator[Fault]:
    """What the form does not ask for, and what it asks for and did not get."""
    asked = {one.field: one for one in questions_of(form)}
    for name in posted.answers:
        if name not in asked:
            yield Fault(f"/answers/{_escaped(name)}", "notAsked", "The form does not ask for this.")
    for name, one in asked.items():
        if name not in kept and one.required:
            yield Fault(f"/answers/{name}", "missing", f"Enter an answer to: {one.label}")
        elif name in kept and one.options and kept[name] not in one.options:
            yield Fault(f"/answers/{name}", "notAnOption", f"Choose one of the options of: {one.label}")
    if form.consent_text and not posted.consent:
        yield Fault(AGREEMENT, "consentMissing", "Agree, so that we may take this.")


def _unfitting(answers: Mapping[str, str], country: str | None) -> Sequence[Fault]:
    try:
        lead_of(answers, country)
    except Invalid as error:
        return error.faults
    return ()


def lead_of(answers: Mapping[Any, str], country: str | None, **beside: Any) -> LeadCreate:
    """Raises `Invalid` with a fault for each answer that the field of a lead does not take.

    A phone without the code of its country is one of what the answers say, or else of `country`.
    """
    values: dict[str, Any] = {**answers}
    if "phone" in values:
        values["phone"] = " ".join(values["phone"].split())
    if _WHOLE.fullmatch(values.get("employees", "")):
        values["employees"] = int(values["employees"])
    try:
        lead = LeadCreate.model_validate(values, strict=True)
    except ValidationError as error:
        faults = [_of_answer(str(one["loc"][0]), one["msg"]) for one in error.errors()]
        raise Invalid("Some answers are refused: see the errors.", code="badAnswers", faults=faults) from error
    try:
        read = in_e164(LEAD, lead.values(), None, country)
    except Invalid as error:
        faults = [_of_answer(one.pointer.removeprefix("/"), one.message) for one in error.faults]
        raise Invalid("Some answers are refused: see the errors.", code="badAnswers", faults=faults) from error
    return lead.model_copy(update={**read, **beside})


def blanks(known: Any, new: LeadCreate) -> dict[str, Any]:
    """What the form says and the lead does not. What somebody knows already is never replaced."""
    return {
        name: value
        for name, value in new.values().items()
        if value not in (None, {}) and name in _FILLED and getattr(known, name) in (None, {})
    }


def refuse_rewriting(before: LeadSubmissionRead, fields: Sequence[str]) -> None:
    """What a person has sent by a form stays as it was sent: it proves the consent. Verbs change the state with it."""
    if before.form_id is not None and "state" not in fields and not SENT.isdisjoint(fields):
        name = to_camel(next(one for one in fields if one in SENT))
        message = "This was sent by a form and stays as it was sent: change the lead instead."
        raise refused(Invalid, f"/{name}", "sentByForm", message)


def _of_answer(name: str, message: str) -> Fault:
    return Fault(f"/answers/{name}", "badAnswer", MESSAGES.get(name, message))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


_FILLED: Final = frozenset(
    {*map(to_snake, ("firstName", "lastName", "company", "title", "email", "phone", "website", "country")),
     "industry", "employees", "description", "source", "utm", "owner_id"}
)  # fmt: skip
