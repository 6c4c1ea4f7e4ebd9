"""From a record as the API shows it, and as the event log keeps it, to the typed row that expressions read in memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.domain.kernel.expression import scalars
from app.domain.kernel.expression.memory import ABSENT, Row, Scope, key_of
from app.domain.kernel.expression.tree import OLD, ExternalId, Field
from app.domain.kernel.object_type import AnyObject, ValueType, currency_of
from app.domain.kernel.schema import CustomField, Schema

CUSTOM, EXTERNAL_IDS = "custom", "external_ids"
_BEGINNINGS = ("created", "restored")
_UNKNOWN_BEFORE = ("modified_at", "modified_by")  # an event says who wrote it, not who wrote the one before


class Loader:
    """Rows of one kind with what the schema shows of them; of `read` columns and members only, where that is given.

    Everything else is null to an expression. Numbers of custom fields must have been parsed without loss.
    """

    def __init__(self, kind: AnyObject, schema: Schema, read: Iterable[str] | None = None) -> None:
        wanted = None if read is None else frozenset(read)
        visible = [one for one in schema.fields(kind).values() if wanted is None or not wanted.isdisjoint(one.columns)]
        self._plain = [(field, _READ[field.type]) for field in visible if field.type in _READ]
        self._money = [field for field in visible if field.type is ValueType.money]
        names = {field.name for field in schema.fields(kind).values()}
        self._known_outside = EXTERNAL_IDS in names and (wanted is None or EXTERNAL_IDS in wanted)
        custom = schema.custom(kind).values() if CUSTOM in names else ()
        self._custom = [one for one in custom if wanted is None or _custom_key(one) in wanted]

    def row(self, data: Mapping[str, Any]) -> Row:
        row = Row()
        for field, read in self._plain:
            value = data.get(field.api_name)
            row[field.name] = None if value is None else read(value)
        for field in self._money:
            value = data.get(field.api_name) or {}
            row[field.name] = Decimal(value["amount"]) if value else None
            row[currency_of(field.name)] = value.get("currency")
        if self._known_outside:
            row[EXTERNAL_IDS] = data.get("externalIds") or {}
        if self._custom:
            custom = data.get(CUSTOM) or {}
            for one in self._custom:
                row[_custom_key(one)] = scalars.custom(one.type, custom.get(one.name))
        return row

    def event(self, verb: str, data: Mapping[str, Any], changes: Mapping[str, Sequence[Any]]) -> tuple[Row, Scope]:
        """The record and the scope with what it was before; `verb` is the second word of the type of the event."""
        row = self.row(data)
        if verb in _BEGINNINGS:
            return row, {OLD: ABSENT}
        old = self.row({**data, **{name: before for name, (before, _) in changes.items()}})
        if "version" in row:
            old["version"] = row["version"] - 1
        for name in _UNKNOWN_BEFORE:
            if name in row:
                old[name] = None
        return row, {OLD: old}


def keys_read(node: Any) -> Iterator[str]:
    """Of a shape: the keys of rows that it reads, whichever row that is."""
    if isinstance(node, Field):
        yield key_of(node)
        if node.currency:
            yield node.currency
    elif isinstance(node, ExternalId):
        yield EXTERNAL_IDS
    elif isinstance(node, tuple):
        for one in node:
            yield from keys_read(one)
    elif is_dataclass(node):
        for field in fields(node):
            yield from keys_read(getattr(node, field.name))


def _custom_key(field: CustomField) -> str:
    return f"custom.{field.name}"


_READ: Mapping[ValueType, Callable[[Any], Any]] = {
    ValueType.text: str,
    ValueType.integer: int,
    ValueType.boolean: bool,
    ValueType.decimal: Decimal,
    ValueType.date: date.fromisoformat,
    ValueType.timestamp: datetime.fromisoformat,
    ValueType.id: UUID,
}
