"""A condition as SQL over the columns of a row."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Numeric,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    literal_column,
    not_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from app.domain.kernel.expression.tree import (
    And,
    Compare,
    Comparison,
    Condition,
    Constant,
    ExternalId,
    Field,
    IsNull,
    Not,
    OneOf,
    Slot,
    Test,
    Type,
)
from app.repositories.compile import ordered

TYPES: Mapping[Type, TypeEngine[Any]] = {
    Type.text: Text(),
    Type.number: Numeric(),
    Type.boolean: Boolean(),
    Type.date: Date(),
    Type.timestamp: DateTime(timezone=True),
    Type.id: Uuid(),
}


def condition(node: Condition, source: FromClause) -> ColumnElement[bool]:
    """Argument `n` becomes the parameter `a<n>`."""
    match node:
        case Constant():
            return true()
        case And(parts):
            return and_(true(), *(condition(part, source) for part in parts))
        case Not(inner):
            return not_(condition(inner, source))
        case Compare(Comparison.eq, ExternalId(_, system), Slot() as value):
            wanted = func.jsonb_build_object(_bound(system, Text()), _bound(value, Text()), type_=JSONB)
            return source.c.external_ids.op("@>", is_comparison=True)(wanted)
        case IsNull(Field() as field):
            return source.c[field.column].is_(None)
        case Compare(comparison, Field() as field, Slot() as value):
            column = source.c[field.column]
            return _COMPARISONS[comparison](column, _bound(value, column.type))
        case OneOf(Field() as field, values):
            column = source.c[field.column]
            return ordered(column) == _bound(values, ARRAY(column.type)).any_()
        case Test(function, (Field() as field, Slot() as value)):
            return _TESTS[function](source.c[field.column], _bound(value, Text()))
    raise NotImplementedError(type(node))


def _bound(slot: Slot, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    return bindparam(f"a{slot.index}", type_=type_, required=True)


def _contains(column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
    """By position, so that no character of the argument is a pattern."""
    return func.strpos(func.lower(column), func.lower(value)) > literal_column("0")


_COMPARISONS: dict[Comparison, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]] = {
    Comparison.eq: lambda column, value: ordered(column) == value,
    Comparison.ne: lambda column, value: column.is_distinct_from(value),
    Comparison.lt: lambda column, value: ordered(column) < value,
    Comparison.lte: lambda column, value: ordered(column) <= value,
    Comparison.gt: lambda column, value: ordered(column) > value,
    Comparison.gte: lambda column, value: ordered(column) >= value,
}
_TESTS: dict[str, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]] = {
    "icontains": _contains,
    "startsWith": func.starts_with,
}
