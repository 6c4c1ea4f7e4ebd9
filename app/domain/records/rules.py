"""Rules that hold for records of any kind."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel

from app.domain.kernel.changes import Clash
from app.domain.kernel.countries import country_code
from app.domain.kernel.dialling import redialled, stated_country
from app.domain.kernel.errors import AppError, BadRequest, Conflict, Fault, Invalid, refused
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.phones import e164, is_international
from app.domain.kernel.query import Sort
from app.domain.kernel.schema import Schema
from app.domain.kernel.schemas import RecordRead

MAX_SORT_KEYS = 2
_WITH_CODE = "write it with the code of its country, such as +49 30 123456."
_NOWHERE = (
    f"Nothing says of which country this number is: {_WITH_CODE} Or an administrator sets the country of the "
    "organisation once and for all: PATCH /tenant-settings."
)
_UNREADABLE = (
    f"The record is in a country that we do not know: give it by its code, such as DE. Or the number: {_WITH_CODE}"
)


def refuse_cycle(record_id: UUID, above: Collection[UUID], reference: str) -> None:
    """`above` is everything above the record as it would become, beginning with its new parent."""
    if record_id in above:
        raise refused(Invalid, f"/{to_camel(reference)}", "cycle", "A record cannot stand above itself.")


def in_e164(
    kind: AnyObject, values: Mapping[str, Any], before: RecordRead | None, tenants: str | None
) -> Mapping[str, Any]:
    """`values` by column, as they are kept: a number without the code of its country is one of where the record is.

    `before` is the record that they are written to, and `tenants` the country that counts where it does not say any.
    """
    open_ = [name for name in kind.phones if not all(map(is_international, kind.texts(name, values.get(name))))]
    if not open_:
        return values
    stated = stated_country(kind, values, before)
    country = country_code(stated) if stated else tenants
    if country is None:
        raise _unknown(kind, values, open_, None, "unknownCountry", _UNREADABLE if stated else _NOWHERE)

    def read(number: str) -> str:
        return e164(number, country) or number

    kept = {name: redialled(kind, name, values[name], read) for name in open_}
    if any(not is_international(one) for name in open_ for one in kind.texts(name, kept[name])):
        raise _unknown(kind, values, open_, country, "unknownNumber", f"This is no number of {country}: {_WITH_CODE}")
    return {**values, **kept}


def _unknown(
    kind: AnyObject, values: Mapping[str, Any], names: Collection[str], country: str | None, code: str, message: str
) -> AppError:
    """Names each number that is none of the country, or all that need one where it is not known."""
    faults = [
        Fault(f"/{to_camel(name)}" + (f"/{place}/{kind.listed[name]}" if name in kind.listed else ""), code, message)
        for name in names
        for place, one in enumerate(kind.texts(name, values[name]))
        if not is_international(one) and e164(one, country) is None
    ]
    return Invalid(message, code=code, faults=faults)


def clash(clashes: list[Clash]) -> AppError:
    """Says of each field what it was, what others made of it, and what the caller wanted."""
    message = "Others have set this field to another value since your base version."
    faults = [
        Fault(f"/{one.field}", "clash", message, {"base": one.base, "theirs": one.theirs, "yours": one.yours})
        for one in clashes
    ]
    return Conflict(
        "Others have edited the same fields: choose, and send the edit on the new version.", code="clash", faults=faults
    )


def order(kind: AnyObject, schema: Schema, text: str) -> tuple[Sort, ...]:
    """The parameter `sort`. A field that is named twice orders by its first mention."""
    names, visible = text.split(","), schema.fields(kind)
    fields = [visible.get(name.removeprefix("-")) for name in names]
    known = [field.name for field in fields if field and kind.may_sort(field.name)]
    if len(known) != len(names) or len(names) > MAX_SORT_KEYS:
        sortable = ", ".join(field.api_name for field in visible.values() if kind.may_sort(field.name))
        message = f"Sort by at most {MAX_SORT_KEYS} fields of {sortable}."
        raise refused(BadRequest, "sort", "badSort", message)
    first: dict[str, Sort] = {}
    for name, key in zip(known, names, strict=True):
        first.setdefault(name, Sort(name, key.startswith("-")))
    return tuple(first.values())
