"""Rules that hold for records of any kind."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.changes import Clash
from app.domain.kernel.errors import AppError, BadRequest, Conflict, Fault, Invalid, refused
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import Sort
from app.domain.kernel.schema import Schema

MAX_SORT_KEYS = 2


def refuse_cycle(record_id: UUID, above: Collection[UUID], reference: str) -> None:
    """`above` is everything above the record as it would become, beginning with its new parent."""
    if record_id in above:
        raise refused(Invalid, f"/{to_camel(reference)}", "cycle", "A record cannot stand above itself.")


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


def told(kind: AnyObject, event: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """The event without the former values of a record that was not yet for the actor to see."""
    changes, data = event.get("changes", {}), event["data"]
    if kind.shared_by is None or actor.role is Role.admin or _seen_before(kind.shared_by, changes, data, actor):
        return event
    return event | {"changes": {field: [None, new] for field, (_, new) in changes.items()}}


def _seen_before(shared_by: str, changes: Mapping[str, Any], data: Mapping[str, Any], actor: Actor) -> bool:
    owner, shared = (changes.get(name, [data[name]])[0] for name in ("ownerId", to_camel(shared_by)))
    return owner == str(actor.id) or bool(shared)
