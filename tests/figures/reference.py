"""Sales figures once more, from what lists and histories show: a loop over each deal, and fractions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.kernel.clock import utc_now

Json = dict[str, Any]
BUCKETS = ((0, 7), (8, 30), (31, 60), (61, 90), (91, 180), (181, 10**9))


def to_places(number: Fraction, places: int) -> str:
    """Half to even, from the integers themselves."""
    units, rest = divmod(number * 10**places, 1)
    units = int(units) + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and units % 2 == 1))
    sign, digits = "-" * (units < 0), str(abs(units)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def quarter(day: date) -> date:
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


@dataclass
class Reference:
    """`rates` are (currency, valid from, rate), all into `corporate`, which has two decimals like all others here."""

    corporate: str
    rates: Sequence[tuple[str, date, Fraction]]
    zone: str
    deals: list[Json]

    @property
    def today(self) -> date:
        return utc_now().astimezone(ZoneInfo(self.zone)).date()

    def day(self, at: str) -> date:
        return datetime.fromisoformat(at).astimezone(ZoneInfo(self.zone)).date()

    def counts_on(self, deal: Json) -> date:
        if deal["status"] == "open":
            return self.today
        return date.fromisoformat(deal["closeDate"]) if deal["closeDate"] else self.day(deal["closedAt"])

    def begun(self, deal: Json) -> date:
        return date.fromisoformat(deal["engageDate"]) if deal["engageDate"] else self.day(deal["createdAt"])

    def worth(self, deal: Json) -> Fraction | None:
        currency, on = deal["amount"]["currency"], self.counts_on(deal)
        if currency == self.corporate:
            return Fraction(deal["amount"]["amount"])
        known = [(begins, rate) for of, begins, rate in self.rates if of == currency and begins <= on]
        return Fraction(deal["amount"]["amount"]) * max(known)[1] if known else None

    def total(self, deals: Sequence[Json]) -> Json:
        amounts: dict[str, Fraction] = {}
        left: dict[str, list[Fraction]] = {}
        corporate = Fraction(0)
        for deal in deals:
            if deal["amount"] is None:
                continue
            currency, amount, worth = deal["amount"]["currency"], Fraction(deal["amount"]["amount"]), self.worth(deal)
            amounts[currency] = amounts.get(currency, Fraction(0)) + amount
            corporate += worth or 0
            if worth is None:
                left.setdefault(currency, []).append(amount)
        return {
            "count": len(deals),
            "amounts": [{"amount": to_places(one, 2), "currency": name} for name, one in sorted(amounts.items())],
            "corporate": self.money(corporate),
            "unconverted": [
                {"currency": name, "count": len(them), "amount": to_places(sum(them, Fraction(0)), 2)}
                for name, them in sorted(left.items())
            ],
        }

    def money(self, amount: Fraction) -> Json:
        return {"amount": to_places(amount, 2), "currency": self.corporate}

    def closed(self, first: date, last: date) -> list[Json]:
        return [one for one in self.deals if one["status"] != "open" and first <= self.counts_on(one) <= last]

    def worths(self, deals: Iterable[Json]) -> list[Fraction]:
        found = (self.worth(one) for one in deals if one["amount"] is not None)
        return [one for one in found if one is not None]

    def win_rates(self, key: Callable[[Json], str | None], first: date, last: date) -> dict[str | None, Json]:
        counted = [*self.closed(first, last), *(one for one in self.deals if one["status"] == "open")]
        return {name: self._win_rate([one for one in counted if key(one) == name]) for name in map(key, counted)}

    def _win_rate(self, deals: Sequence[Json]) -> Json:
        won, lost, still = ([one for one in deals if one["status"] == status] for status in ("won", "lost", "open"))
        worth, other = self.worths(won), sum(self.worths(lost), Fraction(0))
        total = sum(worth, Fraction(0))
        cycles = [(self.counts_on(one) - self.begun(one)).days for one in won]
        cycles = [one for one in cycles if one >= 0]
        rate = Fraction(len(won), len(won) + len(lost)) if won or lost else None
        by_amount = total / (total + other) if total + other else None
        deal = total / len(worth) if worth else None
        cycle = Fraction(sum(cycles), len(cycles)) if cycles else None
        speed = len(still) * rate * deal / cycle if rate is not None and deal is not None and cycle else None
        return {
            "won": self.total(won),
            "lost": self.total(lost),
            "open": self.total(still),
            "winRatePercent": None if rate is None else to_places(100 * rate, 2),
            "winRateByAmountPercent": None if by_amount is None else to_places(100 * by_amount, 2),
            "averageDeal": None if deal is None else self.money(deal),
            "averageCycleDays": None if cycle is None else to_places(cycle, 1),
            "perDay": None if speed is None else self.money(speed),
        }

    def won(self, key: Callable[[Json], str | None], first: date, last: date) -> dict[tuple[str, str | None], Json]:
        won = [one for one in self.closed(first, last) if one["status"] == "won"]
        groups: dict[tuple[str, str | None], list[Json]] = {}
        for deal in won:
            groups.setdefault((quarter(self.counts_on(deal)).isoformat(), key(deal)), []).append(deal)
        return {name: self.total(them) for name, them in groups.items()}

    def ages(self, first: date, last: date) -> dict[tuple[str, str], Json]:
        groups: dict[tuple[str, str], list[Json]] = {}
        for deal in self.deals:
            if deal["status"] == "open" and first <= self.begun(deal) <= last:
                groups.setdefault((deal["pipelineId"], deal["stage"]), []).append(deal)
        return {name: self._aged(them) for name, them in groups.items()}

    def _aged(self, deals: Sequence[Json]) -> Json:
        late = [one for one in deals if one["closeDate"] and date.fromisoformat(one["closeDate"]) < self.today]
        return {
            **self.total(deals),
            "overdue": len(late),
            "stalled": sum(one["stalledSince"] is not None for one in deals),
            "inStage": self._by_age(deals, lambda one: self.day(one["stageChangedAt"])),
            "age": self._by_age(deals, self.begun),
        }

    def _by_age(self, deals: Sequence[Json], since: Callable[[Json], date]) -> list[Json]:
        ages = [(max((self.today - since(one)).days, 0), one) for one in deals]
        return [self.total([one for age, one in ages if low <= age <= high]) for low, high in BUCKETS]

    def conversion(
        self, histories: dict[str, list[Json]], keys: Sequence[str], first: date, last: date
    ) -> dict[str, Json]:
        """`histories` are the stays of each deal, oldest first, in one pipeline with these stages in order."""
        found = {}
        for key in keys:
            ways = dict.fromkeys(("movedOn", "movedBack", "lost", "stillThere"), 0)
            won, spent = 0, []
            for deal in self.deals:
                stays = histories[deal["id"]]
                for place, stay in enumerate(stays):
                    if stay["stage"] != key or not first <= self.day(stay["enteredAt"]) <= last:
                        continue
                    won += deal["status"] == "won"
                    ways[self._way(stays, place, keys)] += 1
                    spent += [seconds(stay)] if stay["leftAt"] is not None else []
            found[key] = {"entered": sum(ways.values()), **ways, "movedAway": 0, "won": won, **_days(spent)}
            shares = (("toNextPercent", ways["movedOn"]), ("toWonPercent", won))
            entered = sum(ways.values())
            found[key] |= {
                name: to_places(Fraction(100 * part, entered), 2) if entered else None for name, part in shares
            }
        return found

    def _way(self, stays: Sequence[Json], place: int, keys: Sequence[str]) -> str:
        if place == len(stays) - 1:
            return "stillThere"
        following = stays[place + 1]["stage"]
        if following == "closedLost":
            return "lost"
        return "movedOn" if keys.index(following) > keys.index(stays[place]["stage"]) else "movedBack"


def seconds(stay: Json) -> Fraction:
    lapse = datetime.fromisoformat(stay["leftAt"]) - datetime.fromisoformat(stay["enteredAt"])
    return Fraction(lapse.days * 86_400_000_000 + lapse.seconds * 1_000_000 + lapse.microseconds, 1_000_000)


def _days(spent: Sequence[Fraction]) -> Json:
    if not spent:
        return {"averageDays": None, "medianDays": None}
    average = sum(spent, Fraction(0)) / len(spent)
    return {"averageDays": to_places(average / 86_400, 1), "medianDays": to_places(median(spent) / 86_400, 1)}
