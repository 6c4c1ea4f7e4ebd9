"""The phone numbers of a record, whose country the record says or else its tenant."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schemas import RecordRead


def stated_country(kind: AnyObject, values: Mapping[str, Any], before: RecordRead | None = None) -> str | None:
    """As the record says it once `values`, by column, are written to what was before."""
    return next(_countries(kind, values, before), None)


def _countries(kind: AnyObject, values: Mapping[str, Any], before: RecordRead | None) -> Iterator[str]:
    for name in kind.countries:
        yield from filter(str.strip, kind.texts(name, values[name] if name in values else getattr(before, name, None)))


def redialled(kind: AnyObject, name: str, value: Any, dialled: Callable[[str], str]) -> Any:
    """The value of a field with each of its numbers changed."""
    if isinstance(value, str):
        return dialled(value)
    member = kind.listed.get(name)
    if member is None or not isinstance(value, list):
        return value
    return [{**one, member: dialled(one[member])} if one.get(member) else one for one in value]
