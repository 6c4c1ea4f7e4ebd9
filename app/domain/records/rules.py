"""Rules that hold for records of any kind."""

from collections.abc import Collection
from uuid import UUID

from pydantic.alias_generators import to_camel

from app.domain.kernel.changes import Clash
from app.domain.kernel.errors import AppError, Conflict, Fault, Invalid, refused


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
