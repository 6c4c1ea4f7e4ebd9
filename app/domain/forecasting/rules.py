"""What a forecast shows, from sums by branch and category: nothing here reads, writes or knows the time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision

from app.domain.currencies.rules import EXACT, Rates, converted
from app.domain.forecasting.periods import Calendar, Period
from app.domain.kernel.errors import AppError, BadRequest, Forbidden, Invalid, NotFound, refused
from app.domain.kernel.money import Money, scaled
from app.domain.kernel.work import Family, WorkKind

DAILY = WorkKind(name="forecast.snapshot", family=Family.checks, timeout_s=60.0)
MORNING = time(6)
DEEPEST = 100
CATEGORIES = ("pipeline", "bestCase", "commit", "closed")
NOBODY = UUID(int=0)
ZERO = Decimal(0)
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Figures:
    count: int = 0
    amount: Decimal = ZERO
    weighted: Decimal = ZERO

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(self.count + other.count, self.amount + other.amount, self.weighted + other.weighted)


NONE = Figures()
Sums = Mapping[str, Figures]  # by category


@dataclass(frozen=True, slots=True)
class Adjustment:
    id: UUID
    by: UUID
    amount: Decimal
    note: str | None


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    manager_id: UUID | None
    name: str
    active: bool


class Staff:
    """The people of one forecast: a user and everybody below, or everybody."""

    def __init__(self, people: Iterable[Person], root: UUID | None) -> None:
        self.root = root
        self.people = {one.id: one for one in people}
        self._below: dict[UUID | None, list[Person]] = {}
        for one in sorted(self.people.values(), key=lambda person: (person.name, person.id)):
            self._below.setdefault(one.manager_id, []).append(one)

    def reports(self, user_id: UUID | None) -> Sequence[Person]:
        """Of nobody: those at the top."""
        return self._below.get(user_id, ())

    def downwards(self, user_id: UUID) -> Iterator[Person]:
        """The user and everybody below; each once, should there be a cycle."""
        waiting, seen = [user_id], set[UUID]()
        while waiting:
            at = waiting.pop()
            if at in self.people and at not in seen:
                seen.add(at)
                yield self.people[at]
                waiting += [one.id for one in self.reports(at)]

    @cached_property
    def branches(self) -> Mapping[UUID, UUID]:
        """In whose row the opportunities of each stand."""
        found = {one.id: top.id for top in self.reports(self.root) for one in self.downwards(top.id)}
        return found if self.root is None else {**found, self.root: self.root}


def staff_of(rows: Iterable[Mapping[str, Any]], root: UUID | None) -> Staff:
    people = [
        Person(UUID(one["id"]), UUID(one["managerId"]) if one["managerId"] else None, one["name"], one["active"])
        for one in rows
    ]
    whole = Staff(people, root)
    return whole if root is None else Staff(list(whole.downwards(root)), root)


def refuse_too_deep(rows: Sequence[Mapping[str, Any]]) -> None:
    if any(one["depth"] > DEEPEST for one in rows):
        message = f"The users below go deeper than {DEEPEST} managers: ask for the forecast of somebody further down."
        raise refused(Invalid, "userId", "hierarchyTooDeep", message, deepest=DEEPEST)


def refuse_hidden(names: Sequence[str]) -> None:
    """A figure tells of the fields that it is made of."""
    if names:
        message = f"A forecast is made of fields that you do not see: {', '.join(names)}."
        raise Forbidden(message, code="fieldHidden")


def unit_of(currency: str) -> Decimal:
    """How many of the least of a currency make one."""
    return Decimal(10) ** get_currency_precision(currency)


def sums_of(rows: Iterable[Mapping[str, Any]] | None, unit: Decimal) -> dict[UUID, dict[str, Figures]]:
    """By branch, `NOBODY` where there is none, and by category."""
    found: dict[UUID, dict[str, Figures]] = {}
    for one in rows or ():
        amounts = (_exact(one["amount"], one["worth"], unit), _exact(one["expected"], one["weighted"], unit))
        branch = UUID(one["branch"]) if one["branch"] else NOBODY
        found.setdefault(branch, {})[one["category"]] = Figures(one["count"], *amounts)
    return found


def _exact(own: str, least: str, unit: Decimal) -> Decimal:
    return EXACT.add(Decimal(own), EXACT.divide(Decimal(least), unit))


@dataclass(frozen=True, slots=True)
class Plan:
    """Quotas and adjustments in the currency of the forecast; `left_out` have no rate."""

    quotas: Mapping[tuple[UUID, str, str], Decimal]  # by user, scope and period
    adjustments: Mapping[tuple[UUID, str], Sequence[Adjustment]]  # by user and category
    left_out: Sequence[Mapping[str, Any]]


NO_PLAN = Plan({}, {}, ())


def plan_of(found: Mapping[str, Any], into: str, period: Period, people: Mapping[UUID, Person]) -> Plan:
    """Of these people. An adjustment is of a period as a whole, and never of its parts."""
    quotas, adjustments, left_out = dict[Any, Decimal](), dict[Any, list[Adjustment]](), _LeftOut()
    for one in found.get("quotas", ()):
        if UUID(one["userId"]) in people and (amount := left_out.converted("quota", one, into)) is not None:
            quotas[UUID(one["userId"]), one["scope"], one["period"]] = amount
    for one in found.get("adjustments", ()):
        of = UUID(one["userId"])
        if of not in people or one["period"] != str(period):
            continue
        if (amount := left_out.converted("forecastAdjustment", one, into)) is not None:
            said = Adjustment(UUID(one["id"]), UUID(one["byUserId"]), amount, one["note"])
            adjustments.setdefault((of, one["category"]), []).append(said)
    return Plan(quotas, adjustments, left_out.shown())


@dataclass(slots=True)
class _LeftOut:
    sums: dict[tuple[str, str], Figures] = field(default_factory=dict)

    def converted(self, object_: str, one: Mapping[str, Any], into: str) -> Decimal | None:
        amount, currency = Decimal(one["amount"]), one["currency"]
        of, by = (None if one[side] is None else Decimal(one[side]) for side in ("of", "into"))
        if currency != into and (of is None or by is None):
            self.sums[object_, currency] = self.sums.get((object_, currency), NONE) + Figures(1, amount)
            return None
        return converted(Money.model_construct(amount=amount, currency=currency), into, Rates(of, by, date.min)).amount

    def shown(self) -> list[dict[str, Any]]:
        return [
            left_out(object_, currency, sums.count, sums.amount, None)
            for (object_, currency), sums in sorted(self.sums.items())
        ]


def left_out(object_: str, currency: str, count: int, amount: Decimal, expected: Decimal | None) -> dict[str, Any]:
    return {
        "object": object_,
        "currency": currency,
        "count": count,
        "amount": f"{scaled(amount, currency):f}",
        "expectedAmount": None if expected is None else f"{scaled(expected, currency):f}",
    }


def own_quota(user_id: UUID, scope: str, period: Period, calendar: Calendar, plan: Plan) -> Decimal | None:
    """That of the period, else what those of its parts come to."""
    said = plan.quotas.get((user_id, scope, str(period)))
    if said is not None:
        return said
    return _total(own_quota(user_id, scope, one, calendar, plan) for one in calendar.parts(period))


def quotas_of(staff: Staff, period: Period, calendar: Calendar, plan: Plan) -> dict[UUID, Decimal | None]:
    """Of each and everybody below: the team's quota, else the user's own and those of all who report."""
    found: dict[UUID, Decimal | None] = {}
    order = [one for top in _tops(staff) for one in staff.downwards(top)]
    for one in reversed(order):  # so that all who report come before whom they report to
        team = own_quota(one.id, "team", period, calendar, plan)
        if team is None:
            own = own_quota(one.id, "own", period, calendar, plan)
            team = _total([own, *(found[report.id] for report in staff.reports(one.id) if report.id in found)])
        found[one.id] = team
    return found


def _tops(staff: Staff) -> list[UUID]:
    return [one.id for one in staff.reports(None)] if staff.root is None else [staff.root]


def _total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [one for one in amounts if one is not None]
    return sum(known, ZERO) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    kind: str
    person: Person | None
    people: int
    sums: Sums
    quota: Decimal | None
    adjustments: Mapping[str, Sequence[Adjustment]]  # by category
    adjusted: Mapping[str, Decimal]

    def shown(self, currency: str) -> dict[str, Any]:
        closed = self.sums.get("closed", NONE).amount
        return {
            "kind": self.kind,
            "userId": str(self.person.id) if self.person else None,
            "name": self.person.name if self.person else None,
            "active": self.person.active if self.person else None,
            "people": self.people,
            "categories": {name: self._category(name, currency) for name in CATEGORIES},
            "quota": None if self.quota is None else money(self.quota, currency),
            "attainmentPercent": attainment(closed, self.quota),
            "gap": None if self.quota is None else money(self.quota - closed, currency),
        }

    def _category(self, name: str, currency: str) -> dict[str, Any]:
        figures, surer = self.sums.get(name, NONE), CATEGORIES[CATEGORIES.index(name) :]
        said = self.adjustments.get(name, ())
        return {
            **shown(figures, currency),
            "cumulative": money(sum((self.sums.get(one, NONE).amount for one in surer), ZERO), currency),
            "adjustments": [
                {"id": str(one.id), "byUserId": str(one.by), "amount": money(one.amount, currency), "note": one.note}
                for one in said
            ],
            "adjusted": money(self.adjusted[name], currency),
        }


def shown(figures: Figures, currency: str) -> dict[str, Any]:
    amounts = {"amount": money(figures.amount, currency), "weighted": money(figures.weighted, currency)}
    return {"count": figures.count, **amounts}


def money(amount: Decimal, currency: str) -> str:
    return f"{scaled(amount, currency):f}"


def attainment(closed: Decimal, quota: Decimal | None) -> str | None:
    """In percent, to two decimals; of no quota, or one of nothing, there is none."""
    if not quota:
        return None
    percent = EXACT.divide(EXACT.multiply(closed, Decimal(100)), quota)
    return f"{percent.quantize(_HUNDREDTH, rounding=ROUND_HALF_EVEN, context=EXACT) + ZERO:f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Of a user and everybody below, or of everybody."""

    staff: Staff
    period: Period
    calendar: Calendar
    sums: Mapping[UUID, Sums]  # by branch
    plan: Plan

    def rows(self) -> tuple[list[Row], Row]:
        """One for each branch, and their total."""
        quotas = quotas_of(self.staff, self.period, self.calendar, self.plan)
        root = self.staff.people[self.staff.root] if self.staff.root else None
        rows = [self._own(root)] if root else []
        rows += [self._row(one, quotas[one.id]) for one in self.staff.reports(self.staff.root)]
        if root is None:
            rows.append(self._bare("unassigned", None, 0, self.sums.get(NOBODY, {}), None))
        quota = quotas[root.id] if root else _total(quotas[one.id] for one in self.staff.reports(None))
        return rows, self._total(rows, root, quota)

    def _own(self, root: Person) -> Row:
        quota = own_quota(root.id, "own", self.period, self.calendar, self.plan)
        return self._bare("own", root, 1, self.sums.get(root.id, {}), quota)

    def _bare(self, kind: str, person: Person | None, people: int, sums: Sums, quota: Decimal | None) -> Row:
        computed = {name: sums.get(name, NONE).amount for name in CATEGORIES}
        return Row(kind=kind, person=person, people=people, sums=sums, quota=quota, adjustments={}, adjusted=computed)

    def _row(self, person: Person, quota: Decimal | None) -> Row:
        people = len(list(self.staff.downwards(person.id)))
        sums = self.sums.get(person.id, {})
        computed = {name: sums.get(name, NONE).amount for name in CATEGORIES}
        return self._adjusted(self._bare("report", person, people, sums, quota), person, computed)

    def _total(self, rows: Sequence[Row], root: Person | None, quota: Decimal | None) -> Row:
        sums = {name: sum((one.sums.get(name, NONE) for one in rows), NONE) for name in CATEGORIES}
        computed = {name: sum((one.adjusted[name] for one in rows), ZERO) for name in CATEGORIES}
        total = self._bare("total", root, sum(one.people for one in rows), sums, quota)
        return self._adjusted(total, root, computed)

    def _adjusted(self, row: Row, person: Person | None, computed: Mapping[str, Decimal]) -> Row:
        said = {name: self._said(person, name) for name in CATEGORIES} if person else {}
        words = {name: _word(person, said[name]) for name in said} if person else {}
        adjusted = {name: computed[name] if words.get(name) is None else words[name] for name in CATEGORIES}
        return Row(
            kind=row.kind,
            person=row.person,
            people=row.people,
            sums=row.sums,
            quota=row.quota,
            adjustments=said,
            adjusted={name: amount for name, amount in adjusted.items() if amount is not None},
        )

    def _said(self, person: Person, category: str) -> list[Adjustment]:
        """The user's own first."""
        said = self.plan.adjustments.get((person.id, category), ())
        return sorted(said, key=lambda one: (one.by != person.id, one.id))


def _word(person: Person, said: Sequence[Adjustment]) -> Decimal | None:
    """What counts of all that was said: what the manager says, else the user."""
    by = {one.by: one.amount for one in said}
    return by.get(person.manager_id or NOBODY, by.get(person.id))


def next_morning(now: datetime, time_zone: str) -> datetime:
    """The next one after `now`, where the tenant is."""
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    at = datetime.combine(today, MORNING, zone)
    return at if at > now else datetime.combine(today + timedelta(days=1), MORNING, zone)


def no_snapshot(day: date, nearest: date | None) -> AppError:
    if nearest is None:
        return refused(NotFound, "asOf", "noSnapshot", "There is no snapshot yet: POST /forecasts/snapshots takes one.")
    message = f"There is no snapshot of {day.isoformat()}: the nearest is of {nearest.isoformat()}."
    return refused(NotFound, "asOf", "noSnapshot", message, nearest=nearest.isoformat())


def not_in_snapshot(period: Period, first: date, last: date) -> AppError:
    message = f"The snapshot has what closes from {first.isoformat()} to {last.isoformat()}; not all of {period} does."
    return refused(BadRequest, "period", "notInSnapshot", message, startsOn=first.isoformat(), endsOn=last.isoformat())
