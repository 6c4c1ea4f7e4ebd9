"""Months of the calendar, and the quarters and years of an organisation: text to days and back."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.domain.kernel.errors import BadRequest, refused

PERIOD = r"^[1-8][0-9]{3}(-(Q[1-4]|0[1-9]|1[0-2]))?$"
QUOTA_PERIOD = r"^[1-8][0-9]{3}-(Q[1-4]|0[1-9]|1[0-2])$"
_FORM = re.compile(PERIOD.removesuffix("$") + r"\Z", re.ASCII)


class Grain(StrEnum):
    month = "month"
    quarter = "quarter"
    year = "year"


MONTHS = {Grain.month: 1, Grain.quarter: 3, Grain.year: 12}


@dataclass(frozen=True, slots=True)
class Period:
    """A month is one of the calendar year; a quarter and a year are fiscal. `number` is 0 of a year."""

    grain: Grain
    year: int
    number: int = 0

    def __str__(self) -> str:
        return {
            Grain.month: f"{self.year:04}-{self.number:02}",
            Grain.quarter: f"{self.year:04}-Q{self.number}",
            Grain.year: f"{self.year:04}",
        }[self.grain]


def parsed(text: str) -> Period:
    if not _FORM.match(text):
        message = "Give a month as 2026-10, a quarter as 2026-Q4, or a year as 2026."
        raise refused(BadRequest, "period", "badPeriod", message)
    year, _, part = text.partition("-")
    if not part:
        return Period(Grain.year, int(year))
    if part.startswith("Q"):
        return Period(Grain.quarter, int(year), int(part[1:]))
    return Period(Grain.month, int(year), int(part))


@dataclass(frozen=True, slots=True)
class Calendar:
    """A fiscal year begins with a month, and is named by the calendar year in which it ends, or in which it starts."""

    starts_in_month: int = 1
    year_named_by: str = "end"

    def first(self, period: Period) -> date:
        return _day(self._begins(period))

    def last(self, period: Period) -> date:
        return _day(self._begins(period) + MONTHS[period.grain]) - timedelta(days=1)

    def containing(self, grain: Grain, day: date) -> Period:
        return self._at(grain, day.year * 12 + day.month - 1)

    def after(self, period: Period) -> Period:
        return self._at(period.grain, self._begins(period) + MONTHS[period.grain])

    def parent(self, period: Period) -> Period | None:
        grains = list(Grain)
        place = grains.index(period.grain) + 1
        return self._at(grains[place], self._begins(period)) if place < len(grains) else None

    def parts(self, period: Period) -> tuple[Period, ...]:
        """The periods of the next smaller grain that it consists of, in order; a month has none."""
        if period.grain is Grain.month:
            return ()
        smaller = Grain.month if period.grain is Grain.quarter else Grain.quarter
        begin, step = self._begins(period), MONTHS[smaller]
        return tuple(self._at(smaller, begin + ahead) for ahead in range(0, MONTHS[period.grain], step))

    def within(self, period: Period) -> tuple[Period, ...]:
        """Itself and all that it consists of."""
        return (period, *(one for part in self.parts(period) for one in self.within(part)))

    def _begins(self, period: Period) -> int:
        """Counted in months from the year 0."""
        if period.grain is Grain.month:
            return period.year * 12 + period.number - 1
        quarters = max(period.number - 1, 0)
        return (period.year - self._later) * 12 + self.starts_in_month - 1 + 3 * quarters

    def _at(self, grain: Grain, month: int) -> Period:
        if grain is Grain.month:
            return Period(grain, month // 12, month % 12 + 1)
        years, months = divmod(month - (self.starts_in_month - 1), 12)
        return Period(grain, years + self._later, months // 3 + 1 if grain is Grain.quarter else 0)

    @property
    def _later(self) -> int:
        """By how much the name of a year is ahead of the year that it begins in."""
        return 1 if self.year_named_by == "end" and self.starts_in_month > 1 else 0


def _day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)
