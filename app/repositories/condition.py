"""An expression as SQL over the rows that one viewer sees. Argument `n` of it becomes the parameter `a<n>`.

Conditions are two-valued, SQL is not. So there are two readings of each: `holds` is TRUE where the condition is true,
`fails` is TRUE where it is false, and both may be FALSE or NULL elsewhere, which WHERE, AND, OR and CASE take for the
same. A NOT becomes the other reading, down to the comparisons, where an index may still answer it.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Select,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
)

from app.domain.kernel.expression.tree import (
    RECORD,
    And,
    Arithmetic,
    AsValue,
    Call,
    Choice,
    Compare,
    Comparison,
    Condition,
    Constant,
    Count,
    Either,
    Element,
    Exists,
    ExistsValue,
    ExternalId,
    Field,
    Holds,
    Hop,
    IsNull,
    IsTrue,
    Many,
    Negated,
    Not,
    Null,
    OneOf,
    Or,
    Slot,
    Source,
    Test,
    Type,
    Value,
)
from app.domain.kernel.object_type import currency_of
from app.domain.kernel.record import ExternalId as ExternalIdRow
from app.domain.kernel.record import table_of
from app.domain.kernel.schema import Schema
from app.repositories import scalars
from app.repositories.compile import of_tenant, ordered, read_view, visible

Column = ColumnElement[Any]
Truth = ColumnElement[bool]


class Rows:
    """The row that a question is about, under the name of its variable, with what its references lead to.

    `joined` is complete when every condition has been asked. A row inside of an `exists` knows the rows outside:
    `places` are all by their variables, and `elements` the values that variables of text stand for.
    """

    def __init__(self, schema: Schema, variable: str, source: FromClause, outer: "Rows | None" = None) -> None:
        self.schema = schema
        self.joined = source
        self.known = [source]
        self.elements: dict[str, Column] = outer.elements if outer else {}
        self.places: dict[str, Rows] = {**(outer.places if outer else {}), variable: self}
        self._rows: dict[tuple[Hop, ...], FromClause] = {(): source}

    def row(self, source: Source) -> FromClause:
        return self.places[source.variable].reached(source.hops)

    def join_lateral(self, one: Select[Any]) -> FromClause:
        """A row that each row has exactly one of."""
        found = one.lateral()
        self.joined = self.joined.join(found, true())
        self.known.append(found)
        return found

    def reached(self, hops: tuple[Hop, ...]) -> FromClause:
        """One join for each path, on a record that is visible, else on none."""
        if hops not in self._rows:
            kind = self.schema.catalog[hops[-1].to]
            near, far = self.reached(hops[:-1]), read_view(kind.table).alias()
            link = and_(visible(kind, far, self.schema), far.c.id == near.c[hops[-1].column])
            self.joined = self.joined.outerjoin(far, link)
            self.known.append(far)
            self._rows[hops] = far
        return self._rows[hops]


def matching(node: Condition, source: FromClause, schema: Schema) -> tuple[FromClause, Truth]:
    """What to select the rows of `source` from, and what those of them fulfil that the condition holds for."""
    rows = Rows(schema, RECORD, source)
    truth = holds(node, rows)
    return rows.joined, truth


def holds(node: Condition, rows: Rows) -> Truth:
    return _HOLDS[type(node)](node, rows)


def fails(node: Condition, rows: Rows) -> Truth:
    read = _FAILS.get(type(node))
    return read(node, rows) if read else holds(node, rows).is_not(true())


def value(node: Value, rows: Rows) -> Column:
    return _VALUES[type(node)](node, rows)


def _compare(node: Compare, rows: Rows) -> Truth:
    comparison, left, right = node.comparison, node.left, node.right
    if isinstance(left, Slot) and isinstance(right, Field):
        comparison, left, right = _MIRRORED[comparison], right, left
    if isinstance(left, Field) and isinstance(right, Field) and left.currency and right.currency:
        return _compare_money(comparison, left, right, rows)
    if isinstance(left, ExternalId) and isinstance(right, Slot) and comparison is Comparison.eq:
        return _known_as(left, right, rows)
    if isinstance(left, Field) and isinstance(right, Slot) and _is_whole(column := _column(left, rows)):
        return _compare_whole(comparison, column, right)
    return _compare_values(comparison, left, right, rows)


def _compare_values(comparison: Comparison, left: Value, right: Value, rows: Rows) -> Truth:
    one, other = ordered(value(left, rows)), value(right, rows)
    if comparison is Comparison.eq:
        return one.is_not_distinct_from(other) if left.nullable and right.nullable else one == other
    if comparison is Comparison.ne:
        return one.is_distinct_from(other) if left.nullable or right.nullable else one != other
    return _ORDERS[comparison](one, other)


def _compare_not(node: Compare, rows: Rows) -> Truth:
    """Operands that have operands are not said twice: that would double the statement with every level."""
    comparison = node.comparison
    if comparison in _OPPOSITE and not _is_money(node):
        return _compare(Compare(_OPPOSITE[comparison], node.left, node.right), rows)
    if _is_money(node) or not (isinstance(node.left, Field | Slot) and isinstance(node.right, Field | Slot)):
        return _compare(node, rows).is_not(true())
    beyond = _compare(Compare(_BEYOND[comparison], node.left, node.right), rows)
    empty = [_is_null(one, rows) for one in (node.left, node.right) if one.nullable]
    return or_(beyond, *empty)


def _is_null(node: Value, rows: Rows) -> Truth:
    return (_column(node, rows) if isinstance(node, Field) else value(node, rows)).is_(None)


def _is_money(node: Compare) -> bool:
    return all(isinstance(one, Field) and one.currency for one in (node.left, node.right))


def _compare_money(comparison: Comparison, left: Field, right: Field, rows: Rows) -> Truth:
    """Nothing is converted, so amounts of two currencies are neither equal nor ordered."""
    one, other = _column(left, rows), _column(right, rows)
    currency, other_currency = (rows.row(side.source).c[currency_of(side.column)] for side in (left, right))
    if comparison in _ORDERS:
        return and_(_ORDERS[comparison](one, other), currency == other_currency)
    same = and_(one.is_not_distinct_from(other), currency.is_not_distinct_from(other_currency))
    return same if comparison is Comparison.eq else not_(same)


def _is_whole(column: Column) -> bool:
    return isinstance(column.type, Integer)


def _compare_whole(comparison: Comparison, column: Column, slot: Slot) -> Truth:
    """With a number that has the type of the column, for the sake of its index."""
    if comparison is Comparison.eq:
        return column == scalars.whole(slot)
    if comparison is Comparison.ne:
        return (column == scalars.whole(slot)).is_not(true())
    rounded = scalars.floor if comparison in (Comparison.gt, Comparison.lte) else scalars.ceiling
    return _ORDERS[comparison](column, rounded(slot))


def _known_as(known: ExternalId, text: Slot, rows: Rows) -> Truth:
    """By the key table, which has the index."""
    source, keys = rows.row(known.source), read_view(table_of(ExternalIdRow)).alias()
    mine = (keys.c.object == literal(known.source.kind, Text()), keys.c.record_id == source.c.id)
    wanted = (keys.c.system == scalars.argument(known.system), keys.c.value == scalars.argument(text))
    return select(literal_column("1")).where(of_tenant(keys), *mine, *wanted).correlate_except(keys).exists()


def _one_of(node: OneOf, rows: Rows) -> Truth:
    if isinstance(node.value, Field) and _is_whole(column := _column(node.value, rows)):
        return column == func.any(scalars.wholes(node.values))
    return ordered(value(node.value, rows)) == scalars.listed(node.values).any_()


def _test(node: Test, rows: Rows) -> Truth:
    subject, wanted = (value(one, rows) for one in node.arguments)
    return scalars.TESTS[node.function](subject, wanted)


def _holds(node: Holds, rows: Rows) -> Truth:
    return scalars.texts_hold(value(node.texts, rows), value(node.value, rows))


def _either(read: Callable[[Condition, Rows], Truth]) -> Callable[[Either, Rows], Truth]:
    return lambda node, rows: case(
        (holds(node.condition, rows), read(node.then, rows)), else_=read(node.otherwise, rows)
    )


def _exists(node: Exists, rows: Rows) -> Truth:
    found, inner = _related(select(literal_column("1")), node.many, node.condition, rows)
    return found.correlate_except(*inner.known).exists()


def _count(node: Count, rows: Rows) -> Column:
    """In the FROM beside the row that has the relation: counted there once, whoever asks."""
    found, inner = _related(select(func.count().label("records")), node.many, node.condition, rows)
    counted = rows.places[node.many.of.variable].join_lateral(found.correlate_except(*inner.known))
    return cast(counted.c.records, Numeric())


def _related(what: Select[Any], many: Many, condition: Condition, rows: Rows) -> tuple[Select[Any], Rows]:
    one, kind = rows.row(many.of), rows.schema.catalog[many.kind]
    source = read_view(kind.table).alias()
    inner = Rows(rows.schema, many.variable, source, rows)
    truth = holds(condition, inner)
    mine = (visible(kind, source, rows.schema), source.c[many.column] == one.c.id)
    return what.select_from(inner.joined).where(*mine, truth), inner


def _exists_value(node: ExistsValue, rows: Rows) -> Truth:
    values = scalars.elements(value(node.texts, rows))
    one = values.c.value
    rows.elements[node.variable] = one.op("#>>", return_type=Text())(literal_column("'{}'"))
    found: Select[Any] = (
        select(literal_column("1")).select_from(values).where(scalars.is_string(one), holds(node.condition, rows))
    )
    return found.correlate_except(values).exists()


def _column(node: Field, rows: Rows) -> Column:
    column: Column = rows.row(node.source).c[node.column]
    return scalars.custom(column, node.name, node.type) if node.custom else column


def _field(node: Field, rows: Rows) -> Column:
    column = _column(node, rows)
    return cast(column, Numeric()) if _is_whole(column) else column


def _external_id(node: ExternalId, rows: Rows) -> Column:
    known, system = rows.row(node.source).c.external_ids, scalars.argument(node.system)
    return known.op("->>", return_type=Text())(system)


def _arithmetic(node: Arithmetic, rows: Rows) -> Column:
    left, right = value(node.left, rows), value(node.right, rows)
    if node.type is Type.text:
        return left.concat(right)
    found = scalars.NUMBERS[node.operation](left, right)
    return scalars.shifted(found) if node.type is Type.timestamp else found


def _choice(node: Choice, rows: Rows) -> Column:
    return case((holds(node.condition, rows), value(node.then, rows)), else_=value(node.otherwise, rows))


def _call(node: Call, rows: Rows) -> Column:
    given = [value(one, rows) for one in node.arguments]
    if node.function in scalars.OF_DAYS:
        return scalars.OF_DAYS[node.function](scalars.local(*given) if len(given) == 2 else given[0])
    if node.arguments[0].type is Type.texts:
        return scalars.count_texts(given[0])
    return scalars.FUNCTIONS[node.function](*given)


def _null(node: Null, _: Rows) -> Column:
    return null() if node.type is Type.null else cast(null(), scalars.TYPES[node.type])


_ORDERS: Mapping[Comparison, Callable[[Column, Column], Truth]] = {
    Comparison.lt: operator.lt,
    Comparison.lte: operator.le,
    Comparison.gt: operator.gt,
    Comparison.gte: operator.ge,
}
_OPPOSITE = {Comparison.eq: Comparison.ne, Comparison.ne: Comparison.eq}
_BEYOND = {
    Comparison.lt: Comparison.gte,
    Comparison.lte: Comparison.gt,
    Comparison.gt: Comparison.lte,
    Comparison.gte: Comparison.lt,
}
_MIRRORED = {
    Comparison.eq: Comparison.eq,
    Comparison.ne: Comparison.ne,
    Comparison.lt: Comparison.gt,
    Comparison.lte: Comparison.gte,
    Comparison.gt: Comparison.lt,
    Comparison.gte: Comparison.lte,
}
_HOLDS: Mapping[type[Any], Callable[[Any, Rows], Truth]] = {
    Constant: lambda node, _: true() if node.value else false(),
    Compare: _compare,
    IsNull: lambda node, rows: _is_null(node.value, rows),
    OneOf: _one_of,
    Holds: _holds,
    Test: _test,
    IsTrue: lambda node, rows: value(node.value, rows),
    Not: lambda node, rows: fails(node.condition, rows),
    And: lambda node, rows: and_(*(holds(one, rows) for one in node.parts)),
    Or: lambda node, rows: or_(*(holds(one, rows) for one in node.parts)),
    Either: _either(holds),
    Exists: _exists,
    ExistsValue: _exists_value,
}
_FAILS: Mapping[type[Any], Callable[[Any, Rows], Truth]] = {
    Constant: lambda node, _: false() if node.value else true(),
    Compare: _compare_not,
    IsNull: lambda node, rows: not_(_is_null(node.value, rows)),
    Not: lambda node, rows: holds(node.condition, rows),
    And: lambda node, rows: or_(*(fails(one, rows) for one in node.parts)),
    Or: lambda node, rows: and_(*(fails(one, rows) for one in node.parts)),
    Either: _either(fails),
    Exists: lambda node, rows: not_(_exists(node, rows)),
    ExistsValue: lambda node, rows: not_(_exists_value(node, rows)),
}
_VALUES: Mapping[type[Any], Callable[[Any, Rows], Column]] = {
    Slot: lambda node, _: scalars.argument(node),
    Null: _null,
    Field: _field,
    ExternalId: _external_id,
    Element: lambda node, rows: rows.elements[node.variable],
    Arithmetic: _arithmetic,
    Negated: lambda node, rows: -value(node.value, rows),
    Call: _call,
    Choice: _choice,
    Count: _count,
    AsValue: lambda node, rows: case((holds(node.condition, rows), true()), else_=false()),
}
