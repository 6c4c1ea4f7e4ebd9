"""What a forecast has to show, counted with fractions over plain lists; it shares no code with the product."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

Shown = dict[str, Any]
ORDER = ["pipeline", "bestCase", "commit", "closed"]
DIGITS = {"EUR": 2, "GBP": 2, "JPY": 0, "CHF": 2, "SEK": 2, "NOK": 2, "KWD": 3}
CORPORATE = "EUR"


@dataclass
class Deal:
    owner: str | None
    pipeline: str
    day: date
    category: str
    amount: str | None
    expected: str | None
    currency: str


@dataclass
class Model:
    today: date
    year_begins: int
    managers: dict[str, str | None]
    deals: list[Deal] = field(default_factory=list)
    rates: list[tuple[str, date, str]] = field(default_factory=list)
    quotas: dict[tuple[str, str, str], tuple[str, str]] = field(default_factory=dict)  # user, scope, period
    words: dict[tuple[str, str, str, str], tuple[str, str]] = field(default_factory=dict)  # by, of, period, category

    def months(self, period: str) -> list[tuple[int, int]]:
        year, _, part = period.partition("-")
        if part and part[0] != "Q":
            return [(int(year), int(part))]
        begins = int(year) - (self.year_begins > 1), self.year_begins
        all_ = [(begins[0] + (begins[1] + n - 1) // 12, (begins[1] + n - 1) % 12 + 1) for n in range(12)]
        return all_[3 * int(part[1]) - 3 : 3 * int(part[1])] if part else all_

    def rate(self, currency: str, day: date) -> Fraction | None:
        if currency == CORPORATE:
            return Fraction(1)
        known = [
            (since, rate) for name, since, rate in self.rates if name == currency and since <= min(day, self.today)
        ]
        return Fraction(max(known)[1]) if known else None

    def worth(self, amount: str, currency: str, day: date, into: str) -> Fraction | None:
        if currency == into:
            return Fraction(amount)
        of, by = self.rate(currency, day), self.rate(into, day)
        return None if of is None or by is None else Fraction(amount) * of / by

    def below(self, user: str | None) -> list[str]:
        found = [user] if user else []
        for one, manager in self.managers.items():
            if manager == user:
                found += self.below(one)
        return found

    def sums(self, people: Iterable[str | None], period: str, into: str, pipeline: str | None) -> Shown:
        """By category: how many, what they come to, and what is expected."""
        leaves: dict[Any, list[Any]] = defaultdict(lambda: [Fraction(0)] * 4)
        counts: dict[str, int] = defaultdict(int)
        months, among = self.months(period), set(people)
        for deal in self.deals:
            at = deal.day.year, deal.day.month
            if at not in months or deal.owner not in among or pipeline not in (None, deal.pipeline):
                continue
            if deal.category == "omitted" or (deal.amount and self._worth_of(deal, deal.amount, into) is None):
                continue
            counts[deal.category] += 1
            leaf = leaves[deal.owner, deal.pipeline, at, deal.category]
            for place, amount in enumerate((deal.amount, deal.expected)):
                if amount is not None:
                    leaf[place + 2 * (deal.currency != into)] += self._worth_of(deal, amount, into) or 0
        found: Shown = {name: (counts[name], Fraction(0), Fraction(0)) for name in ORDER}
        for (*_, category), (amount, expected, other, weighted) in leaves.items():
            count, *before = found[category]
            more = amount + to_digits(other, into), expected + to_digits(weighted, into)
            found[category] = (count, before[0] + more[0], before[1] + more[1])
        return found

    def left_out(self, people: Iterable[str | None], period: str, into: str, pipeline: str | None) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        months, among = self.months(period), set(people)
        for deal in self.deals:
            if (deal.day.year, deal.day.month) in months and deal.owner in among and pipeline in (None, deal.pipeline):
                missing = deal.amount is not None and self._worth_of(deal, deal.amount, into) is None
                found[deal.currency] += missing and deal.category != "omitted"
        return {name: count for name, count in found.items() if count}

    def quota(self, user: str, period: str, into: str, scope: str = "team") -> Fraction | None:
        said = self._said(user, scope, period, into)
        if said is None and scope == "team":
            reports = [one for one, manager in self.managers.items() if manager == user]
            parts = [self.quota(user, period, into, "own"), *(self.quota(one, period, into) for one in reports)]
            return added(parts)
        return said

    def word(self, user: str, period: str, category: str, into: str) -> Fraction | None:
        for by in (self.managers[user], user):
            if by is not None and (by, user, period, category) in self.words:
                amount, currency = self.words[by, user, period, category]
                worth = self.worth(amount, currency, self.end(period), into)
                if worth is not None:
                    return worth if currency == into else to_digits(worth, into)
        return None

    def end(self, period: str) -> date:
        year, month = self.months(period)[-1]
        return date.fromordinal(date(year + month // 12, month % 12 + 1, 1).toordinal() - 1)

    def _said(self, user: str, scope: str, period: str, into: str) -> Fraction | None:
        if (user, scope, period) in self.quotas:
            amount, currency = self.quotas[user, scope, period]
            worth = self.worth(amount, currency, self.end(period), into)
            if worth is not None:
                return worth if currency == into else to_digits(worth, into)
        return added(self._said(user, scope, part, into) for part in self._parts(period))

    def _parts(self, period: str) -> Iterator[str]:
        year, _, part = period.partition("-")
        if not part:
            yield from (f"{year}-Q{n}" for n in range(1, 5))
        elif part[0] == "Q":
            yield from (f"{at:04}-{month:02}" for at, month in self.months(period))

    def _worth_of(self, deal: Deal, amount: str, into: str) -> Fraction | None:
        return self.worth(amount, deal.currency, deal.day, into)


def to_digits(amount: Fraction, currency: str) -> Fraction:
    """`round` of a fraction goes to the even neighbour."""
    return Fraction(round(amount * 10 ** DIGITS[currency]), 10 ** DIGITS[currency])


def added(amounts: Iterable[Fraction | None]) -> Fraction | None:
    known = [one for one in amounts if one is not None]
    return sum(known, Fraction(0)) if known else None


def exact(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(Decimal(text))
