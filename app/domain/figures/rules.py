"""From sums to figures. All of it is exact, and rounded once where it is shown, a half to the even neighbour."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import orjson

from app.domain.currencies.rules import EXACT, rounded
from app.domain.kernel.money import scaled

K = TypeVar("K", bound=Hashable)
Row = Mapping[str, Any]
AGES = ((0, 7), (8, 30), (31, 60), (61, 90), (91, 180), (181, None))
SECONDS = 86_400


class Tally:
    """What rows come to. `corporate` is the currency of the tenant."""

    def __init__(self, corporate: str, rows: Iterable[Row] = ()) -> None:
        self.currency = corporate
        self.deals = self.converted = 0
        self.corporate = Decimal(0)
        self.counters: dict[str, int] = {}
        self._amounts: dict[str, Decimal] = {}
        self._left: dict[str, tuple[int, Decimal]] = {}
        for row in rows:
            self._add(row)

    def _add(self, row: Row) -> None:
        self.deals += row["deals"]
        self.converted += row["priced"] - row["unconverted"]
        self.corporate = EXACT.add(self.corporate, _exact(row["corporate"]))
        for name in ("days", "cycles", "overdue", "stalled"):
            self.counters[name] = self.counters.get(name, 0) + row.get(name, 0)
        currency = row["currency"]
        if currency is not None:
            self._amounts[currency] = EXACT.add(self._amounts.get(currency, Decimal(0)), _exact(row["amount"]))
        if row["unconverted"]:
            count, amount = self._left.get(currency, (0, Decimal(0)))
            self._left[currency] = (count + row["unconverted"], EXACT.add(amount, _exact(row["left"])))

    def shown(self) -> dict[str, Any]:
        return {
            "count": self.deals,
            "amounts": [_money(amount, currency) for currency, amount in sorted(self._amounts.items())],
            "corporate": money(Fraction(self.corporate), self.currency),
            "unconverted": [
                {"currency": currency, "count": count, "amount": _money(amount, currency)["amount"]}
                for currency, (count, amount) in sorted(self._left.items())
            ],
        }


def _exact(text: str | None) -> Decimal:
    return Decimal(text) if text is not None else Decimal(0)


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"amount": f"{scaled(amount, currency):f}", "currency": currency}


def money(amount: Fraction, currency: str) -> dict[str, str]:
    return {"amount": f"{rounded(_decimal(amount), currency):f}", "currency": currency}


def _number(value: Fraction | None, places: int) -> str | None:
    return None if value is None else f"{_decimal(value).quantize(Decimal(1).scaleb(-places), context=EXACT):f}"


def _decimal(value: Fraction) -> Decimal:
    return EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))


def ratio(part: Decimal | int, whole: Decimal | int) -> Fraction | None:
    return Fraction(part) / Fraction(whole) if whole else None


def percent(share: Fraction | None) -> str | None:
    return _number(None if share is None else share * 100, 2)


def days(number: Fraction | None) -> str | None:
    return _number(number, 1)


def grouped(rows: Iterable[Row], key: Callable[[Row], K]) -> dict[K, list[Row]]:
    groups: dict[K, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _group(row: Row) -> tuple[str | None, str | None]:
    """Numbers and the like as they are written."""
    key = row["key"]
    return key if key is None or isinstance(key, str) else orjson.dumps(key).decode(), row["label"]


class Outcomes:
    """What became of the opportunities of one group."""

    def __init__(self, corporate: str, rows: Sequence[Row]) -> None:
        of_status = grouped(rows, lambda row: str(row["status"]))
        self.won, self.lost, self.open = (
            Tally(corporate, of_status.get(status, ())) for status in ("won", "lost", "open")
        )
        self.currency = corporate
        closed = self.won.deals + self.lost.deals
        self.win_rate = ratio(self.won.deals, closed)
        self.by_amount = ratio(self.won.corporate, self.won.corporate + self.lost.corporate)
        self.deal = ratio(self.won.corporate, self.won.converted)
        self.cycle = ratio(self.won.counters.get("days", 0), self.won.counters.get("cycles", 0))

    @property
    def per_day(self) -> Fraction | None:
        """The sales velocity, as the field defines it."""
        if self.win_rate is None or self.deal is None or not self.cycle:
            return None
        return self.open.deals * self.win_rate * self.deal / self.cycle

    def factors(self) -> dict[str, Any]:
        return {
            "winRatePercent": percent(self.win_rate),
            "averageDeal": self._money(self.deal),
            "averageCycleDays": days(self.cycle),
        }

    def win_rates(self) -> dict[str, Any]:
        sums = {name: getattr(self, name).shown() for name in ("won", "lost", "open")}
        return {**sums, **self.factors(), "winRateByAmountPercent": percent(self.by_amount)}

    def velocity(self) -> dict[str, Any]:
        return {"opportunities": self.open.deals, **self.factors(), "perDay": self._money(self.per_day)}

    def _money(self, amount: Fraction | None) -> dict[str, str] | None:
        return None if amount is None else money(amount, self.currency)


def of_groups(corporate: str, rows: Iterable[Row], show: Callable[[Outcomes], dict[str, Any]]) -> list[dict[str, Any]]:
    """The group that won most comes first."""
    found = [(group, Outcomes(corporate, its)) for group, its in grouped(rows, _group).items()]
    found.sort(key=lambda one: (-one[1].won.corporate, one[0][1] or "", one[0][0] or ""))
    return [{"key": key, "label": label, **show(outcomes)} for (key, label), outcomes in found]


def won_by_time(corporate: str, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """In order of time; in each the group that won most comes first."""
    found = [
        (begins, group, Tally(corporate, its))
        for (begins, group), its in grouped(rows, lambda row: (str(row["begins"]), _group(row))).items()
    ]
    found.sort(key=lambda one: (one[0], -one[2].corporate, one[1][1] or "", one[1][0] or ""))
    return [{"key": key, "label": label, "begins": begins, **tally.shown()} for begins, (key, label), tally in found]


def conversion(stages: Sequence[Row], flows: Iterable[Row], times: Iterable[Row]) -> list[dict[str, Any]]:
    """`stages` are those of the pipeline, in order."""
    place = {one["key"]: number for number, one in enumerate(stages)}
    lost = {one["key"] for one in stages if one["outcome"] == "lost"}
    of_stage, spent = grouped(flows, lambda row: str(row["stage"])), {row["stage"]: row for row in times}

    def way(row: Row) -> str:
        following = row["goes_to"]
        if not row["left"]:
            return "stillThere"
        if following not in place:
            return "movedAway"
        if following in lost:
            return "lost"
        return "movedOn" if place[following] > place[row["stage"]] else "movedBack"

    found = []
    for stage in stages:
        rows = of_stage.get(stage["key"], [])
        ways = dict.fromkeys(("movedOn", "movedBack", "movedAway", "lost", "stillThere"), 0)
        for row in rows:
            ways[way(row)] += row["stays"]
        entered, won = sum(ways.values()), sum(row["won"] for row in rows)
        shares = {
            "toNextPercent": percent(ratio(ways["movedOn"], entered)),
            "toWonPercent": percent(ratio(won, entered)),
        }
        named = {"stage": stage["key"], "label": stage["label"], "outcome": stage["outcome"]}
        found.append({**named, "entered": entered, **ways, "won": won, **shares, **_times(spent.get(stage["key"]))})
    return found


def _times(row: Row | None) -> dict[str, str | None]:
    if row is None:
        return {"averageDays": None, "medianDays": None}
    average = Fraction(row["seconds"]) / row["stays"] / SECONDS
    return {"averageDays": days(average), "medianDays": days(Fraction(row["median"]) / SECONDS)}


def ageing(corporate: str, rows: Iterable[Row], pipelines: Iterable[Row]) -> list[dict[str, Any]]:
    """By pipeline and stage, in their order; those without any opportunity are left out."""
    here, found = grouped(rows, lambda row: (str(row["pipeline"]), str(row["stage"]))), []
    for pipeline in pipelines:
        for stage in pipeline["stages"]:
            its = here.get((pipeline["id"], stage["key"]))
            if its is None:
                continue
            tally = Tally(corporate, its)
            named = {"pipelineId": pipeline["id"], "pipeline": pipeline["name"]}
            found.append(
                {
                    **named,
                    "stage": stage["key"],
                    "label": stage["label"],
                    **tally.shown(),
                    "overdue": tally.counters["overdue"],
                    "stalled": tally.counters["stalled"],
                    "inStage": _by_age(corporate, its, "here"),
                    "age": _by_age(corporate, its, "age"),
                }
            )
    return found


def _by_age(corporate: str, rows: Iterable[Row], name: str) -> list[dict[str, Any]]:
    of_age = grouped(rows, lambda row: int(row[name]))
    return [
        {"fromDays": least, "toDays": most, **Tally(corporate, of_age.get(place, ())).shown()}
        for place, (least, most) in enumerate(AGES)
    ]
