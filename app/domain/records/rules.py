"""Rules that hold for records of any kind."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from pydantic.alias_generators import to_camel

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.changes import Clash
from app.domain.kernel.errors import AppError, Conflict, Fault, Invalid, refused
from app.domain.kernel.object_type import AnyObject


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


def told(kind: AnyObject, event: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """The event without the former values of a record that was not yet for the actor to see."""
    changes, data = event.get("changes", {}), event["data"]
    if kind.shared_by is None or actor.role is Role.admin or _seen_before(kind.shared_by, changes, data, actor):
        return event
    return event | {"changes": {field: [None, new] for field, (_, new) in changes.items()}}


def _seen_before(shared_by: str, changes: Mapping[str, Any], data: Mapping[str, Any], actor: Actor) -> bool:
    owner, shared = (changes.get(name, [data[name]])[0] for name in ("ownerId", to_camel(shared_by)))
    return owner == str(actor.id) or bool(shared)
