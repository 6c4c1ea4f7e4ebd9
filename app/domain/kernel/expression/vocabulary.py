"""The operators and types of the language as its authors should know them. The functions are in `functions.py`."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.kernel.expression.arithmetic import RESULTS
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.expression.parser import PRECEDENCE
from app.domain.kernel.expression.tree import Type

CONDITIONAL, UNARY = 0, 6


@dataclass(frozen=True, slots=True)
class Operator:
    """`precedence`: the higher binds first. `operands` are the forms that it takes, as in `number + number`."""

    symbol: str
    precedence: int
    operands: tuple[str, ...]
    summary: str
    example: str


@dataclass(frozen=True, slots=True)
class Described:
    summary: str
    example: str


def _binary(symbol: str, operands: tuple[str, ...], summary: str, example: str) -> Operator:
    return Operator(symbol, PRECEDENCE[symbol], operands, summary, example)


def _ordering(symbol: str, summary: str, example: str) -> Operator:
    ordered = (Type.number, Type.text, Type.date, Type.timestamp, Type.duration)
    return _binary(symbol, tuple(f"{one} {symbol} {one}" for one in ordered), f"{summary} {_ORDER}", example)


def _arithmetic(symbol: str, summary: str, example: str) -> Operator:
    operands = tuple(f"{left} {symbol} {right}" for operation, left, right in RESULTS if operation.value == symbol)
    return _binary(symbol, operands, summary, example)


_ORDER = "It is false where a side is empty. Texts are ordered by the codes of their characters."

OPERATORS: tuple[Operator, ...] = (
    Operator(
        "? :", CONDITIONAL, ("boolean ? value : value",),
        "The first value where the condition holds, else the second; both have one type, or are conditions.",
        'has(closeDate) ? closeDate < today() : stage == "prospecting"',
    ),
    _binary("||", ("boolean || boolean",), "Whether one of them holds, or both.", "amount > 10000 || probability > 80"),
    _binary("&&", ("boolean && boolean",), "Whether both hold.", 'amount > 10000 && stage == "engaging"'),
    _binary(
        "==", ("value == value",),
        "Whether both are the same. Empty equals empty, and two amounts are equal only in one currency.",
        'stage == "closedWon"',
    ),
    _binary(
        "!=", ("value != value",), "Whether they differ: the negation of ==, so it holds where one side is empty.",
        "closeDate != null",
    ),
    _ordering("<", "Whether the first is less, or earlier.", "closeDate < today()"),
    _ordering("<=", "Whether it is not more.", "probability <= 50"),
    _ordering(">", "Whether the first is more, or later.", "amount > 10000"),
    _ordering(">=", "Whether it is not less.", 'closeDate >= date("2026-11-01")'),
    _binary(
        "in", ("value in [value, ...]", "text in texts"),
        "Whether the value is one of those listed, or one of those that the field has. An empty value is in no list.",
        'stage in ["prospecting", "engaging"]',
    ),
    _arithmetic(
        "+",
        "The sum, both texts one after the other, or a later moment; empty where a side is.",
        "probability + 10 >= 50",
    ),
    _arithmetic(
        "-",
        "The difference, an earlier moment, or the time between two; empty where a side is.",
        'createdAt > now() - duration("7d")',
    ),
    _arithmetic("*", "One times the other; empty where a side is.", "amount * 1.19 > 1000"),
    _arithmetic(
        "/",
        "The quotient, rounded to 10 decimals; empty where a side is, and where the divisor is 0.",
        "amount / 12 > 100",
    ),
    _arithmetic(
        "%",
        "What a division leaves over, with the sign of the first; empty where a side is, and where the second is 0.",
        "version % 2 == 0",
    ),
    Operator("!", UNARY, ("!boolean",), "Whether the condition does not hold.", "!(probability < 50)"),
    Operator("-", UNARY, ("-number",), "The number with the other sign.", "-amount < -10000"),
)  # fmt: skip
TYPES: Mapping[Type, Described] = {
    Type.text: Described("A text in either quotes, compared exactly: upper and lower case differ.", '"Finance"'),
    Type.number: Described("An exact decimal number; an amount of money counts as its number.", "1234.50"),
    Type.boolean: Described("True or false. A condition is never empty.", "true"),
    Type.date: Described("A day of the calendar, without a time zone.", 'date("2026-11-01")'),
    Type.timestamp: Described("A moment, whatever clocks show.", 'timestamp("2026-11-01T09:30:00Z")'),
    Type.duration: Described("A length of time; a day has 24 hours.", 'duration("36h")'),
    Type.id: Described("The id of a record, written as a text.", '"019ad1c0-7b3e-7c11-9d52-6f0c3a9b1e44"'),
    Type.texts: Described("A field with several texts; ask it with in, exists, all and size.", '["a", "b"]'),
    Type.null: Described("The empty value: missing, cleared, or not to be found.", "null"),
}
PROFILES: Mapping[Profile, str] = {
    Profile.sql: "Over stored records and those that they refer to: lists, queries, views.",
    Profile.event: "Over an event, with old.<field>, changed() and isNew(). An event carries no other record.",
}
