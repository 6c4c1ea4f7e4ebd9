"""What a name stands for: fields of the record, of records it refers to, of what was there before, and variables."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from app.domain.kernel.actor import Actor
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.expression.limits import MAX_HOPS, MAX_RELATIONS
from app.domain.kernel.expression.syntax import Name, Path
from app.domain.kernel.expression.tree import OLD, RECORD, Element, ExternalId, Field, Hop, Many, Slot, Source, Type
from app.domain.kernel.object_type import AnyObject, FieldType, ValueType, currency_of
from app.domain.kernel.query import Expand
from app.domain.kernel.schema import Schema

CUSTOM, EXTERNAL_IDS = "custom", "externalIds"
TYPES: Mapping[ValueType, Type] = {
    ValueType.text: Type.text,
    ValueType.integer: Type.number,
    ValueType.boolean: Type.boolean,
    ValueType.decimal: Type.number,
    ValueType.money: Type.number,
    ValueType.date: Type.date,
    ValueType.timestamp: Type.timestamp,
    ValueType.id: Type.id,
}
_SYSTEM = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,39}")
_LONGEST = 64  # a longer name is nobody's slip of the pen, and costly to compare


class Arguments:
    """The values of the slots, in the order of their writing."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def slot(self, value: Any, type_: Type) -> Slot:
        self.values.append(value)
        return Slot(len(self.values) - 1, type_)

    def replace(self, slot: Slot, value: Any, type_: Type) -> Slot:
        self.values[slot.index] = value
        return Slot(slot.index, type_)


@dataclass(frozen=True, slots=True)
class Row:
    """Where a path begins, or has come to. `prefix` is how its fields are called from the record."""

    source: Source
    kind: AnyObject
    prefix: str = ""
    hops: int = 0

    @property
    def exact(self) -> bool:
        """Whether the row is surely there."""
        return not self.source.hops and self.source.variable != OLD


class Names:
    """Resolves paths for one viewer. `fields` collects what was read, `variables` holds those in scope."""

    def __init__(self, kind: AnyObject, schema: Schema, actor: Actor, profile: Profile, arguments: Arguments) -> None:
        self._kind, self._schema, self._actor, self._profile = kind, schema, actor, profile
        self._arguments = arguments
        self._relations: dict[str, Mapping[str, Expand]] = {}
        self._joined: set[Source | int] = set()
        self.variables: dict[str, Row | Element] = {}
        self.fields: set[str] = set()

    def value(self, path: Path) -> Field | ExternalId | Element:
        start, names = self._start(path)
        if isinstance(start, Element):
            if names:
                raise _refused(names[0], "notHere", "This variable is a text, which has no fields.")
            return start
        row, rest = self._walked(start, names)
        return self._member(row, rest)

    def many(self, path: Path, variable: str) -> tuple[Many, Row] | None:
        """The to-many relation at the end of the path and the row of each of its records; None if it is a field."""
        start, names = self._start(path)
        if isinstance(start, Element) or not names:
            return None
        row, rest = self._walked(start, names)
        relation = self._of(row.kind).get(rest[0].text)
        if relation is None or not relation.many or len(rest) > 1:
            return None
        target = self._target(row, rest[0], relation)
        self._join(len(self._joined), rest[0])
        many = Many(row.source, relation.name, target.name, relation.reference, variable)
        return many, Row(Source(variable, target.name), target, f"{row.prefix}{relation.name}.", row.hops + 1)

    def _start(self, path: Path) -> tuple[Row | Element, tuple[Name, ...]]:
        first, rest = path.names[0], path.names[1:]
        if (variable := self.variables.get(first.text)) is not None:
            if isinstance(variable, Row) and not rest:
                raise _refused(first, "wrongType", f"This is a whole record; name a field of it: {first.text}.id.")
            return variable, rest
        record = Row(Source(RECORD, self._kind.name), self._kind)
        if first.text == RECORD and rest:
            return record, rest
        if first.text != OLD or (not rest and OLD in self._schema.fields(self._kind)):
            return record, path.names
        if self._profile is not Profile.event:
            message = "What a record was before is known only where events are judged; take old away here."
            raise _refused(first, "notHere", message)
        if not rest:
            raise _refused(first, "wrongType", "This is a whole record; name a field of it: old.id.")
        return Row(Source(OLD, self._kind.name), self._kind, "old."), rest

    def _walked(self, row: Row, names: tuple[Name, ...]) -> tuple[Row, tuple[Name, ...]]:
        """Follows references as far as something is left to be read behind them."""
        while len(names) > 1 and (relation := self._of(row.kind).get(names[0].text)) and not relation.many:
            target = self._target(row, names[0], relation)
            source = row.source
            hop = Hop(relation.name, relation.reference, target.name)
            row = Row(
                Source(source.variable, target.name, (*source.hops, hop)),
                target,
                f"{row.prefix}{relation.name}.",
                row.hops + 1,
            )
            self._join(row.source, names[0])
            names = names[1:]
        return row, names

    def _target(self, row: Row, name: Name, relation: Expand) -> AnyObject:
        if self._profile is Profile.event:
            field = "" if relation.many else f"; ask for {row.kind.by_column[relation.reference].api_name}"
            raise _refused(name, "notHere", f"An event carries only the record itself, and no {name.text}{field}.")
        if row.hops >= MAX_HOPS:
            raise _refused(name, "tooDeep", f"Follow at most {MAX_HOPS} relations in a row.")
        target = self._schema.catalog[relation.to]
        scope = target.scope("read")
        if not self._actor.may(scope):
            raise _refused(name, "missingScope", f"The key lacks the scope {scope}, which {name.text} needs.")
        return target

    def _join(self, what: Source | int, name: Name) -> None:
        self._joined.add(what)
        if len(self._joined) > MAX_RELATIONS:
            raise _refused(name, "tooComplex", f"Ask for at most {MAX_RELATIONS} different relations.")

    def _of(self, kind: AnyObject) -> Mapping[str, Expand]:
        if kind.name not in self._relations:
            self._relations[kind.name] = self._schema.relations(kind)
        return self._relations[kind.name]

    def _member(self, row: Row, names: tuple[Name, ...]) -> Field | ExternalId:
        first, rest = names[0], names[1:]
        visible = self._schema.fields(row.kind)
        field = visible.get(first.text)
        if field is None:
            return self._reference(row, first, rest)
        if field.api_name == CUSTOM:
            return self._custom(row, first, rest)
        if field.api_name == EXTERNAL_IDS:
            return self._external_id(row, first, rest)
        if field.type is ValueType.json:
            raise _refused(first, "wrongType", f"{first.text} holds a document, which cannot be compared.")
        if not rest:
            return self._field(row, field)
        return self._currency(row, field, rest)

    def _currency(self, row: Row, field: FieldType, rest: tuple[Name, ...]) -> Field:
        """The only field of a field is the currency of an amount."""
        if field.type is not ValueType.money:
            raise _refused(rest[0], "notHere", f"{field.api_name} is of type {TYPES[field.type]}, which has no fields.")
        if rest[0].text != "currency":
            raise _unknown(rest[0], f"{field.api_name} is a number, and only has a currency.", ["currency"])
        if len(rest) > 1:
            raise _refused(rest[1], "notHere", "A currency is of type text, which has no fields.")
        name, column = f"{field.api_name}.currency", currency_of(field.name)
        self.fields.add(row.prefix + name)
        nullable = bool(row.kind.table.c[column].nullable) or not row.exact
        return Field(row.source, name, column, Type.text, nullable)

    def _reference(self, row: Row, first: Name, rest: tuple[Name, ...]) -> Field:
        """A to-one relation by itself is the column that refers."""
        relation = self._of(row.kind).get(first.text)
        if relation is None:
            known = [*self._schema.fields(row.kind), *self._of(row.kind)]
            if row.prefix == "":
                known += self.variables
            raise _unknown(first, f"There is no field {first.text[:_LONGEST]} on {row.kind.name}.", known)
        if relation.many:
            how = f"{first.text}.exists(x, ...), {first.text}.all(x, ...) or {first.text}.count(x, ...)"
            raise _refused(rest[0] if rest else first, "wrongType", f"{first.text} are many records; ask {how}.")
        return self._field(row, row.kind.by_column[relation.reference])

    def _field(self, row: Row, field: FieldType) -> Field:
        self.fields.add(row.prefix + field.api_name)
        currency = currency_of(field.name) if field.type is ValueType.money else None
        nullable = field.nullable or not row.exact
        return Field(row.source, field.api_name, field.name, TYPES[field.type], nullable, currency=currency)

    def _custom(self, row: Row, first: Name, rest: tuple[Name, ...]) -> Field:
        known = self._schema.custom(row.kind)
        if not rest:
            raise _refused(first, "wrongType", "Name one of the custom fields: custom.<name>.")
        field = known.get(rest[0].text)
        if field is None:
            name = rest[0].text[:_LONGEST]
            raise _unknown(rest[0], f"There is no custom field {name} on {row.kind.name}.", known)
        if len(rest) > 1:
            raise _refused(rest[1], "notHere", f"{field.name} is of type {field.type}, which has no fields.")
        self.fields.add(f"{row.prefix}{CUSTOM}.{field.name}")
        return Field(row.source, field.name, CUSTOM, field.type, nullable=True, custom=True)

    def _external_id(self, row: Row, first: Name, rest: tuple[Name, ...]) -> ExternalId:
        if len(rest) != 1 or not _SYSTEM.fullmatch(rest[0].text):
            message = "Name one system of at most 40 letters and digits: externalIds.<system>."
            raise _refused(rest[0] if rest else first, "wrongType", message)
        self.fields.add(f"{row.prefix}{EXTERNAL_IDS}.{rest[0].text}")
        return ExternalId(row.source, self._arguments.slot(rest[0].text, Type.text))


def _unknown(name: Name, message: str, known: Iterable[str]) -> ExpressionError:
    near = get_close_matches(name.text, sorted(known), 1) if len(name.text) <= _LONGEST else []
    hint = f"Did you mean {near[0]}?" if near else "GET /metadata/expressions lists the fields."
    return ExpressionError(
        "unknownField",
        f"{message} {hint}",
        name.start,
        name.end,
        found=name.text[:_LONGEST],
        suggestion=near[0] if near else None,
    )


def _refused(name: Name, code: str, message: str) -> ExpressionError:
    return ExpressionError(code, message, name.start, name.end, found=name.text[:_LONGEST])
