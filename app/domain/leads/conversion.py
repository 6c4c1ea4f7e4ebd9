"""What a lead becomes: which of its fields go where, which records that there are it means, what is left empty."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schemas import RecordRead
from app.domain.leads.schemas import LeadRead
from app.domain.matching.rules import Candidate

TO_ACCOUNT = MappingProxyType(
    {
        "name": "company",
        "website": "website",
        "industry": "industry",
        "employees": "employees",
        "country": "country",
    }
)
TO_CONTACT = MappingProxyType(
    {
        "first_name": "first_name",
        "last_name": "last_name",
        "email": "email",
        "phone": "phone",
        "title": "title",
        "description": "description",
        "do_not_email": "do_not_email",
        "do_not_call": "do_not_call",
    }
)
"""By field of the new record the field of the lead that it is filled from."""

ACCOUNT_IS = frozenset({"domain"})
CONTACT_IS = frozenset({"email"})
"""Reasons that leave no doubt; a name alone is no such reason."""
NAMED_BY = ("company", "firstName", "lastName", "email")
"""What of a lead the name of its opportunity is made from."""


def mapped(lead: LeadRead, fields: Mapping[str, str]) -> dict[str, Any]:
    """The values that the lead has, by field of what it becomes."""
    values = {name: getattr(lead, source) for name, source in fields.items()}
    return {name: value for name, value in values.items() if not _is_blank(value)}


def blanks(record: RecordRead, values: Mapping[str, Any], kind: AnyObject) -> dict[str, Any]:
    """Of the values those for which the record has none: nothing that somebody has entered is overwritten.

    Nor is anything given twice: an email that stands among the further ones stays there.
    """
    return {
        kind.by_column[name].api_name: one
        for name, one in values.items()
        if _is_blank(getattr(record, name)) and not _stands_beside(record, name, one, kind)
    }


def _stands_beside(record: RecordRead, name: str, value: Any, kind: AnyObject) -> bool:
    compared = {
        other for rule in kind.matched_by if name in rule.fields for other in rule.fields if other in kind.listed
    }
    known = {text.lower() for other in compared for text in kind.texts(other, getattr(record, other))}
    return isinstance(value, str) and value.lower() in known


def only_exact(candidates: Sequence[Candidate], codes: frozenset[str]) -> UUID | None:
    """The one candidate that leaves no doubt; of several none does."""
    exact = [one.record_id for one in candidates if codes.intersection(reason.code for reason in one.reasons)]
    return exact[0] if len(exact) == 1 else None


def likeness_of_account(lead: LeadRead) -> Mapping[str, Any]:
    """What is known of the company, as accounts are compared by."""
    return mapped(lead, {"name": "company", "website": "website", "email": "email"})


def opportunity_name(lead: LeadRead) -> str:
    """`Acme - Grace Hopper`, or what of it is known."""
    person = " ".join(one for one in (lead.first_name, lead.last_name) if one)
    return " - ".join(one for one in (lead.company, person) if one) or str(lead.email)


def _is_blank(value: Any) -> bool:
    """A wish not to be written to or called has been uttered or not: no is no value of its own."""
    return value is None or value == "" or value is False
