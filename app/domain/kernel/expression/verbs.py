"""What an expression says of a value, in plain English."""

from collections.abc import Mapping, Sequence

from app.domain.kernel.expression.tree import Arithmetic, Call, Comparison, Field, Operation, Type, Value
from app.domain.kernel.expression.wording import listed

_EQUAL = {Comparison.eq: "is", Comparison.ne: "is not"}
_NUMBERS = {
    Comparison.lt: "is under",
    Comparison.lte: "is at most",
    Comparison.gt: "is over",
    Comparison.gte: "is at least",
}
_TEXTS = {
    Comparison.lt: "sorts before",
    Comparison.lte: "sorts at or before",
    Comparison.gt: "sorts after",
    Comparison.gte: "sorts at or after",
}
_DAYS = {
    Comparison.lt: "is before",
    Comparison.lte: "is on or before",
    Comparison.gt: "is after",
    Comparison.gte: "is on or after",
}
_TIMES = {**_DAYS, Comparison.lte: "is at or before", Comparison.gte: "is at or after"}
_RELATIVE = {
    Comparison.lt: "is earlier than",
    Comparison.lte: "is no later than",
    Comparison.gt: "is later than",
    Comparison.gte: "is no earlier than",
}
_MONEY = {
    Comparison.eq: "is the same money as",
    Comparison.ne: "is not the same money as",
    Comparison.lt: "is less money than",
    Comparison.lte: "is at most as much money as",
    Comparison.gt: "is more money than",
    Comparison.gte: "is at least as much money as",
}
_ORDERS = {Type.text: _TEXTS, Type.date: _DAYS, Type.timestamp: _TIMES}
_MOMENTS = (Type.date, Type.timestamp)
OPPOSITE: Mapping[Comparison, Comparison] = {Comparison.eq: Comparison.ne, Comparison.ne: Comparison.eq}
SYMBOLS: Mapping[Operation, str] = {
    Operation.add: "+",
    Operation.subtract: "-",
    Operation.multiply: "×",  # noqa: RUF001  # it is read by people
    Operation.divide: "÷",
}
EQUALS = ({Operation.add, Operation.subtract}, {Operation.multiply, Operation.divide})
"""What is computed from left to right."""
TESTS: Mapping[str, tuple[str, str]] = {
    "contains": ("contains {}", "does not contain {}"),
    "icontains": ("contains {} in upper or lower case", "does not contain {} in upper or lower case"),
    "startsWith": ("starts with {}", "does not start with {}"),
    "endsWith": ("ends with {}", "does not end with {}"),
    "iequals": ("is {} in upper or lower case", "is not {} in upper or lower case"),
    "isBlank": ("is blank", "is not blank"),
}
_CALLS = {
    "lower": "{} in lower case",
    "trim": "{} without outer spaces",
    "size": "the length of {}",
    "abs": "{} without its sign",
    "round": "{} rounded to {} decimals",
    "min": "the smaller of {} and {}",
    "max": "the larger of {} and {}",
    "year": "the year of {}",
    "month": "the month (1 to 12) of {}",
    "day": "the day of the month of {}",
    "hour": "the hour of {}",
    "weekday": "the weekday (1 is Monday) of {}",
    "toDate": "the date of {}",
    "daysBetween": "the number of days from {} to {}",
}
_CALLS_ON = {
    ("size", Type.texts): "the number of values of {}",
    **{("min", moment): "the earlier of {} and {}" for moment in _MOMENTS},
    **{("max", moment): "the later of {} and {}" for moment in _MOMENTS},
}


def verb(comparison: Comparison, left: Value, right: Value) -> str:
    if _is_money(left) and _is_money(right):
        return _MONEY[comparison]
    if comparison in _EQUAL:
        return _EQUAL[comparison]
    if left.type in _MOMENTS and isinstance(right, Arithmetic | Call):
        return _RELATIVE[comparison]
    return _ORDERS.get(left.type, _NUMBERS)[comparison]


def among(words: Sequence[str], *, holds: bool) -> str:
    if not words:
        return "is one of no values" if holds else "is none of no values"
    if holds or len(words) == 1:
        return f"{'is' if holds else 'is not'} {listed(words, 'or')}"
    return f"is neither {listed(words, 'nor')}"


def result(call: Call, words: Sequence[str]) -> str:
    """A function of `words`. A time zone follows what it is applied to; its name needs no quotes."""
    if call.function == "coalesce" and len(words) == 2:
        return f"{words[0]} ({words[1]} if empty)"
    if call.function == "coalesce":
        return f"the first of ({', '.join(words)}) that is not empty"
    function = _CALLS_ON.get((call.function, call.arguments[0].type), _CALLS[call.function])
    zones = [zone.strip('"') for zone in words[function.count("{}") :]]
    return " in ".join((function.format(*words), *zones))


def shifted(shift: str, moment: str, *, later: bool) -> str:
    if moment == "now":
        return f"{shift} from now" if later else f"{shift} ago"
    return f"{shift} {'after' if later else 'before'} {moment}"


def _is_money(value: Value) -> bool:
    return isinstance(value, Field) and value.currency is not None
