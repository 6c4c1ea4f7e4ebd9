"""Faults that somebody might make in a back end, each planted by replacing one function or branch of it."""

import operator
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import pytest
from sqlalchemy import Numeric, String, and_, case, cast, collate, func, literal, not_, or_
from sqlalchemy.sql.selectable import FromClause

from app.domain.kernel.expression import memory
from app.domain.kernel.expression import scalars as in_memory
from app.domain.kernel.expression.tree import (
    AsValue,
    Compare,
    Comparison,
    Constant,
    Exists,
    Not,
    Operation,
    Type,
)
from app.domain.kernel.schema import Schema
from app.repositories import compile as compiling
from app.repositories import condition as judging
from app.repositories import scalars as in_sql

Plant = Callable[[pytest.MonkeyPatch], None]
FAULTS: dict[str, Plant] = {}


def fault(plant: Plant) -> Plant:
    FAULTS[plant.__name__] = plant
    return plant


@fault
def not_equal_misses_the_empty(m: pytest.MonkeyPatch) -> None:
    honest = judging._compare_values

    def compared(comparison: Comparison, left: Any, right: Any, rows: Any) -> Any:
        if comparison is Comparison.ne:
            return judging.value(left, rows) != judging.value(right, rows)
        return honest(comparison, left, right, rows)

    m.setattr(judging, "_compare_values", compared)


@fault
def two_empty_values_differ(m: pytest.MonkeyPatch) -> None:
    honest = judging._compare_values

    def compared(comparison: Comparison, left: Any, right: Any, rows: Any) -> Any:
        if comparison is Comparison.eq:
            return judging.value(left, rows) == judging.value(right, rows)
        return honest(comparison, left, right, rows)

    m.setattr(judging, "_compare_values", compared)


@fault
def not_forgets_the_empty(m: pytest.MonkeyPatch) -> None:
    def compared(node: Compare, rows: Any) -> Any:
        opposite = judging._OPPOSITE.get(node.comparison) or judging._BEYOND[node.comparison]
        return judging._compare(Compare(opposite, node.left, node.right), rows)

    m.setitem(judging._FAILS, Compare, compared)


@fault
def a_condition_as_a_value_may_be_null(m: pytest.MonkeyPatch) -> None:
    m.setitem(judging._VALUES, AsValue, lambda node, rows: judging.holds(node.condition, rows))


@fault
def a_join_forgets_the_tenant(m: pytest.MonkeyPatch) -> None:
    m.setattr(judging, "visible", lambda _kind, source, _schema: source.c.id.is_not(None))


@fault
def a_join_shows_the_records_of_every_owner(m: pytest.MonkeyPatch) -> None:
    m.setattr(judging, "visible", lambda _kind, source, _schema: compiling.of_tenant(source))


@fault
def a_reference_to_nothing_hides_the_record(m: pytest.MonkeyPatch) -> None:
    m.setattr(FromClause, "outerjoin", FromClause.join)


@fault
def a_hidden_field_can_be_read(m: pytest.MonkeyPatch) -> None:
    m.setattr(Schema, "fields", lambda _, kind: kind.fields)


@fault
def all_of_none_is_false(m: pytest.MonkeyPatch) -> None:
    def none(node: Exists, rows: Any) -> Any:
        some = judging._exists(Exists(node.many, Constant(value=True)), rows)
        return and_(some, not_(judging._exists(node, rows)))

    m.setitem(judging._FAILS, Exists, none)


@fault
def memory_counts_one_match_twice(m: pytest.MonkeyPatch) -> None:
    honest = memory._records
    m.setattr(
        memory, "_records", lambda many: lambda r, s: [*(honest(many)(r, s) or ()), *(honest(many)(r, s) or ())[:1]]
    )


@fault
def memory_folds_ascii_only(m: pytest.MonkeyPatch) -> None:
    m.setattr(in_memory, "fold", lambda text: "".join(one.lower() if one.isascii() else one for one in text))


@fault
def memory_folds_by_neighbours(m: pytest.MonkeyPatch) -> None:
    m.setattr(in_memory, "fold", str.lower)


@fault
def sql_folds_under_c(m: pytest.MonkeyPatch) -> None:
    m.setattr(in_sql, "fold", lambda text: func.lower(collate(text, "C")))


@fault
def like_is_not_escaped(m: pytest.MonkeyPatch) -> None:
    m.setitem(in_sql.TESTS, "contains", lambda text, part: text.like(literal("%").concat(part).concat("%")))


@fault
def a_word_ends_anywhere(m: pytest.MonkeyPatch) -> None:
    m.setitem(in_memory.TESTS, "endsWith", operator.contains)


@fault
def text_is_ordered_without_case(m: pytest.MonkeyPatch) -> None:
    def folding(compare: Any) -> Any:
        return lambda one, other: compare(func.lower(one), func.lower(other)) if is_text(one) else compare(one, other)

    m.setattr(judging, "_ORDERS", {comparison: folding(one) for comparison, one in judging._ORDERS.items()})


def is_text(column: Any) -> bool:
    return isinstance(column.type, String)


@fault
def memory_trims_every_blank(m: pytest.MonkeyPatch) -> None:
    m.setitem(in_memory.OF_ONE, "trim", str.strip)


@fault
def size_counts_bytes(m: pytest.MonkeyPatch) -> None:
    m.setitem(in_sql.FUNCTIONS, "size", lambda text: cast(func.octet_length(text), Numeric()))


@fault
def memory_adds_in_the_context_of_the_thread(m: pytest.MonkeyPatch) -> None:
    m.setitem(in_memory.NUMBERS, Operation.add, Context(prec=28).add)


@fault
def sql_does_not_round_a_quotient(m: pytest.MonkeyPatch) -> None:
    m.setitem(in_sql.NUMBERS, Operation.divide, lambda a, b: a.op("/", return_type=Numeric())(func.nullif(b, 0)))


@fault
def sql_divides_by_zero(m: pytest.MonkeyPatch) -> None:
    m.setitem(in_sql.NUMBERS, Operation.divide, lambda a, b: func.round(a.op("/", return_type=Numeric())(b), 10))


@fault
def memory_takes_the_sign_of_the_divisor(m: pytest.MonkeyPatch) -> None:
    def remainder(a: Decimal, b: Decimal) -> Decimal | None:
        if not b:
            return None
        found = in_memory.EXACT.remainder(a, b)
        return in_memory.EXACT.add(found, b) if found and (found < 0) != (b < 0) else found

    m.setitem(in_memory.NUMBERS, Operation.remainder, remainder)


@fault
def whole_numbers_overflow(m: pytest.MonkeyPatch) -> None:
    m.setattr(judging, "_field", judging._column)
    m.setitem(judging._VALUES, judging.Field, judging._column)


@fault
def halves_go_to_even(m: pytest.MonkeyPatch) -> None:
    even = Context(prec=100, rounding=ROUND_HALF_EVEN)
    m.setitem(in_memory.OF_TWO, "round", lambda number, places: even.quantize(number, Decimal(1).scaleb(-int(places))))


@fault
def the_smaller_of_one_and_nothing_is_the_one(m: pytest.MonkeyPatch) -> None:
    m.setitem(in_sql.FUNCTIONS, "min", lambda a, b: func.least(a, b, type_=a.type))


@fault
def custom_values_are_cast_unguarded(m: pytest.MonkeyPatch) -> None:
    honest = in_sql.custom

    def custom(document: Any, name: str, type_: Type) -> Any:
        if type_ is Type.number:
            return cast(document.op("->>")(literal(name)), Numeric())
        return honest(document, name, type_)

    m.setattr(in_sql, "custom", custom)


@fault
def the_calendar_is_not_asked(m: pytest.MonkeyPatch) -> None:
    m.setattr(in_sql, "FORMS", in_sql.FORMS | {Type.date: "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})


@fault
def digits_of_any_script_are_digits(m: pytest.MonkeyPatch) -> None:
    m.setattr(in_sql, "FORMS", in_sql.FORMS | {Type.timestamp: "^....-..-..T"})


@fault
def currencies_are_ignored(m: pytest.MonkeyPatch) -> None:
    m.setattr(judging, "_is_money", lambda _: False)
    m.setattr(judging, "_compare_money", judging._compare_values)


@fault
def a_moment_leaves_the_calendar(m: pytest.MonkeyPatch) -> None:
    m.setattr(in_sql, "shifted", lambda moment: moment)


@fault
def months_end_on_the_thirtieth(m: pytest.MonkeyPatch) -> None:
    honest = in_memory.add_months

    def add_months(day: Any, months: Decimal) -> Any:
        found = honest(day, months)
        return found.replace(day=min(found.day, 28)) if found else None

    m.setitem(in_memory.OF_TWO, "addMonths", add_months)


@fault
def weeks_begin_on_sunday(m: pytest.MonkeyPatch) -> None:
    m.setitem(in_sql.OF_DAYS, "weekday", lambda day: func.extract("dow", day))


@fault
def every_zone_is_utc(m: pytest.MonkeyPatch) -> None:
    m.setattr(in_sql, "local", lambda moment, _: func.timezone("UTC", moment))


@fault
def values_that_are_no_texts_count(m: pytest.MonkeyPatch) -> None:
    m.setattr(in_sql, "is_string", lambda one: one.is_not(None))


@fault
def a_negated_or_negates_its_parts_only(m: pytest.MonkeyPatch) -> None:
    m.setitem(judging._FAILS, judging.Or, lambda node, rows: or_(*(judging.fails(one, rows) for one in node.parts)))


@fault
def a_choice_takes_the_unknown_for_true(m: pytest.MonkeyPatch) -> None:
    def chosen(node: Any, rows: Any) -> Any:
        rest = judging.value(node.otherwise, rows)
        return case((judging.holds(Not(node.condition), rows), rest), else_=judging.value(node.then, rows))

    honest = judging.fails
    m.setattr(judging, "fails", lambda node, rows: not_(judging.holds(node, rows)) if node else honest(node, rows))
    m.setitem(judging._VALUES, judging.Choice, chosen)
