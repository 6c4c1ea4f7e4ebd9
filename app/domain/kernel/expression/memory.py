"""An expression as closures over a record: the same answers as from PostgreSQL, without it.

`evaluator` is the entry. Calls are what a closure tree costs, so what conditions mostly are, a field of the record
beside a literal, is one closure and not three.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from app.domain.kernel.expression import scalars
from app.domain.kernel.expression.tree import (
    OLD,
    RECORD,
    And,
    Arithmetic,
    AsValue,
    Bound,
    Call,
    Changed,
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
    IsNew,
    IsNull,
    IsTrue,
    Many,
    Negated,
    Not,
    Null,
    OneOf,
    Operation,
    Or,
    Slot,
    Source,
    Test,
    Type,
    Value,
)


class Row(dict[str, Any]):
    """A record by column; custom fields are `custom.<name>`, related records lie under the name of the reference.

    What it does not have is null. `loading.py` makes them.
    """

    def __missing__(self, key: str) -> None:
        return None


ABSENT = Row()  # the record before there was one, and the related record that is not there
Scope: TypeAlias = Mapping[str, Any]  # `old` of an event (ABSENT for a new record), and what `Bound` stands for
Holding: TypeAlias = Callable[[Row, Scope], bool]
Reading: TypeAlias = Callable[[Row, Scope], Any]
Arguments: TypeAlias = Sequence[Any]


def evaluator(shape: Condition, arguments: Arguments) -> Holding:
    """Arguments that are not bound yet (`Bound.now`, ...) are looked up in the scope at every call."""
    return _CONDITIONS[type(shape)](shape, arguments)


def value_reader(shape: Value, arguments: Arguments) -> Reading:
    return _VALUES[type(shape)](shape, arguments)


def key_of(field: Field) -> str:
    """Where a `Row` has the field."""
    return f"custom.{field.name}" if field.custom else field.column


def _compare(node: Compare, arguments: Arguments) -> Holding:
    comparison, left, right = node.comparison, node.left, node.right
    if isinstance(left, Field) and isinstance(right, Field):
        return _compare_fields(comparison, left, right)
    constant = arguments[right.index] if isinstance(right, Slot) else None
    if constant is None or isinstance(constant, Bound):
        return _COMPARED[comparison](value_reader(left, arguments), value_reader(right, arguments))
    if isinstance(left, Field) and _is_plain(left):
        return _FIELD_TO_CONSTANT[comparison](key_of(left), _as_stored(left, constant))
    return _TO_CONSTANT[comparison](value_reader(left, arguments), constant)


def _as_stored(field: Field, constant: Any) -> Any:
    """A whole number as an `int`, beside which most stored ones, being of that type, are compared twice as fast."""
    if isinstance(constant, Decimal) and field.currency is None and not field.custom and constant == int(constant):
        return int(constant)
    return constant


def _compare_fields(comparison: Comparison, left: Field, right: Field) -> Holding:
    """Nothing is converted, so amounts of two currencies are neither equal nor ordered."""
    if left.currency is None or right.currency is None:
        if _is_plain(left) and right.source == Source(OLD, right.source.kind) and comparison in _FIELD_TO_OLD:
            return _FIELD_TO_OLD[comparison](key_of(left), key_of(right))
        return _COMPARED[comparison](_field(left), _field(right))
    if comparison is Comparison.ne:
        return _not(_compare_fields(Comparison.eq, left, right))
    compared = _COMPARED[comparison](_field(left), _field(right))
    one, other = _member(left.source, left.currency), _member(right.source, right.currency)
    return lambda r, s: one(r, s) == other(r, s) and compared(r, s)


def _one_of(node: OneOf, arguments: Arguments) -> Holding:
    listed = frozenset(arguments[node.values.index])
    if isinstance(node.value, Field) and _is_plain(node.value):
        key = key_of(node.value)
        return lambda r, _: r[key] in listed
    read = value_reader(node.value, arguments)
    return lambda r, s: read(r, s) in listed


def _is_null(node: IsNull, arguments: Arguments) -> Holding:
    read = value_reader(node.value, arguments)
    return lambda r, s: read(r, s) is None


def _is_true(node: IsTrue, arguments: Arguments) -> Holding:
    read = value_reader(node.value, arguments)
    return lambda r, s: read(r, s) is True


def _negation(node: Not, arguments: Arguments) -> Holding:
    if isinstance(node.condition, IsNull):
        read = value_reader(node.condition.value, arguments)
        return lambda r, s: read(r, s) is not None
    return _not(evaluator(node.condition, arguments))


def _test(node: Test, arguments: Arguments) -> Holding:
    subject, wanted = (value_reader(one, arguments) for one in node.arguments)
    return _when_both(scalars.TESTS[node.function], subject, wanted)


def _holds(node: Holds, arguments: Arguments) -> Holding:
    return _when_both(operator.contains, value_reader(node.texts, arguments), value_reader(node.value, arguments))


def _either(node: Either, arguments: Arguments) -> Holding:
    return _choose(*(evaluator(one, arguments) for one in (node.condition, node.then, node.otherwise)))


def _changed(node: Changed, _: Arguments) -> Holding:
    key, currency = key_of(node.field), node.field.currency
    if currency is None:
        return lambda r, s: r[key] != s[OLD][key]
    return lambda r, s: r[key] != s[OLD][key] or r[currency] != s[OLD][currency]


def _slot(node: Slot, arguments: Arguments) -> Reading:
    argument = arguments[node.index]
    if isinstance(argument, Bound):
        return lambda _, s: s[argument]
    return _always(argument)


def _external_id(node: ExternalId, arguments: Arguments) -> Reading:
    known, system = _member(node.source, "external_ids"), value_reader(node.system, arguments)
    return lambda r, s: (known(r, s) or ABSENT).get(system(r, s))


def _arithmetic(node: Arithmetic, arguments: Arguments) -> Reading:
    return _both(_operation(node), value_reader(node.left, arguments), value_reader(node.right, arguments))


def _operation(node: Arithmetic) -> Callable[[Any, Any], Any]:
    if node.type is Type.number:
        return scalars.NUMBERS[node.operation]
    if node.type is Type.timestamp:
        return scalars.later if node.operation is Operation.add else scalars.earlier
    return operator.add if node.operation is Operation.add else operator.sub


def _choice(node: Choice, arguments: Arguments) -> Reading:
    then, otherwise = value_reader(node.then, arguments), value_reader(node.otherwise, arguments)
    return _choose(evaluator(node.condition, arguments), then, otherwise)


def _call(node: Call, arguments: Arguments) -> Reading:
    given = [value_reader(one, arguments) for one in node.arguments]
    if node.function == "coalesce":
        return _coalesce(given)
    if node.function in scalars.OF_DAYS and len(given) == 2:
        return _one(scalars.OF_DAYS[node.function], _both(scalars.local, *given))
    if len(given) == 1:
        return _one((scalars.OF_ONE | scalars.OF_DAYS)[node.function], *given)
    return _both(scalars.OF_TWO[node.function], *given)


def _exists(node: Exists, arguments: Arguments) -> Holding:
    rows = _records(node.many)
    return _some(rows, node.many.variable, evaluator(node.condition, arguments))


def _exists_value(node: ExistsValue, arguments: Arguments) -> Holding:
    return _some(_field(node.texts), node.variable, evaluator(node.condition, arguments))


def _count(node: Count, arguments: Arguments) -> Reading:
    rows, variable, holds = _records(node.many), node.many.variable, evaluator(node.condition, arguments)
    return lambda r, s: sum(1 for one in rows(r, s) or () if holds(r, {**s, variable: one}))


def _records(many: Many) -> Reading:
    return _member(many.of, many.name)


def _is_plain(field: Field) -> bool:
    return field.source.variable == RECORD and not field.source.hops


def _field(node: Field, _: Arguments = ()) -> Reading:
    return _member(node.source, key_of(node))


def _member(source: Source, key: str) -> Reading:
    variable, hops = source.variable, [hop.name for hop in source.hops]
    if variable != RECORD:
        return _through(lambda _, s: s[variable], hops, key) if hops else lambda _, s: s[variable][key]
    if len(hops) == 1:
        (hop,) = hops
        return lambda r, _: (r[hop] or ABSENT)[key]
    return _through(lambda r, _: r, hops, key) if hops else lambda r, _: r[key]


def _through(first: Reading, hops: Sequence[str], key: str) -> Reading:
    def follow(r: Row, s: Scope) -> Any:
        row = first(r, s)
        for hop in hops:
            row = row[hop] or ABSENT
        return row[key]

    return follow


def _always(value: Any) -> Reading:
    return lambda _r, _s: value


def _all(node: And, arguments: Arguments) -> Holding:
    parts = [evaluator(one, arguments) for one in node.parts]
    if len(parts) == 2:
        a, b = parts
        return lambda r, s: a(r, s) and b(r, s)
    if len(parts) == 3:
        a, b, c = parts
        return lambda r, s: a(r, s) and b(r, s) and c(r, s)

    def every(r: Row, s: Scope) -> bool:
        for holds in parts:  # noqa: SIM110  # all() over a generator costs twice as much
            if not holds(r, s):
                return False
        return True

    return every


def _any(node: Or, arguments: Arguments) -> Holding:
    parts = [evaluator(one, arguments) for one in node.parts]
    if len(parts) == 2:
        a, b = parts
        return lambda r, s: a(r, s) or b(r, s)

    def some(r: Row, s: Scope) -> bool:
        for holds in parts:  # noqa: SIM110  # any() over a generator costs twice as much
            if holds(r, s):
                return True
        return False

    return some


def _not(holds: Holding) -> Holding:
    return lambda r, s: not holds(r, s)


def _choose(holds: Holding, then: Reading, otherwise: Reading) -> Reading:
    return lambda r, s: then(r, s) if holds(r, s) else otherwise(r, s)


def _one(function: Callable[[Any], Any], read: Reading) -> Reading:
    return lambda r, s: None if (x := read(r, s)) is None else function(x)


def _both(function: Callable[[Any, Any], Any], left: Reading, right: Reading) -> Reading:
    return lambda r, s: None if (x := left(r, s)) is None or (y := right(r, s)) is None else function(x, y)


def _when_both(function: Callable[[Any, Any], bool], left: Reading, right: Reading) -> Holding:
    return lambda r, s: (x := left(r, s)) is not None and (y := right(r, s)) is not None and function(x, y)


def _coalesce(parts: Sequence[Reading]) -> Reading:
    def first(r: Row, s: Scope) -> Any:
        return next((found for read in parts if (found := read(r, s)) is not None), None)

    return first


def _some(rows: Reading, variable: str, holds: Holding) -> Holding:
    return lambda r, s: any(holds(r, {**s, variable: one}) for one in rows(r, s) or ())


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Reading, Reading], Holding]:
    return lambda left, right: _when_both(compare, left, right)


_COMPARED: dict[Comparison, Callable[[Reading, Reading], Holding]] = {
    Comparison.eq: lambda left, right: lambda r, s: left(r, s) == right(r, s),
    Comparison.ne: lambda left, right: lambda r, s: left(r, s) != right(r, s),
    Comparison.lt: _ordered(operator.lt),
    Comparison.lte: _ordered(operator.le),
    Comparison.gt: _ordered(operator.gt),
    Comparison.gte: _ordered(operator.ge),
}
_TO_CONSTANT: dict[Comparison, Callable[[Reading, Any], Holding]] = {
    Comparison.eq: lambda left, k: lambda r, s: left(r, s) == k,
    Comparison.ne: lambda left, k: lambda r, s: left(r, s) != k,
    Comparison.lt: lambda left, k: lambda r, s: (x := left(r, s)) is not None and x < k,
    Comparison.lte: lambda left, k: lambda r, s: (x := left(r, s)) is not None and x <= k,
    Comparison.gt: lambda left, k: lambda r, s: (x := left(r, s)) is not None and x > k,
    Comparison.gte: lambda left, k: lambda r, s: (x := left(r, s)) is not None and x >= k,
}
_FIELD_TO_CONSTANT: dict[Comparison, Callable[[str, Any], Holding]] = {
    Comparison.eq: lambda key, k: lambda r, _: r[key] == k,
    Comparison.ne: lambda key, k: lambda r, _: r[key] != k,
    Comparison.lt: lambda key, k: lambda r, _: (x := r[key]) is not None and x < k,
    Comparison.lte: lambda key, k: lambda r, _: (x := r[key]) is not None and x <= k,
    Comparison.gt: lambda key, k: lambda r, _: (x := r[key]) is not None and x > k,
    Comparison.gte: lambda key, k: lambda r, _: (x := r[key]) is not None and x >= k,
}
_FIELD_TO_OLD: dict[Comparison, Callable[[str, str], Holding]] = {
    Comparison.eq: lambda key, old: lambda r, s: r[key] == s[OLD][old],
    Comparison.ne: lambda key, old: lambda r, s: r[key] != s[OLD][old],
}
_CONDITIONS: dict[type[Any], Callable[[Any, Arguments], Holding]] = {
    Constant: lambda node, _: _always(node.value),
    Compare: _compare,
    IsNull: _is_null,
    OneOf: _one_of,
    Holds: _holds,
    Test: _test,
    IsTrue: _is_true,
    Not: _negation,
    And: _all,
    Or: _any,
    Either: _either,
    Exists: _exists,
    ExistsValue: _exists_value,
    Changed: _changed,
    IsNew: lambda _node, _arguments: lambda _, s: s[OLD] is ABSENT,
}
_VALUES: dict[type[Any], Callable[[Any, Arguments], Reading]] = {
    Slot: _slot,
    Null: lambda _node, _arguments: _always(None),
    Field: _field,
    ExternalId: _external_id,
    Element: lambda node, _: lambda _, s: s[node.variable],
    Arithmetic: _arithmetic,
    Negated: lambda node, arguments: _one(scalars.EXACT.minus, value_reader(node.value, arguments)),
    Call: _call,
    Choice: _choice,
    Count: _count,
    AsValue: lambda node, arguments: evaluator(node.condition, arguments),
}
