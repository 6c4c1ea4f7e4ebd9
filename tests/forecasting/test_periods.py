"""Months, fiscal quarters and fiscal years, against plain counting of days."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.forecasting.periods import Calendar, Grain, Period, parsed
from app.domain.kernel.errors import BadRequest

CALENDARS = st.builds(Calendar, st.integers(1, 12), st.sampled_from(["end", "start"]))
GRAINS = st.sampled_from(list(Grain))
DAYS = st.dates(date(1010, 1, 1), date(8990, 12, 31))


@given(CALENDARS, GRAINS, DAYS)
def test_every_day_lies_in_one_period_of_each_grain(calendar: Calendar, grain: Grain, day: date) -> None:
    period = calendar.containing(grain, day)
    first, last = calendar.first(period), calendar.last(period)

    assert first <= day <= last
    assert calendar.containing(grain, first) == calendar.containing(grain, last) == period
    assert calendar.containing(grain, first - timedelta(days=1)) != period
    assert calendar.first(calendar.after(period)) == last + timedelta(days=1)
    assert parsed(str(period)) == period


@given(CALENDARS, DAYS)
def test_parts_lie_end_to_end_in_their_parent(calendar: Calendar, day: date) -> None:
    for grain, number in ((Grain.quarter, 3), (Grain.year, 4)):
        period = calendar.containing(grain, day)
        parts = calendar.parts(period)
        assert len(parts) == number
        assert {calendar.parent(one) for one in parts} == {period}
        assert (calendar.first(parts[0]), calendar.last(parts[-1])) == (calendar.first(period), calendar.last(period))
        assert all(calendar.after(one) == other for one, other in pairwise(parts))


@given(CALENDARS, DAYS)
def test_a_fiscal_year_begins_in_its_month_and_is_named_by_a_year_that_it_is_in(calendar: Calendar, day: date) -> None:
    year = calendar.containing(Grain.year, day)
    first, last = calendar.first(year), calendar.last(year)
    assert (first.month, first.day) == (calendar.starts_in_month, 1)
    assert year.year == (last if calendar.year_named_by == "end" else first).year


@pytest.mark.parametrize(
    ("calendar", "text", "first", "last"),
    [
        (Calendar(), "2026-Q4", "2026-10-01", "2026-12-31"),
        (Calendar(), "2026", "2026-01-01", "2026-12-31"),
        (Calendar(), "2028-02", "2028-02-01", "2028-02-29"),
        (Calendar(4, "end"), "2027", "2026-04-01", "2027-03-31"),
        (Calendar(4, "start"), "2026", "2026-04-01", "2027-03-31"),
        (Calendar(4, "end"), "2027-Q4", "2027-01-01", "2027-03-31"),
        (Calendar(10, "end"), "2027-Q1", "2026-10-01", "2026-12-31"),
        (Calendar(10, "end"), "2026-10", "2026-10-01", "2026-10-31"),
    ],
)
def test_what_a_period_means(calendar: Calendar, text: str, first: str, last: str) -> None:
    period = parsed(text)
    assert (calendar.first(period).isoformat(), calendar.last(period).isoformat()) == (first, last)


@pytest.mark.parametrize("text", ["", "2026-Q5", "2026-13", "26", "2026-1", "0999", "9000", "2026-Q4\n", "\uff12026"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parsed(text)


def test_a_year_consists_of_quarters_and_months() -> None:
    within = [str(one) for one in Calendar().within(Period(Grain.year, 2026))]
    assert len(within) == 1 + 4 + 12
    assert within[:3] == ["2026", "2026-Q1", "2026-01"]
