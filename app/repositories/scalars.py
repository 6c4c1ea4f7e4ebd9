"""What operators and functions of expressions are in SQL. The twin of `app.domain.kernel.expression.scalars`.

Nothing here can fail on data: what would leave the range of its type is cut off before it is computed and null after.
No operand is repeated, or nested calls would grow by powers; and a CASE does not protect constants, which PostgreSQL
computes while it plans.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Interval,
    Numeric,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    collate,
    column,
    extract,
    func,
    literal,
    literal_column,
    nulls_first,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import TypeEngine

from app.domain.kernel.expression.scalars import (
    DIVIDEND_DIGITS,
    FIRST_TIMESTAMP,
    FORMS,
    LAST_TIMESTAMP,
    MAX_STEPS,
    QUOTIENT_DIGITS,
)
from app.domain.kernel.expression.tree import Operation, Slot, Type
from app.repositories.compile import ordered

Element = ColumnElement[Any]

TYPES: Mapping[Type, TypeEngine[Any]] = {
    Type.text: Text(),
    Type.number: Numeric(),
    Type.boolean: Boolean(),
    Type.date: Date(),
    Type.timestamp: DateTime(timezone=True),
    Type.duration: Interval(),
    Type.id: Uuid(),
}
_TICK = timedelta(microseconds=1)
_DAYS = date.max.toordinal()
_MONTHS_OF_10_000_YEARS, _DAYS_OF_10_000_YEARS = 120_000, 25 * 146_097  # the calendar repeats itself after 400
_BIGGEST = literal_column("9223372036854775000", Numeric())


def argument(slot: Slot) -> Element:
    return bindparam(f"a{slot.index}", type_=TYPES[slot.type], required=True)


def listed(slot: Slot) -> Element:
    return bindparam(f"a{slot.index}", type_=ARRAY(TYPES[slot.type]), required=True)


def _number(number: int) -> Element:
    return literal_column(str(number), Integer())


def _between(value: Element, least: Element, most: Element, type_: TypeEngine[Any]) -> Element:
    return func.least(func.greatest(value, least, type_=type_), most, type_=type_)


def custom(document: Element, name: str, type_: Type) -> Element:
    """A member of the JSON of custom fields; null unless it has the form of its type."""
    key = literal(name, Text())
    member = document.op("->", return_type=JSONB())(key)
    text = document.op("->>", return_type=Text())(key)
    kind = func.jsonb_typeof(member)
    if type_ is Type.texts:
        return case((kind == literal_column("'array'"), member))
    if type_ is Type.boolean:
        return case((kind == literal_column("'boolean'"), cast(member, Boolean())))
    if type_ is Type.text:
        return case((kind == literal_column("'string'"), text))
    written: Element = literal_column("'number'" if type_ is Type.number else "'string'")
    return case((and_(kind == written, text.op("~")(literal(FORMS[type_], Text()))), cast(text, TYPES[type_])))


def texts_hold(texts: Element, value: Element) -> ColumnElement[bool]:
    return texts.op("?", is_comparison=True, return_type=Boolean())(value)


def count_texts(texts: Element) -> Element:
    values = elements(texts)
    strings = select(func.count()).select_from(values).where(is_string(values.c.value))
    return case((texts.is_not(None), cast(strings.correlate_except(values).scalar_subquery(), Numeric())))


def elements(texts: Element) -> TableValuedAlias:
    return func.jsonb_array_elements(texts).table_valued(column("value", JSONB()))


def is_string(one: Element) -> ColumnElement[bool]:
    return func.jsonb_typeof(one) == literal_column("'string'")


def fold(text: Element) -> Element:
    """Under the collation of the database: a column whose own is "C" would fold ASCII only.

    The result goes back to "C", since two collations that are both named cannot meet in a comparison.
    """
    return collate(func.lower(collate(text, "default"), type_=Text()), "C")


def quotient(dividend: Element, divisor: Element) -> Element:
    digits, zero = _number(DIVIDEND_DIGITS), _number(0)
    above = func.round(dividend, digits, type_=Numeric())
    below = func.nullif(func.round(divisor, digits, type_=Numeric()), zero, type_=Numeric())
    return func.round(above.op("/", return_type=Numeric())(below), _number(QUOTIENT_DIGITS), type_=Numeric())


def remainder(dividend: Element, divisor: Element) -> Element:
    return func.mod(dividend, func.nullif(divisor, _number(0), type_=Numeric()), type_=Numeric())


def shifted(moment: Element) -> Element:
    """A sum of a timestamp and a duration; null outside of the range that can be stored."""
    under, over = (literal(one, DateTime(timezone=True)) for one in (FIRST_TIMESTAMP - _TICK, LAST_TIMESTAMP + _TICK))
    return _outside_null(moment, under, over, DateTime(timezone=True))


def _outside_null(value: Element, under: Element, over: Element, type_: TypeEngine[Any]) -> Element:
    inside = _between(value, under, over, type_)
    return func.nullif(func.nullif(inside, under, type_=type_), over, type_=type_)


def _steps(number: Element, most: int) -> Element:
    return cast(_between(func.trunc(number), _number(-most), _number(most), Numeric()), Integer())


def add_days(day: Element, days: Element) -> Element:
    """By the number of the day in the calendar, which has room for every step."""
    begin = literal_column("date '0001-01-01'", Date())
    ordinal = (day - begin).op("+", return_type=Integer())(_steps(days, MAX_STEPS))
    number = _outside_null(ordinal, _number(-1), _number(_DAYS), Integer())
    return begin.op("+", return_type=Date())(number)


def add_months(day: Element, months: Element) -> Element:
    """10,000 years later, where there is room to all sides, and back again."""
    by = _steps(months, _MONTHS_OF_10_000_YEARS).op("+", return_type=Integer())(_number(_MONTHS_OF_10_000_YEARS))
    far = cast(day + func.make_interval(_number(0), by, type_=Interval()), Date())
    begin = literal_column("date '0001-01-01'", Date())
    number = (far - begin).op("-", return_type=Integer())(_number(_DAYS_OF_10_000_YEARS))
    return begin.op("+", return_type=Date())(_outside_null(number, _number(-1), _number(_DAYS), Integer()))


def days_between(first: Element, second: Element) -> Element:
    return cast(second - first, Numeric())


def _extreme(order: Callable[[Element], Element]) -> Callable[[Element, Element], Element]:
    def find(first: Element, second: Element) -> Element:
        """LEAST and GREATEST pass over nulls; here one null decides."""
        both = func.unnest(array([first, second])).table_valued(column("one", first.type)).render_derived()
        one = both.c.one
        found = select(one).select_from(both).order_by(nulls_first(order(one))).limit(_number(1))
        return found.correlate_except(both).scalar_subquery()

    return find


def _part(name: str) -> Callable[[Element], Element]:
    return lambda day: extract(name, day)


def local(moment: Element, zone: Element) -> Element:
    return func.timezone(zone, moment, type_=DateTime())


def whole(slot: Slot) -> Element:
    """A number as one that a column of whole numbers can equal, with its index; null if none can."""
    number = argument(slot)
    fits = and_(number == func.trunc(number), func.abs(number) <= _BIGGEST)
    return case((fits, cast(_clamped(number), BigInteger())))


def wholes(slot: Slot) -> Element:
    """Those of a list that a column of whole numbers can equal."""
    given = func.unnest(listed(slot)).table_valued(column("one", Numeric())).render_derived()
    one = given.c.one
    fitting = select(cast(_clamped(one), BigInteger())).select_from(given)
    return func.array(fitting.where(one == func.trunc(one), func.abs(one) <= _BIGGEST).scalar_subquery())


def floor(slot: Slot) -> Element:
    return cast(_clamped(func.floor(argument(slot))), BigInteger())


def ceiling(slot: Slot) -> Element:
    return cast(_clamped(func.ceil(argument(slot))), BigInteger())


def _clamped(number: Element) -> Element:
    return _between(number, -_BIGGEST, _BIGGEST, Numeric())


NUMBERS: Mapping[Operation, Callable[[Element, Element], Element]] = {
    Operation.add: lambda left, right: left + right,
    Operation.subtract: lambda left, right: left - right,
    Operation.multiply: lambda left, right: left * right,
    Operation.divide: quotient,
    Operation.remainder: remainder,
}
TESTS: Mapping[str, Callable[[Element, Element], ColumnElement[bool]]] = {
    "contains": lambda text, part: func.strpos(text, part) > _number(0),
    "icontains": lambda text, part: func.strpos(fold(text), fold(part)) > _number(0),
    "startsWith": lambda text, part: func.starts_with(ordered(text), part, type_=Boolean()),
    "endsWith": lambda text, part: func.right(text, func.char_length(part), type_=Text()) == part,
    "iequals": lambda text, other: fold(text) == fold(other),
}
OF_DAYS: Mapping[str, Callable[[Element], Element]] = {
    "year": _part("year"),
    "month": _part("month"),
    "day": _part("day"),
    "hour": _part("hour"),
    "weekday": _part("isodow"),
    "toDate": lambda moment: cast(moment, Date()),
}
FUNCTIONS: Mapping[str, Callable[..., Element]] = {
    "coalesce": lambda *values: func.coalesce(*values, type_=values[0].type),
    "lower": fold,
    "trim": lambda text: func.btrim(text, type_=Text()),
    "size": lambda text: cast(func.char_length(text), Numeric()),
    "abs": lambda number: func.abs(number, type_=Numeric()),
    "round": lambda number, places: func.round(number, cast(places, Integer()), type_=Numeric()),
    "min": _extreme(lambda one: one.asc()),
    "max": _extreme(lambda one: one.desc()),
    "addDays": add_days,
    "addMonths": add_months,
    "daysBetween": days_between,
}
