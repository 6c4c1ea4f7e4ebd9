"""Calls of functions: by their overloads, and those that take fields, conditions or variables by rules of their own."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Protocol, TypeGuard

from typing_extensions import TypeIs

from app.domain.kernel.expression import literals
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import (
    FUNCTIONS,
    Form,
    Function,
    Nullable,
    Overload,
    Parameter,
    Profile,
    Role,
)
from app.domain.kernel.expression.limits import MAX_PLACES
from app.domain.kernel.expression.names import Arguments, Names, Row
from app.domain.kernel.expression.syntax import Invocation, Literal, Name, Path, Syntax
from app.domain.kernel.expression.tree import (
    OLD,
    RECORD,
    Bound,
    Call,
    Changed,
    Compare,
    Comparison,
    Condition,
    Count,
    Element,
    Exists,
    ExistsValue,
    Field,
    IsNew,
    IsNull,
    Node,
    Not,
    Or,
    Test,
    Type,
    Value,
)

_HINTS: Mapping[tuple[Type, str], str] = {
    (Type.text, Type.number): "Write numbers without quotes.",
    (Type.text, Type.date): 'Write date("2026-11-01").',
    (Type.text, Type.timestamp): 'Write timestamp("2026-11-01T09:30:00Z").',
    (Type.text, Type.duration): 'Write duration("36h").',
    (Type.date, Type.timestamp): 'Turn the timestamp into a date by toDate(..., "Europe/Berlin").',
    (Type.timestamp, Type.date): 'Turn the timestamp into a date by toDate(..., "Europe/Berlin").',
    (Type.date, Type.number): "Count days by daysBetween(from, to), and add them by addDays(date, days).",
    (Type.texts, Type.text): "Ask for one of its values: field.exists(x, ...).",
    (Type.null, Type.boolean): "Write has(field), or compare by == null.",
}
_ABSENT: Mapping[str, str] = {
    "matches": "There are no regular expressions; use contains, startsWith or endsWith.",
    "map": "Lists cannot be made anew; ask with exists, all or count.",
    "filter": "Lists cannot be narrowed; ask with exists, all or count.",
    "exists_one": "Ask with count(x, ...) == 1.",
}


class Scope(Protocol):
    """What calls need of the checker."""

    arguments: Arguments
    names: Names
    profile: Profile

    def condition(self, node: Syntax) -> Condition: ...
    def value(self, node: Syntax) -> Value: ...


def is_value(node: Node) -> TypeIs[Value]:
    return hasattr(node, "type")


def is_null(node: Syntax) -> bool:
    return isinstance(node, Literal) and node.value is None


def is_text(node: Syntax) -> TypeGuard[Literal]:
    return isinstance(node, Literal) and isinstance(node.value, str)


def mismatch(node: Syntax, found: Type, expected: str, hint: str = "") -> ExpressionError:
    shown = "a condition" if expected == Type.boolean else f"of type {expected}" if expected in list(Type) else expected
    hint = hint or _HINTS.get((found, expected), "")
    message = f"This should be {shown}, and is of type {found}. {hint}".rstrip()
    return ExpressionError("wrongType", message, node.start, node.end, found=found, expected=expected)


class Calls:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._variables = 0
        self._inside: list[str] = []

    def call(self, node: Invocation) -> Node:
        function = self._known(node)
        given = node.arguments if node.receiver is None else (node.receiver, *node.arguments)
        if function.role is Role.special:
            return _SPECIAL[function.name](self, node, given)
        if function.role is Role.literal:
            return self._scope.arguments.slot(*self.read(node))
        if function.role is Role.bound:
            self._counted(node, given, 0)
            return self._scope.arguments.slot(Bound(function.name), function.overloads[0].result)
        return self._applied(function, node, given)

    def read(self, node: Invocation) -> tuple[Any, Type]:
        """The value of `date("...")` and its like."""
        self._counted(node, node.arguments, 1)
        written = node.arguments[0]
        if not is_text(written):
            raise _refused(written, "wrongType", "Write this text out in quotes.", expected="text literal")
        return literals.read(node.function.text, written), literals.READERS[node.function.text][0]

    def _known(self, node: Invocation) -> Function:
        name = node.function.text
        function = FUNCTIONS.get(name)
        if function is None:
            raise _unknown(node)
        if self._scope.profile not in function.profiles:
            where = "where events are judged" if self._scope.profile is Profile.sql else "over stored records"
            raise _refused(node.function, "notHere", f"{name} is known only {where}.", found=name)
        if function.form is Form.method and node.receiver is None:
            raise _refused(
                node.function, "unknownFunction", f"Write it behind a value: {function.example}.", found=name
            )
        if function.form is Form.plain and node.receiver is not None:
            message = f"Write the value in the parentheses: {function.example}."
            raise _refused(node.function, "unknownFunction", message, found=name)
        return function

    def _applied(self, function: Function, node: Invocation, given: tuple[Syntax, ...]) -> Node:
        if not given:
            self._counted(node, given, len(function.overloads[0].parameters))
        first = self._scope.value(given[0])
        overload = self._overload(function, given[0], first)
        parameters = self._parameters(overload, node, given)
        rest = tuple(self._argument(one, syntax) for one, syntax in zip(parameters[1:], given[1:], strict=True))
        arguments = (first, *rest)
        if function.role is Role.test:
            return Test(function.name, arguments)
        return Call(function.name, arguments, overload.result, _nullable(function.nullable, arguments))

    def _overload(self, function: Function, node: Syntax, first: Value) -> Overload:
        overload = next((one for one in function.overloads if one.parameters[0].type is first.type), None)
        if overload is None:
            types = [one.parameters[0].type for one in function.overloads]
            raise mismatch(node, first.type, types[0] if len(types) == 1 else f"one of {', '.join(types)}")
        return overload

    def _parameters(self, overload: Overload, node: Invocation, given: tuple[Syntax, ...]) -> tuple[Parameter, ...]:
        parameters = overload.parameters
        if overload.repeated and len(given) > len(parameters):
            return (*parameters, *parameters[-1:] * (len(given) - len(parameters)))
        self._counted(node, given, len(parameters))
        return parameters

    def _argument(self, parameter: Parameter, node: Syntax) -> Value:
        if parameter.literal:
            return self._scope.arguments.slot(self._written(parameter, node), parameter.type)
        value = self._scope.value(node)
        if value.type is not parameter.type:
            raise mismatch(node, value.type, parameter.type)
        return value

    def _written(self, parameter: Parameter, node: Syntax) -> Any:
        if parameter.type is Type.text and is_text(node):
            return literals.zone(node)
        if parameter.type is Type.number and isinstance(node, Literal) and node.value in range(MAX_PLACES + 1):
            return node.value
        wanted = "a time zone in quotes" if parameter.type is Type.text else f"a whole number from 0 to {MAX_PLACES}"
        raise _refused(node, "wrongType", f"Write {wanted} here.", expected=f"{parameter.name} literal")

    def _counted(self, node: Invocation, given: tuple[Syntax, ...], count: int) -> None:
        if len(given) != count:
            function = FUNCTIONS[node.function.text]
            message = f"Call it as in {function.example}: {' or '.join(function.signatures[:3])}."
            raise _refused(node, "wrongArguments", message, found=str(len(given)), expected=str(count))

    def has(self, node: Invocation, given: tuple[Syntax, ...]) -> Condition:
        self._counted(node, given, 1)
        if not isinstance(given[0], Path):
            raise _refused(given[0], "wrongType", "has takes a field; compare other values by != null.")
        return Not(IsNull(self._scope.names.value(given[0])))

    def is_blank(self, node: Invocation, given: tuple[Syntax, ...]) -> Condition:
        self._counted(node, given, 1)
        value = self._scope.value(given[0])
        if value.type is not Type.text:
            raise mismatch(given[0], value.type, Type.text)
        trimmed = Call("trim", (value,), Type.text, value.nullable)
        blank = Compare(Comparison.eq, trimmed, self._scope.arguments.slot("", Type.text))
        return Or((IsNull(value), blank)) if value.nullable else blank

    def changed(self, node: Invocation, given: tuple[Syntax, ...]) -> Condition:
        self._counted(node, given, 1)
        field = self._scope.names.value(given[0]) if isinstance(given[0], Path) else None
        if not isinstance(field, Field) or field.source.variable != RECORD or "." in field.name:
            raise _refused(given[0], "wrongType", "changed takes a field of the record itself, such as changed(stage).")
        return Changed(field)

    def is_new(self, node: Invocation, given: tuple[Syntax, ...]) -> Condition:
        self._counted(node, given, 0)
        return IsNew()

    def exists(self, node: Invocation, given: tuple[Syntax, ...]) -> Condition:
        return self._quantified(node, given, lambda condition: condition)

    def all(self, node: Invocation, given: tuple[Syntax, ...]) -> Condition:
        return Not(self._quantified(node, given, Not))

    def _quantified(
        self, node: Invocation, given: tuple[Syntax, ...], judged: Callable[[Condition], Condition]
    ) -> Condition:
        receiver, name = self._variable(node, given)
        if found := self._scope.names.many(receiver, self._fresh()):
            many, row = found
            return Exists(many, judged(self._within(node, name, row, given[2])))
        texts = self._scope.names.value(receiver)
        if not isinstance(texts, Field) or texts.type is not Type.texts:
            raise mismatch(receiver, texts.type, "many records, or a field with several values")
        variable = f"v{self._variables}"
        return ExistsValue(texts, variable, judged(self._within(node, name, Element(variable), given[2])))

    def count(self, node: Invocation, given: tuple[Syntax, ...]) -> Value:
        receiver, name = self._variable(node, given)
        found = self._scope.names.many(receiver, self._fresh())
        if found is None:
            type_ = self._scope.names.value(receiver).type
            raise mismatch(receiver, type_, "many records", "Count the values of a field by size().")
        many, row = found
        return Count(many, self._within(node, name, row, given[2]))

    def _fresh(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _variable(self, node: Invocation, given: tuple[Syntax, ...]) -> tuple[Path, str]:
        self._counted(node, given, 3)
        receiver, variable = given[0], given[1]
        if not isinstance(receiver, Path):
            raise _refused(receiver, "wrongType", "Ask this of a relation or of a field with several values.")
        if not isinstance(variable, Path) or len(variable.names) > 1 or variable.names[0].text in (RECORD, OLD):
            message = "Give each record a name, and use it in the condition: children.exists(c, has(c.name))."
            raise _refused(variable, "syntax", message, expected="name")
        return receiver, variable.names[0].text

    def _within(self, node: Invocation, name: str, variable: Row | Element, condition: Syntax) -> Condition:
        """The condition on each, with the variable in scope. Records are not asked within another question."""
        kind = "records" if isinstance(variable, Row) else "values"
        if self._inside and (kind == "records" or kind in self._inside):
            message = f"{node.function.text} cannot stand inside of another exists, all or count here."
            raise _refused(node.function, "notHere", message, found=node.function.text)
        names = self._scope.names
        outer = names.variables.get(name)
        names.variables[name] = variable
        self._inside.append(kind)
        judged = self._scope.condition(condition)
        self._inside.pop()
        del names.variables[name]
        if outer is not None:
            names.variables[name] = outer
        if isinstance(variable, Row) and not any(one.startswith(variable.prefix) for one in names.fields):
            names.fields.add(variable.prefix.removesuffix("."))
        return judged


_SPECIAL: Mapping[str, Callable[[Calls, Invocation, tuple[Syntax, ...]], Node]] = {
    "has": Calls.has,
    "isBlank": Calls.is_blank,
    "changed": Calls.changed,
    "isNew": Calls.is_new,
    "exists": Calls.exists,
    "all": Calls.all,
    "count": Calls.count,
}


def _nullable(rule: Nullable, arguments: tuple[Value, ...]) -> bool:
    if rule is Nullable.always:
        return True
    return (all if rule is Nullable.all else any)(one.nullable for one in arguments)


def _unknown(node: Invocation) -> ExpressionError:
    name = node.function.text[:64]
    near = get_close_matches(name, FUNCTIONS, 1)
    hint = _ABSENT.get(name) or (
        f"Did you mean {near[0]}?" if near else "GET /metadata/expressions lists the functions."
    )
    suggestion = near[0] if near and name not in _ABSENT else None
    message = f"There is no function {name}. {hint}"
    return _refused(node.function, "unknownFunction", message, found=name, suggestion=suggestion)


def _refused(node: Syntax | Name, code: str, message: str, **about: str | None) -> ExpressionError:
    return ExpressionError(code, message, node.start, node.end, **about)
