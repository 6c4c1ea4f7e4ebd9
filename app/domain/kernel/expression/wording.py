"""Names and values of an expression in plain English. Different values never read alike."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import UnionType
from typing import Any
from uuid import UUID

from app.domain.kernel.expression.tree import Bound

_BOUND = {Bound.now: "now", Bound.today: "today", Bound.me: "the current user"}
_LABELS = {
    "createdAt": "creation time",
    "createdBy": "creator",
    "modifiedAt": "time of the last change",
    "modifiedBy": "last editor",
}
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PLAIN = re.compile(r"[A-Z][A-Za-z]*")
_OURS = frozenset({"now", "today", "empty", "true", "false", "whether"})
_UNITS = (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000))


def label(name: str) -> str:
    """`annualRevenue` as in "annual revenue". A reference is called by what it leads to: `ownerId` by "owner"."""
    known = _LABELS.get(name)
    return known or _HUMP.sub(" ", name.removesuffix("Id")).lower()


def literal(value: Any) -> str:
    """One argument of an expression."""
    for type_, write in _WRITERS:
        if isinstance(value, type_):
            return write(value)
    return value if _PLAIN.fullmatch(value) and value.lower() not in _OURS else quoted(value)


def quoted(text: str) -> str:
    """What cannot be seen is spelt out."""
    shown = (one if one.isprintable() and one not in '"\\' else _escaped(one) for one in text)
    return f'"{"".join(shown)}"'


def listed(words: Sequence[str], conjunction: str) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return f" {conjunction} ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def counted(number: Decimal, unit: str) -> str:
    return f"{literal(number)} {unit}" if number == 1 else f"{literal(number)} {unit}s"


def _escaped(one: str) -> str:
    return f"\\{one}" if one in '"\\' else one.encode("unicode_escape").decode()


def _number(value: Decimal) -> str:
    """A year is not read well with a comma."""
    return f"{value:,f}" if abs(value) >= 10_000 else f"{value:f}"


def _day(value: date) -> str:
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year:04d}"


def _time(value: datetime) -> str:
    fraction = f".{value.microsecond:06d}" if value.microsecond else ""
    seconds = f":{value.second:02d}{fraction}" if value.second or fraction else ""
    return f"{_day(value)} at {value.hour:02d}:{value.minute:02d}{seconds} UTC"


def _duration(value: timedelta) -> str:
    rest, words = abs(value) // timedelta(microseconds=1), []
    for unit, microseconds in _UNITS:
        count, rest = divmod(rest, microseconds)
        if count:
            words.append(counted(Decimal(count), unit))
    if rest or not words:
        words.append(counted(Decimal(rest) / 1_000_000, "second"))
    return f"{'minus ' if value < timedelta() else ''}{' '.join(words)}"


_WRITERS: tuple[tuple[type | UnionType, Callable[[Any], str]], ...] = (  # a bound name is a text, a time is a day
    (Bound, _BOUND.__getitem__),
    (bool, lambda value: "true" if value else "false"),
    (Decimal | int, lambda value: _number(Decimal(value))),
    (datetime, lambda value: _time(value.astimezone(UTC))),
    (date, _day),
    (timedelta, _duration),
    (UUID, str),
)
