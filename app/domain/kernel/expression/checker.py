"""A syntax tree to a typed one, against what one viewer sees. What passes never fails on data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.domain.kernel.actor import Actor
from app.domain.kernel.expression import literals
from app.domain.kernel.expression.arithmetic import RESULTS, factors, is_written_out, may_be_null
from app.domain.kernel.expression.calls import Calls, is_null, is_text, is_value, mismatch
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.expression.limits import MAX_FACTORS
from app.domain.kernel.expression.names import Arguments, Names
from app.domain.kernel.expression.parser import parse
from app.domain.kernel.expression.syntax import (
    Binary,
    Chain,
    Conditional,
    Invocation,
    Listed,
    Literal,
    Path,
    Syntax,
    Unary,
)
from app.domain.kernel.expression.tree import (
    And,
    Arithmetic,
    AsValue,
    Choice,
    Compare,
    Comparison,
    Condition,
    Constant,
    Either,
    Expression,
    Holds,
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
    Type,
    Value,
)
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schema import Schema

__all__ = ["Checked", "Profile", "check", "check_value"]

_ORDERED = frozenset({Type.text, Type.number, Type.date, Type.timestamp, Type.duration})
_COMPARISONS = {one.value: one for one in Comparison}
_OPERATIONS = {one.value: one for one in Operation}
_EQUALITY = frozenset({Comparison.eq, Comparison.ne})
_LITERALS: Mapping[type, Type] = {str: Type.text, Decimal: Type.number, bool: Type.boolean}


@dataclass(frozen=True, slots=True)
class Checked:
    """`fields` are those that were read, as dotted paths of the API; `shape` holds no value, `arguments` all."""

    shape: Node
    arguments: tuple[Any, ...]
    type: Type
    fields: tuple[str, ...]

    @property
    def expression(self) -> Expression:
        """Of a condition; what `check` returns always is one."""
        shape = IsTrue(self.shape) if is_value(self.shape) else self.shape
        return Expression(shape, self.arguments)


def check(text: str, kind: AnyObject, schema: Schema, actor: Actor, profile: Profile = Profile.sql) -> Checked:
    """A condition."""
    checker = Checker(kind, schema, actor, profile)
    return checker.done(checker.condition(parse(text)), Type.boolean)


def check_value(text: str, kind: AnyObject, schema: Schema, actor: Actor, profile: Profile = Profile.sql) -> Checked:
    """An expression of any type."""
    checker = Checker(kind, schema, actor, profile)
    value = checker.value(parse(text))
    return checker.done(value.condition if isinstance(value, AsValue) else value, value.type)


class Checker:
    """For one expression. Recursion is as deep as the tree, which the parser has bounded."""

    def __init__(self, kind: AnyObject, schema: Schema, actor: Actor, profile: Profile) -> None:
        self.arguments = Arguments()
        self.names = Names(kind, schema, actor, profile, self.arguments)
        self.profile = profile
        self.calls = Calls(self)

    def done(self, shape: Node, type_: Type) -> Checked:
        return Checked(shape, tuple(self.arguments.values), type_, tuple(sorted(self.names.fields)))

    def condition(self, node: Syntax) -> Condition:
        if isinstance(node, Literal) and isinstance(node.value, bool):
            return Constant(node.value)
        if isinstance(node, Conditional):
            return Either(self.condition(node.condition), self._branch(node.then), self._branch(node.otherwise))
        found = _RULES[type(node)](self, node)
        if not is_value(found):
            return found
        if found.type is not Type.boolean:
            raise mismatch(node, found.type, Type.boolean)
        return IsTrue(found)

    def value(self, node: Syntax) -> Value:
        found = _RULES[type(node)](self, node)
        return found if is_value(found) else AsValue(found)

    def _branch(self, node: Syntax) -> Condition:
        """Null is not true."""
        return Constant(value=False) if is_null(node) else self.condition(node)

    def literal(self, node: Literal) -> Value:
        if node.value is None:
            return Null()
        return self.arguments.slot(node.value, _LITERALS[type(node.value)])

    def path(self, node: Path) -> Value:
        return self.names.value(node)

    def listed(self, node: Listed) -> Value:
        raise ExpressionError("notHere", "A list stands only after in.", node.start, node.end, found="list")

    def unary(self, node: Unary) -> Node:
        if node.operator == "!":
            return Not(self.condition(node.operand))
        operand = self.value(node.operand)
        if operand.type is not Type.number:
            raise mismatch(node.operand, operand.type, Type.number)
        return Negated(operand, nullable=operand.nullable)

    def chain(self, node: Chain) -> Condition:
        joined: type[And | Or] = And if node.operator == "&&" else Or
        parts: list[Condition] = []
        for one in node.parts:
            part = self.condition(one)
            parts.extend(part.parts if isinstance(part, joined) else (part,))
        return joined(tuple(parts))

    def choice(self, node: Conditional) -> Node:
        condition, then, otherwise = self.condition(node.condition), self.value(node.then), self.value(node.otherwise)
        if isinstance(then, AsValue) and isinstance(otherwise, AsValue):
            return Either(condition, then.condition, otherwise.condition)
        type_ = otherwise.type if then.type is Type.null else then.type
        if type_ in (Type.null, Type.texts):
            raise mismatch(node.then, type_, "a value")
        if otherwise.type not in (type_, Type.null):
            raise mismatch(node.otherwise, otherwise.type, type_)
        then, otherwise = _of_type(then, type_), _of_type(otherwise, type_)
        return Choice(condition, then, otherwise, type_, then.nullable or otherwise.nullable)

    def binary(self, node: Binary) -> Node:
        if node.operator == "in":
            return self._member(node)
        if node.operator in _COMPARISONS:
            return self._compare(_COMPARISONS[node.operator], node)
        operation = _OPERATIONS[node.operator]
        left, right = self.value(node.left), self.value(node.right)
        result = RESULTS.get((operation, left.type, right.type))
        if result is None:
            raise _inoperable(operation, node, left.type, right.type)
        if right.type is Type.duration and not is_written_out(right):
            message = 'Add a duration that is written out, such as duration("36h").'
            raise ExpressionError("notHere", message, node.right.start, node.right.end)
        value = Arithmetic(operation, left, right, result, may_be_null(operation, left, right))
        if factors(value) > MAX_FACTORS:
            message = f"Multiply and divide at most {MAX_FACTORS} numbers in a row."
            raise ExpressionError("tooComplex", message, node.start, node.end)
        return value

    def _compare(self, comparison: Comparison, node: Binary) -> Condition:
        if is_null(node.left) or is_null(node.right):
            return self._null(comparison, node)
        left, right = self._alike(node)
        if left.type is Type.texts or right.type is Type.texts:
            side = node.left if left.type is Type.texts else node.right
            raise mismatch(side, Type.texts, "one value", "Ask whether it holds one: text in field.")
        if left.type is not right.type:
            raise mismatch(node.right, right.type, left.type)
        if comparison not in _EQUALITY and left.type not in _ORDERED:
            raise mismatch(node, left.type, "an ordered type", f"Values of type {left.type} have no order; use ==.")
        return Compare(comparison, left, right)

    def _null(self, comparison: Comparison, node: Binary) -> Condition:
        other = node.left if is_null(node.right) else node.right
        if comparison not in _EQUALITY or is_null(other):
            message = "Compare null by == or != with a field or a value; has(field) asks the same."
            raise ExpressionError("wrongType", message, node.start, node.end, found="null")
        empty = IsNull(self.value(other))
        return empty if comparison is Comparison.eq else Not(empty)

    def _alike(self, node: Binary) -> tuple[Value, Value]:
        """Both sides; a text literal beside an id is read as one."""
        left, right = self.value(node.left), self.value(node.right)
        if left.type is Type.id and isinstance(right, Slot) and is_text(node.right):
            right = self.arguments.replace(right, literals.identifier(node.right), Type.id)
        elif right.type is Type.id and isinstance(left, Slot) and is_text(node.left):
            left = self.arguments.replace(left, literals.identifier(node.left), Type.id)
        return left, right

    def _member(self, node: Binary) -> Condition:
        value = self.value(node.left)
        if not isinstance(node.right, Listed):
            return self._holds(value, node)
        if value.type in (Type.texts, Type.null):
            raise mismatch(node.left, value.type, "one value", "Ask field.exists(x, x in [...]).")
        items = tuple(self._item(one, value.type) for one in node.right.items)
        return OneOf(value, self.arguments.slot(items, value.type))

    def _holds(self, value: Value, node: Binary) -> Condition:
        texts = self.value(node.right)
        if texts.type is not Type.texts:
            raise mismatch(
                node.right, texts.type, Type.texts, "After in stands a list, or a field with several values."
            )
        if value.type is not Type.text:
            raise mismatch(node.left, value.type, Type.text)
        return Holds(texts, value)

    def _item(self, node: Syntax, expected: Type) -> Any:
        if expected is Type.id and is_text(node):
            return literals.identifier(node)
        if isinstance(node, Invocation) and node.receiver is None and node.function.text in literals.READERS:
            value, type_ = self.calls.read(node)
        elif isinstance(node, Literal) and node.value is not None:
            value, type_ = node.value, _LITERALS[type(node.value)]
        else:
            message = "A list holds only written values; join other comparisons with ||."
            raise ExpressionError("wrongType", message, node.start, node.end, expected=expected)
        if type_ is not expected:
            raise mismatch(node, type_, expected)
        return value

    def call(self, node: Invocation) -> Node:
        return self.calls.call(node)


_RULES: Mapping[type, Callable[[Checker, Any], Node]] = {
    Literal: Checker.literal,
    Path: Checker.path,
    Listed: Checker.listed,
    Unary: Checker.unary,
    Binary: Checker.binary,
    Chain: Checker.chain,
    Conditional: Checker.choice,
    Invocation: Checker.call,
}


def _of_type(value: Value, type_: Type) -> Value:
    return Null(type_) if isinstance(value, Null) else value


def _inoperable(operation: Operation, node: Binary, left: Type, right: Type) -> ExpressionError:
    fitting = [second for first, type_, second in RESULTS if first is operation and type_ is left]
    if not fitting:
        return mismatch(node.left, left, Type.number)
    return mismatch(node.right, right, " or ".join(fitting) if len(fitting) > 1 else fitting[0])


def field_of(path: str) -> str:
    """The field of the record itself that a dotted path begins at."""
    return path.removeprefix("old.").partition(".")[0]
