"""Expressions that differ from a given one in a single place, as far as types allow."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.domain.kernel.expression.tree import (
    OLD,
    RECORD,
    And,
    Arithmetic,
    Bound,
    Call,
    Choice,
    Compare,
    Comparison,
    Condition,
    Either,
    Element,
    Exists,
    ExistsValue,
    Field,
    IsNull,
    Node,
    Not,
    Operation,
    Or,
    Test,
    Type,
)

Expressed = tuple[Node, tuple[Any, ...]]
_ORDERED = frozenset({Type.text, Type.number, Type.date, Type.timestamp, Type.duration})
_ALIKE = (
    frozenset({"contains", "icontains", "startsWith", "endsWith", "iequals"}),
    frozenset({"min", "max"}),
    frozenset({"lower", "trim"}),
    frozenset({"addDays", "addMonths"}),
    frozenset({"year", "month", "day", "weekday"}),
)


def mutants(shape: Node, arguments: tuple[Any, ...]) -> Iterator[Expressed]:
    everything = tuple(_nodes(shape))
    yield from ((changed, arguments) for changed in _changed(shape, everything))
    for index, argument in enumerate(arguments):
        for other in _other_values(argument):
            yield shape, (*arguments[:index], other, *arguments[index + 1 :])


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for _, child in _children(node):
        yield from _nodes(child)


def _children(node: Any) -> Iterator[tuple[Any, Any]]:
    """Nodes below, each with the way to put another in its place."""
    for one in fields(node):
        held = getattr(node, one.name)
        if isinstance(held, tuple) and one.name in ("parts", "arguments"):
            for at, child in enumerate(held):
                yield (one.name, at), child
        elif is_dataclass(held) and one.name not in ("source", "many", "system", "values"):
            yield (one.name, None), held


def _changed(node: Any, everything: tuple[Any, ...]) -> Iterator[Any]:
    yield from _here(node, everything)
    for (name, at), child in _children(node):
        for other in _changed(child, everything):
            held = getattr(node, name)
            yield replace(node, **{name: other if at is None else (*held[:at], other, *held[at + 1 :])})


def _here(node: Any, everything: tuple[Any, ...]) -> Iterator[Any]:
    if isinstance(node, Condition):
        yield node.condition if isinstance(node, Not) else Not(node)
        yield from _other_conditions(node)
    else:
        yield from _values(node, everything)


def _other_conditions(node: Condition) -> Iterator[Condition]:
    match node:
        case And(parts) | Or(parts):
            yield from _grouped(node, parts)
        case Either(condition, then, otherwise):
            yield Either(condition, otherwise, then)
            yield Or((And((condition, then)), otherwise))
        case Compare():
            yield from _compared(node)
        case Test(function, arguments):
            yield from (Test(one, arguments) for one in _alike(function))
            yield Test(function, arguments[::-1])
        case Exists() | ExistsValue():
            yield replace(node, condition=Not(node.condition))
            yield Not(replace(node, condition=Not(node.condition)))
        case _:
            pass


def _grouped(node: And | Or, parts: tuple[Condition, ...]) -> Iterator[Condition]:
    other: type[And | Or] = Or if isinstance(node, And) else And
    yield other(parts)
    yield type(node)((*parts[:-2], Not(And(parts[-2:]))))
    for at, part in enumerate(parts):
        rest = (*parts[:at], *parts[at + 1 :])
        yield rest[0] if len(rest) == 1 else type(node)(rest)
        if isinstance(part, other):
            yield other((type(node)((*rest, part.parts[0])), *part.parts[1:]))
            yield other((*part.parts[:-1], type(node)((part.parts[-1], *rest))))


def _compared(node: Compare) -> Iterator[Condition]:
    type_ = node.left.type if node.left.type is not Type.null else node.right.type
    for one in Comparison:
        if type_ in _ORDERED or one in (Comparison.eq, Comparison.ne):
            yield replace(node, comparison=one)
    yield Compare(node.comparison, node.right, node.left)
    yield IsNull(node.left)


def _values(node: Any, everything: tuple[Any, ...]) -> Iterator[Any]:
    match node:
        case Field() | Element():
            yield from (one for one in everything if isinstance(one, Field | Element) and _may_replace(one, node))
            if isinstance(node, Field) and not node.source.hops:
                for variable in {RECORD, OLD} & {one.source.variable for one in everything if isinstance(one, Field)}:
                    yield replace(node, source=replace(node.source, variable=variable))
        case Arithmetic():
            yield from _computed(node)
        case Call():
            yield from (replace(node, function=one) for one in _alike(node.function))
            if len({one.type for one in node.arguments}) == 1 and node.function != "round":
                yield replace(node, arguments=node.arguments[::-1])
        case Choice():
            yield replace(node, then=node.otherwise, otherwise=node.then)
        case _:
            pass


def _may_replace(one: Field | Element, node: Field | Element) -> bool:
    """Variables are known in their own scope only."""
    known = {_variable(node), RECORD, OLD}
    return one.type is node.type and _variable(one) in known


def _variable(node: Field | Element) -> str:
    return node.variable if isinstance(node, Element) else node.source.variable


def _computed(node: Arithmetic) -> Iterator[Arithmetic]:
    if node.left.type is node.right.type:
        yield replace(node, left=node.right, right=node.left)
    if node.type is Type.number:
        yield from (replace(node, operation=one) for one in Operation)
    if node.type is Type.timestamp:
        yield from (replace(node, operation=one) for one in (Operation.add, Operation.subtract))
    if isinstance(node.left, Arithmetic) and node.type is Type.number is node.left.left.type:
        inner = replace(node, left=node.left.right, right=node.right)
        yield replace(node.left, right=inner)
    if isinstance(node.right, Arithmetic) and node.type is Type.number is node.right.left.type:
        inner = replace(node.right, left=node.left, right=node.right.left)
        yield replace(node.right, left=inner, right=node.right.right) if inner else node


def _alike(function: str) -> Iterator[str]:
    return (other for group in _ALIKE if function in group for other in sorted(group - {function}))


def _other_values(value: Any) -> Iterator[Any]:
    match value:
        case Bound() | UUID() | bool():
            pass
        case list():
            yield value[1:]
            yield [f"{value[0]}, {value[-1]}", *value[1:]] if value and isinstance(value[0], str) else value[::2]
        case Decimal():
            yield from (-value, value + 1, value * 1000, value / 1000)
        case datetime() | date():
            yield from _nearby(value)
        case timedelta():
            yield from (-value, value * 24 if abs(value) < timedelta(days=1000) else value / 24, value / 60)
        case str():
            yield from (value.upper(), f"{value} ", f'{value}" or "a', "empty", value[:1])


def _nearby(value: Any) -> Iterator[Any]:
    least = timedelta(hours=1) if isinstance(value, datetime) else timedelta(days=1)
    for times in (1, -1, 31, 365):
        try:
            yield value + times * least
        except OverflowError:
            continue
