"""An expression as one sentence of plain English, exact enough that expressions of different results differ in it.

It stays unambiguous by form: whatever is built of parts stands in parentheses inside of anything else that is, so no
"and" or "or" can be taken for another's.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from app.domain.kernel.expression.tree import (
    OLD,
    RECORD,
    And,
    Arithmetic,
    AsValue,
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
    Negated,
    Node,
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
from app.domain.kernel.expression.verbs import EQUALS, OPPOSITE, SYMBOLS, TESTS, among, result, shifted, verb
from app.domain.kernel.expression.wording import counted, label, literal

_TRUE = Constant(value=True)
_NOT = "it is not so that "
_FIRST = re.compile(r"^\(*[a-z]")
_SHIFTS = {"addDays": "day", "addMonths": "month"}
_SIMPLE = Slot | Null | Field | ExternalId | Element | Count | AsValue
_Said: TypeAlias = tuple[Value, str]  # what a clause is about, and what it says of it


class Checked(Protocol):
    """What the checker answers."""

    @property
    def shape(self) -> Node: ...

    @property
    def arguments(self) -> tuple[Any, ...]: ...


def meaning(checked: Checked) -> str:
    speaker, shape = _Speaker(checked.arguments), checked.shape
    if not isinstance(shape, Condition | Slot) and shape.type is Type.boolean:
        shape = IsTrue(shape)
    text = speaker.sentence(shape) if isinstance(shape, Condition) else speaker.value(shape)
    return _FIRST.sub(lambda found: found[0].upper(), f"{text}.")


@dataclass(frozen=True, slots=True)
class _Speaker:
    """`names` are the words for the variables around: a possessive for a record, as in "its name".

    `inside` a relation the record itself has to be told from those of the relation.
    """

    arguments: tuple[Any, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    inside: bool = False

    def sentence(self, node: Condition) -> str:
        if not isinstance(node, And):
            return self.clause(node)
        parts = [self.clause(one) if _is_pair(one) else self.part(one) for one in map(self.shortened, node.parts)]
        if len(parts) == 2 and not any(map(self.is_compound, node.parts)):
            return _series(parts, "and")
        return ", ".join((*_enclosed(parts[:-1]), f"and {parts[-1]}"))

    def clause(self, node: Condition, *, holds: bool = True) -> str:
        """`holds` is false for the negation of the condition."""
        node, holds = self.plain(node, holds=holds)
        if said := self.said(node, holds=holds):
            return f"{self.term(said[0])} {said[1]}"
        if isinstance(node, Exists | ExistsValue):
            return self.some(node, holds=holds)
        if isinstance(node, Constant | IsNew):
            return _of_no_value(node, holds=holds)
        if not holds:
            return f"{_NOT}{self.part(node)}"
        return f"{'either ' if isinstance(node, Or) else ''}{self.joined(node)}"

    def part(self, node: Condition) -> str:
        node = self.shortened(node)
        return f"({self.joined(node)})" if self.is_compound(node) else self.clause(node)

    def is_compound(self, node: Condition) -> bool:
        inner, holds = self.plain(node)
        return holds and isinstance(inner, And | Or | Either)

    def joined(self, node: Condition) -> str:
        inner, holds = self.plain(node)
        match inner:
            case And(parts) if holds:
                return _series([self.part(part) for part in parts], "and")
            case Or(parts) if holds:
                return _series(
                    [f"({self.clause(one)})" if self.says_or(one) else self.part(one) for one in parts], "or"
                )
            case Either(condition, then, otherwise) if holds:
                return f"if {self.part(condition)} then {self.part(then)}, otherwise {self.part(otherwise)}"
            case _:
                return self.clause(inner, holds=holds)

    def says_or(self, node: Condition) -> bool:
        return isinstance(node, OneOf) and len(self.arguments[node.values.index]) > 1

    def plain(self, node: Condition, *, holds: bool = True) -> tuple[Condition, bool]:
        """The condition without what negates it, and whether it is to hold."""
        node = self.shortened(node)
        while isinstance(node, Not):
            node, holds = self.shortened(node.condition), not holds
        return node, holds

    def shortened(self, node: Condition) -> Condition:
        """The checker spells `isBlank` out."""
        if not isinstance(node, Or):
            return node
        parts = tuple(self.folded(node.parts))
        return parts[0] if len(parts) == 1 else Or(parts)

    def folded(self, parts: Sequence[Condition]) -> Iterator[Condition]:
        rest = list(parts)
        while rest:
            match rest:
                case [IsNull(value), Compare() as trimmed, *_] if self.blank(trimmed) == value:
                    yield Test("isBlank", (value,))
                    del rest[:2]
                case _:
                    yield rest.pop(0)

    def blank(self, node: Compare) -> Value | None:
        """What `node` says to be an empty text, but for spaces."""
        match node:
            case Compare(Comparison.eq, Call("trim", (value,)), Slot(index)) if self.arguments[index] == "":
                return value
            case _:
                return None

    def said(self, node: Condition, *, holds: bool) -> _Said | None:
        if isinstance(node, Compare):
            return self.compared(node, holds=holds)
        say = _SAYS.get(type(node))
        return say(self, node, holds) if say else None

    def compared(self, node: Compare, *, holds: bool) -> _Said | None:
        comparison = node.comparison if holds else OPPOSITE.get(node.comparison)
        if comparison is None:
            return None
        if (value := self.blank(node)) and not value.nullable:
            return value, TESTS["isBlank"][not holds].format()
        return node.left, f"{verb(comparison, node.left, node.right)} {self.term(node.right)}"

    def tested(self, node: Test, *, holds: bool) -> _Said:
        value, *others = node.arguments
        return value, TESTS[node.function][not holds].format(*map(self.term, others))

    def some(self, node: Exists | ExistsValue, *, holds: bool) -> str:
        word = "at least one" if holds else "none"
        group, inside = self.around(node)
        inner, holds = inside.plain(node.condition)
        if word == "none" and not holds:
            word, holds = "every one", True
        if inner == _TRUE and holds and word != "every one":
            return f"there is {word} among {group}"
        if about := self.about(node, inside.said(inner, holds=holds), "the"):
            subject, predicate = about
            return f"{subject} of {word} of {group} {predicate}" if subject else f"{word} of {group} {predicate}"
        return f"{word} of {group} is such that ({inside.joined(inner if holds else Not(inner))})"

    def around(self, node: Exists | ExistsValue | Count) -> tuple[str, "_Speaker"]:
        """What the variable runs over, and how to speak there."""
        others = len(self.names)
        if isinstance(node, ExistsValue):
            word = f"value {others + 1}" if others else "that value"
            return f"the values of {self.value(node.texts)}", replace(self, names={**self.names, node.variable: word})
        many = node.many
        word = f"record {others + 1}'s" if others else "its"
        within = replace(self, names={**self.names, many.variable: word}, inside=True)
        return self.owned(many.of, label(many.name)), within

    def about(self, node: Exists | ExistsValue | Count, said: _Said | None, possessive: str) -> tuple[str, str] | None:
        """Where all is about one field of the variable: the field after `possessive`, and what is said of it."""
        match said, node:
            case (Element(variable), predicate), ExistsValue(_, own, _) if variable == own:
                return "", predicate
            case (Field() | ExternalId() as known, predicate), Exists(many) | Count(many) if (
                known.source.variable == many.variable
            ):
                return replace(self, names={**self.names, many.variable: possessive}).value(known), predicate
            case _:
                return None

    def value(self, node: Value) -> str:
        return _VALUES[type(node)](self, node)

    def term(self, node: Value) -> str:
        """A side of a comparison."""
        return self.operand(node) if isinstance(node, Choice) else self.value(node)

    def operand(self, node: Value) -> str:
        return self.value(node) if isinstance(node, _SIMPLE) else f"({self.value(node)})"

    def known(self, node: Field) -> str:
        if node.custom:
            return self.owned(node.source, f"custom field {node.name}")
        amount, _, currency = node.name.rpartition(".")
        if amount and currency == "currency":
            return f"the currency of {self.owned(node.source, label(amount))}"
        noun = label(node.name)
        many = node.type is Type.number and noun.endswith("s") and not noun.endswith("ss")
        if node.type is Type.boolean:
            noun = f"field {noun}"
        owned = self.owned(node.source, noun)
        return f"the number of {_bare(node.source, owned)}" if many else owned

    def external_id(self, node: ExternalId) -> str:
        return self.owned(node.source, f"external id of {self.arguments[node.system.index]}")

    def owned(self, source: Source, noun: str) -> str:
        own = "this record's" if self.inside else "the"
        first = "the former" if source.variable == OLD else self.names.get(source.variable, own)
        return " ".join((first, *(f"{label(hop.name)}'s" for hop in source.hops), noun))

    def negated(self, node: Negated) -> str:
        if isinstance(node.value, Slot):
            return f"-{self.value(node.value)}"
        return f"minus {self.operand(node.value)}"

    def arithmetic(self, node: Arithmetic) -> str:
        left, right = self.operand(node.left), self.operand(node.right)
        if node.type is Type.timestamp:
            return shifted(right, left, later=node.operation is Operation.add)
        if node.type is Type.duration:
            return f"the time from {right} to {left}"
        if node.operation is Operation.remainder:
            return f"the remainder of {left} ÷ {right}"
        if _goes_on(node.left, node):
            left = self.value(node.left)
        return f"{left} {'followed by' if node.type is Type.text else SYMBOLS[node.operation]} {right}"

    def called(self, node: Call) -> str:
        if unit := _SHIFTS.get(node.function):
            return self.calendar(unit, *node.arguments)
        first, *others = (self.operand(one) for one in node.arguments)
        return result(node, [first, *others])

    def calendar(self, unit: str, moment: Value, count: Value) -> str:
        match count:
            case Slot(index):
                number = Decimal(self.arguments[index])
            case Negated(Slot(index)):
                number = -Decimal(self.arguments[index])
            case _:
                return shifted(f"({self.value(count)}) {unit}s", self.operand(moment), later=True)
        return shifted(counted(abs(number), unit), self.operand(moment), later=number >= 0)

    def chosen(self, node: Choice) -> str:
        then, otherwise = self.operand(node.then), self.operand(node.otherwise)
        return f"{then} if {self.part(node.condition)}, otherwise {otherwise}"

    def count(self, node: Count) -> str:
        group, inside = self.around(node)
        number = f"the number of {_bare(node.many.of, group)}"
        if node.condition == _TRUE:
            return number
        conditions = node.condition.parts if isinstance(node.condition, And) else (node.condition,)
        about = [
            self.about(node, inside.said(inner, holds=holds), "whose") for inner, holds in map(inside.plain, conditions)
        ]
        whose = [" ".join(one) for one in about if one]
        if len(whose) == len(conditions):
            return f"{number} (those {_series(whose, 'and')})"
        return f"{number} (those for which {inside.clause(node.condition)})"


_SAYS: Mapping[type, Callable[[_Speaker, Any, bool], _Said]] = {
    IsNull: lambda _, node, holds: (node.value, "is empty" if holds else "is not empty"),
    IsTrue: lambda _, node, holds: (node.value, "is true" if holds else "is not true"),
    Changed: lambda _, node, holds: (node.field, "has changed" if holds else "has not changed"),
    Test: lambda speaker, node, holds: speaker.tested(node, holds=holds),
    OneOf: lambda speaker, node, holds: (
        node.value,
        among([literal(one) for one in speaker.arguments[node.values.index]], holds=holds),
    ),
    Holds: lambda speaker, node, holds: (
        node.texts,
        f"{'includes' if holds else 'does not include'} {speaker.term(node.value)}",
    ),
}
_VALUES: Mapping[type, Callable[[_Speaker, Any], str]] = {
    Slot: lambda speaker, node: literal(speaker.arguments[node.index]),
    Null: lambda _, __: "empty",
    Field: _Speaker.known,
    ExternalId: _Speaker.external_id,
    Element: lambda speaker, node: speaker.names[node.variable],
    Negated: _Speaker.negated,
    Arithmetic: _Speaker.arithmetic,
    Call: _Speaker.called,
    Choice: _Speaker.chosen,
    AsValue: lambda speaker, node: f"(whether {speaker.clause(node.condition)})",
    Count: _Speaker.count,
}


def _of_no_value(node: Constant | IsNew, *, holds: bool) -> str:
    if isinstance(node, IsNew):
        return f"the record is {'new' if holds else 'not new'}"
    return f"this {'always' if node.value is holds else 'never'} holds"


def _goes_on(left: Value, node: Arithmetic) -> bool:
    """What is read from left to right anyway needs no parentheses."""
    return isinstance(left, Arithmetic) and any({left.operation, node.operation} <= equals for equals in EQUALS)


def _is_pair(node: Condition) -> bool:
    return isinstance(node, Or) and len(node.parts) == 2


def _enclosed(parts: Sequence[str]) -> list[str]:
    """What follows a negation must not seem to be negated, too."""
    return [f"({one})" if one.startswith(_NOT) else one for one in parts]


def _series(parts: Sequence[str], conjunction: str) -> str:
    parts = [*_enclosed(parts[:-1]), parts[-1]]
    if len(parts) < 3:
        return f" {conjunction} ".join(parts)
    return ", ".join((*parts[:-1], f"{conjunction} {parts[-1]}"))


def _bare(source: Source, noun: str) -> str:
    own = source.variable == RECORD and not source.hops
    return noun.removeprefix("the ") if own else noun
