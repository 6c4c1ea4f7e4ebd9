"""What operators and functions do to single values in memory: the same as PostgreSQL does, digit by digit.

Ranges are those of `limits.py`. A custom field counts as null unless its JSON has the form of its type; the patterns
here say which forms, for both back ends, and let nothing through that a cast could refuse.
"""

import operator
import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.kernel.expression.limits import MAX_DECIMALS, MAX_DIGITS
from app.domain.kernel.expression.tree import Operation, Type

# Wide enough that sums and products stay exact, whatever the context of the thread says.
EXACT = Context(prec=4_000, rounding=ROUND_HALF_UP)
_NARROW, _WIDE = Context(prec=80, rounding=ROUND_DOWN), Context(prec=4_000, rounding=ROUND_DOWN)
QUOTIENT_DIGITS, DIVIDEND_DIGITS = 10, 30
_QUOTIENT, _DIVIDEND = Decimal(1).scaleb(-QUOTIENT_DIGITS), Decimal(1).scaleb(-DIVIDEND_DIGITS)

FIRST_TIMESTAMP = datetime(1, 1, 2, tzinfo=UTC)
LAST_TIMESTAMP = datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=UTC)
FIRST_MONTH, LAST_MONTH = 12, 9999 * 12 + 11  # counted from January of the year 0
MAX_STEPS = 4_000_000  # more than the calendar has days

_LEAP_YEAR = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DAY = (
    "(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    f"|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_TIME = r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|\+00:00)"
FORMS = {
    Type.number: rf"^-?[0-9]{{1,{MAX_DIGITS}}}(\.[0-9]{{1,{MAX_DECIMALS}}})?$",
    Type.date: f"^{_DAY}$",
    Type.timestamp: f"^(?!0001-01-01|9999-12-31){_DAY}{_TIME}$",
    Type.id: "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
}
_FORMS = {type_: re.compile(form) for type_, form in FORMS.items()}
_READ: dict[Type, Callable[[str], Any]] = {
    Type.date: date.fromisoformat,
    Type.timestamp: datetime.fromisoformat,
    Type.id: UUID,
}


def custom(type_: Type, value: Any) -> Any:
    """A member of the JSON of custom fields as a value of its type, or None."""
    if type_ is Type.text:
        return value if isinstance(value, str) else None
    if type_ is Type.boolean:
        return value if isinstance(value, bool) else None
    if type_ is Type.texts:
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else None
    if type_ is Type.number:
        return _number(value)
    return _READ[type_](value) if isinstance(value, str) and _FORMS[type_].fullmatch(value) else None


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or number.adjusted() >= MAX_DIGITS:
        return None
    return number if _FORMS[Type.number].fullmatch(f"{number:f}") else None


def fold(text: str) -> str:
    """Lower case, character by character: `str.lower` looks at the neighbours of a sigma and makes two of an İ."""
    if "Σ" not in text and "İ" not in text:
        return text.lower()
    return "".join("i" if one == "İ" else one.lower() for one in text)


def trimmed(text: str) -> str:
    return text.strip(" ")


def absolute(number: Decimal) -> Decimal:
    return EXACT.abs(number)


def rounded(number: Decimal, places: Decimal) -> Decimal:
    """Half away from zero."""
    return EXACT.quantize(number, Decimal(1).scaleb(-int(places)))


def quotient(dividend: Decimal, divisor: Decimal) -> Decimal | None:
    """`round(round(a, 30) / round(b, 30), 10)`, the division itself with 30 decimals.

    It is cut off later than that, which rounds as it should; a narrow context does so five times as fast.
    """
    divisor = EXACT.quantize(divisor, _DIVIDEND)
    if not divisor:
        return None
    dividend = EXACT.quantize(dividend, _DIVIDEND)
    found = _NARROW.divide(dividend, divisor)
    if found.adjusted() > _NARROW.prec - DIVIDEND_DIGITS - 2:
        found = _WIDE.divide(dividend, divisor)
    return EXACT.quantize(EXACT.quantize(found, _DIVIDEND), _QUOTIENT)


def remainder(dividend: Decimal, divisor: Decimal) -> Decimal | None:
    """It has the sign of the dividend."""
    return EXACT.remainder(dividend, divisor) if divisor else None


def later(moment: datetime, by: timedelta) -> datetime | None:
    try:
        found = moment + by
    except OverflowError:
        return None
    return found if FIRST_TIMESTAMP <= found <= LAST_TIMESTAMP else None


def earlier(moment: datetime, by: timedelta) -> datetime | None:
    return later(moment, -by)


def add_days(day: date, days: Decimal) -> date | None:
    """A part of a day is cut off."""
    ordinal = day.toordinal() + int(days)
    return date.fromordinal(ordinal) if 1 <= ordinal <= date.max.toordinal() else None


def add_months(day: date, months: Decimal) -> date | None:
    """A part of a month is cut off; the end of a shorter month stands for the days that it lacks."""
    month = day.year * 12 + day.month - 1 + int(months)
    if not FIRST_MONTH <= month <= LAST_MONTH:
        return None
    year, index = divmod(month, 12)
    return date(year, index + 1, min(day.day, monthrange(year, index + 1)[1]))


def days_between(first: date, second: date) -> int:
    return (second - first).days


def local(moment: datetime, zone: str) -> datetime | None:
    try:
        return moment.astimezone(ZoneInfo(zone))
    except OverflowError:
        return None


NUMBERS: dict[Operation, Callable[[Any, Any], Any]] = {
    Operation.add: EXACT.add,
    Operation.subtract: EXACT.subtract,
    Operation.multiply: EXACT.multiply,
    Operation.divide: quotient,
    Operation.remainder: remainder,
}
TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "icontains": lambda text, part: fold(part) in fold(text),
    "iequals": lambda text, other: fold(text) == fold(other),
}
OF_ONE: dict[str, Callable[[Any], Any]] = {"lower": fold, "trim": trimmed, "size": len, "abs": absolute}
OF_DAYS: dict[str, Callable[[Any], Any]] = {
    "year": operator.attrgetter("year"),
    "month": operator.attrgetter("month"),
    "day": operator.attrgetter("day"),
    "hour": operator.attrgetter("hour"),
    "weekday": date.isoweekday,
    "toDate": datetime.date,
}
OF_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "round": rounded,
    "min": min,
    "max": max,
    "addDays": add_days,
    "addMonths": add_months,
    "daysBetween": days_between,
}
