"""Google's parser of CEL, and its tree and ours as nested tuples of one form.

It hands its tree out as a protobuf message (cel.expr.ParsedExpr); the few fields of it that matter are read here.
"""

import struct
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import reduce
from typing import Any

from cel_expr_python import cel

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

Tree = tuple[Any, ...]

_ENVIRONMENT = cel.NewEnv(variables={})
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_JOINED = ("_&&_", "_||_")
_MACROS = {"_||_": "exists", "_&&_": "all"}


class RefusedByGoogle(Exception):
    pass


def google(text: str) -> Tree:
    try:
        message = _ENVIRONMENT.compile(text, disable_check=True).serialize()
    except RuntimeError as error:
        raise RefusedByGoogle(str(error)) from error
    checked = dict(_fields(message))[2]
    members = dict(_fields(checked))
    return _expression(members[4] if 4 in members else members[2])


def ours(node: Syntax) -> Tree:
    match node:
        case Path(names):
            return reduce(lambda tree, name: ("field", tree, name.text), names[1:], ("name", names[0].text))
        case Literal(value):
            tree: Tree = ("constant", float(value) if isinstance(value, Decimal) else value)
        case Listed(items):
            tree = ("list", *map(ours, items))
        case Chain(operator, parts):
            tree = _joined(f"_{operator}_", list(map(ours, parts)))
        case Invocation(function, receiver, arguments):
            target = [] if receiver is None else [ours(receiver)]
            tree = ("call", function.text, bool(target), *target, *map(ours, arguments))
        case _:
            tree = _operation(node)
    return tree


def _operation(node: Unary | Binary | Conditional) -> Tree:
    match node:
        case Unary(operator, operand):
            return ("call", f"{operator}_", False, ours(operand))
        case Binary(operator, left, right):
            return ("call", "@in" if operator == "in" else f"_{operator}_", False, ours(left), ours(right))
        case Conditional(condition, then, otherwise):
            return ("call", "_?_:_", False, ours(condition), ours(then), ours(otherwise))


def _expression(message: bytes) -> Tree:
    return next(_READERS[number](value) for number, value in _fields(message) if number in _READERS)


def _constant(message: bytes) -> Any:
    number, value = next(_fields(message), (1, 0))
    read: dict[int, Callable[[Any], Any]] = {
        1: lambda _: None,
        2: bool,
        3: lambda whole: float(whole if whole < 2**63 else whole - 2**64),
        5: lambda double: struct.unpack("<d", double)[0],
        6: lambda text: unicodedata.normalize("NFC", text.decode()),
    }
    return read[number](value) if number in read else ("other", number, value)


def _select(members: dict[int, Any]) -> Tree:
    field: Tree = ("field", _expression(members[1]), members[2].decode())
    return ("call", "has", False, field) if members.get(3) else field


def _call(members: list[tuple[int, Any]]) -> Tree:
    function = next((value.decode() for number, value in members if number == 2), "")
    target = [_expression(value) for number, value in members if number == 1]
    arguments = [_expression(value) for number, value in members if number == 3]
    if function in _JOINED:
        return _joined(function, arguments)
    return ("call", function, bool(target), *target, *arguments)


def _joined(function: str, parts: list[Tree]) -> Tree:
    """Google balances long chains and we keep them flat: what they mean is the same."""
    flat: list[Tree] = []
    for part in parts:
        flat.extend(part[3:] if part[:2] == ("call", function) else (part,))
    return ("call", function, False, *flat)


def _macro(members: dict[int, Any]) -> Tree:
    """`exists` and `all` were expanded into loops over an accumulator."""
    step = _expression(members[6])
    function = _MACROS.get(step[1])
    if function is None:
        return ("loop", step)
    return ("call", function, True, _expression(members[2]), ("name", members[1].decode()), _joined_condition(step))


def _joined_condition(step: Tree) -> Tree:
    conditions = step[4:]
    return conditions[0] if len(conditions) == 1 else _joined(step[1], list(conditions))


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if wire == _BYTES:
            length, at = _varint(message, at)
        else:
            length = {_FIXED64: 8, _FIXED32: 4}[wire]
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


_READERS: dict[int, Callable[[Any], Tree]] = {
    3: lambda message: ("constant", _constant(message)),
    4: lambda message: ("name", dict(_fields(message)).get(1, b"").decode()),
    5: lambda message: _select(dict(_fields(message))),
    6: lambda message: _call(list(_fields(message))),
    7: lambda message: ("list", *(_expression(item) for number, item in _fields(message) if number == 1)),
    8: lambda _: ("map",),
    9: lambda message: _macro(dict(_fields(message))),
}
