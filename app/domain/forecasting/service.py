from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import MISSING

from app.domain.forecasting.objects import FORECAST_ADJUSTMENT, QUOTA
from app.domain.forecasting.periods import Calendar, Grain, Period
from app.domain.forecasting.rules import (
    CATEGORIES,
    DAILY,
    DEEPEST,
    NO_PLAN,
    NONE,
    Figures,
    Forecast,
    Plan,
    Staff,
    left_out,
    next_morning,
    no_snapshot,
    not_in_snapshot,
    plan_of,
    refuse_hidden,
    refuse_too_deep,
    shown,
    staff_of,
    sums_of,
    unit_of,
)
from app.domain.forecasting.schemas import (
    ForecastAdjustmentRead,
    ForecastSettings,
    ForecastSettingsUpdate,
    QuotaRead,
    SnapshotRead,
)
from app.domain.governance.objects import USER
from app.domain.kernel.actor import Role
from app.domain.kernel.changes import Change, as_json
from app.domain.kernel.claim import Claim
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import Forbidden, NotFound
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import Document
from app.domain.kernel.work import NewWork, Work
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.records.reader import Reader
from app.domain.records.service import Derived, RecordService, Versions
from app.repositories.currencies import ExchangeRates
from app.repositories.forecasting import Asked, Forecasts
from app.repositories.hierarchy import Hierarchy
from app.repositories.idempotency import keep
from app.repositories.session import Session
from app.repositories.snapshots import Snapshots, Taken
from app.repositories.work import DueWork

ADMIN = "admin"
PLANNED: Mapping[str, AnyObject] = {"quotas": QUOTA, "adjustments": FORECAST_ADJUSTMENT}
MADE_OF: Sequence[tuple[AnyObject, Sequence[str]]] = (
    (OPPORTUNITY, ("ownerId", "closeDate", "forecastCategory", "amount", "expectedAmount")),
    (QUOTA, ("userId", "period", "scope", "amount")),
    (FORECAST_ADJUSTMENT, ("userId", "byUserId", "period", "category", "amount", "note")),
    (USER, ("name", "managerId", "status")),
)


class QuotaService(RecordService[QuotaRead]):
    kind = QUOTA
    reacts_to = frozenset({"period"})

    async def react(self, change: Change[QuotaRead]) -> None:
        """Whoever plans wants to look back: from now on there is a snapshot of each day."""
        if change.before is None:
            await _begin_snapshots(self.session)


class ForecastAdjustmentService(RecordService[ForecastAdjustmentRead]):
    kind = FORECAST_ADJUSTMENT
    reacts_to = frozenset({"period"})

    async def check(self, change: Change[ForecastAdjustmentRead]) -> Derived:
        before, after, actor = change.before, change.after, self.session.actor
        given: Any = after.user_id
        of = actor.id if given is MISSING else after.user_id
        if before is not None:
            self._may_change(before)
        if before is None or "user_id" in change.fields:
            await self._may_adjust(of)
        return {"user_id": of, "by_user_id": actor.id if before is None else before.by_user_id}

    async def react(self, change: Change[ForecastAdjustmentRead]) -> None:
        if change.before is None:
            await _begin_snapshots(self.session)

    async def delete(self, record_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        found = await self.records.load(record_id)
        if found is not None:
            self._may_change(found)
        return await super().delete(record_id, versions=versions, claim=claim)

    async def restore(self, record_id: UUID, claim: Claim | None = None) -> Document:
        if self.session.actor.role is Role.admin:
            return await super().restore(record_id, claim)
        async with self.session.transaction():
            document = await super().restore(record_id, claim)
            found = await self.records.load(record_id)
            if found is not None:
                self._may_change(found)
            return document

    def _may_change(self, word: ForecastAdjustmentRead) -> None:
        actor = self.session.actor
        if actor.role is not Role.admin and actor.id not in (word.by_user_id, word.owner_id):
            message = "It is the word of somebody else: only they, its owner and administrators may change it."
            raise Forbidden(message, code="notYours")

    async def _may_adjust(self, of: UUID) -> None:
        """Each their own forecast, and those of everybody below."""
        actor = self.session.actor
        if actor.role is Role.admin or of == actor.id:
            return
        if actor.id not in await Hierarchy(self.session, USER, "manager_id").above(of):
            message = "You may adjust your own forecast and those of the users below you."
            raise Forbidden(message, code="notAbove")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whose forecast of which period; of None's it is everybody's."""

    period: Period
    user_id: UUID | None
    pipeline_id: UUID | None = None
    currency: str | None = None
    as_of: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the figures are shown with."""

    staff: Staff
    calendar: Calendar
    currency: str
    plan: Plan
    sums: dict[str, Any]


class ForecastService:
    """Forecasts, and the snapshots of them. A caller sees what opportunities it may see come to."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.forecasts = Forecasts(session)
        self.snapshots = Snapshots(session)

    async def settings(self) -> ForecastSettings:
        self.session.actor.require(OPPORTUNITY.scope("read"))
        return await self._settings()

    async def change_settings(self, data: ForecastSettingsUpdate, claim: Claim | None = None) -> Document:
        """For administrators. Snapshots keep the calendar that they were taken by."""
        self.session.actor.require(ADMIN, role=Role.admin)
        async with self.session.transaction():
            values = await self.forecasts.set(data.values())
            body = ForecastSettings.model_validate(values).model_dump_json(by_alias=True).encode()
            document = Document(self.session.actor.tenant_id, 0, body, "", fresh=True)
            await _begin_snapshots(self.session)
            if claim:
                await keep(self.session, claim, document)
        return document

    def subject(self, user_id: UUID | None) -> UUID | None:
        """Whose forecast is meant where nobody is named: everybody's for administrators, else the caller's own."""
        actor = self.session.actor
        return actor.id if user_id is None and actor.role is not Role.admin else user_id

    async def forecast(self, asked: Question) -> dict[str, Any]:
        self._require()
        found = await (self._now(asked) if asked.as_of is None else self._then(asked, asked.as_of))
        sums = sums_of(found.sums["rows"], unit_of(found.currency))
        forecast = Forecast(staff=found.staff, period=asked.period, calendar=found.calendar, sums=sums, plan=found.plan)
        rows, total = forecast.rows()
        missing = found.sums["unconverted"] or ()
        amounts = (
            left_out(
                "opportunity", one["currency"], one["count"], Decimal(one["amount"]), Decimal(one["expectedAmount"])
            )
            for one in missing
        )
        return {
            "period": str(asked.period),
            "startsOn": found.calendar.first(asked.period),
            "endsOn": found.calendar.last(asked.period),
            "currency": found.currency,
            "asOf": asked.as_of,
            **_named(asked),
            "rows": [one.shown(found.currency) for one in rows],
            "total": total.shown(found.currency),
            "unconverted": [*amounts, *found.plan.left_out],
        }

    async def trend(self, asked: Question) -> dict[str, Any]:
        """What it came to on each of the days that there is a snapshot of."""
        self._require()
        calendar, unit = await self._calendar(), unit_of(await ExchangeRates(self.session).corporate())
        if asked.user_id is not None and not await self.forecasts.staff(asked.user_id, 0):
            raise NotFound("There is no such record.")
        first, last = calendar.first(asked.period), calendar.last(asked.period)
        days = await self.snapshots.trend(first, last, asked.user_id, asked.pipeline_id, unit)
        data = [
            {
                "day": one["day"],
                "currency": one["currency"],
                "categories": {name: _of_day(one, name) for name in CATEGORIES},
                "unconverted": sum(each["missing"] for each in (one["categories"] or {}).values()),
            }
            for one in days
        ]
        return {
            "period": str(asked.period),
            **_named(asked),
            "data": data,
        }

    async def take(self, claim: Claim | None = None) -> Document:
        """By an administrator. Where there is one of today already, it stays."""
        self.session.actor.require(ADMIN, role=Role.admin)
        async with self.session.transaction():
            day = await self._take(utc_now())
            row = await self.snapshots.of(day)
            body = SnapshotRead.model_validate(dict(row or {})).model_dump_json(by_alias=True).encode()
            document = Document(self.session.actor.tenant_id, 0, body, "", fresh=True)
            await _begin_snapshots(self.session)
            if claim:
                await keep(self.session, claim, document)
        return document

    async def take_daily(self, work: Work, now: datetime) -> None:
        """Of today, and plans the next. What was missed is gone: only a day itself can tell what it saw."""
        async with self.session.transaction():
            await DueWork(self.session).done(DAILY, work)
            await self._take(now)
            await _plan_next(self.session, now)

    async def _take(self, now: datetime) -> date:
        calendar, actor = await self._calendar(), self.session.actor
        today = now.astimezone(ZoneInfo(actor.time_zone)).date()
        if await self.snapshots.of(today) is None:
            year = calendar.containing(Grain.year, today)
            years = (year, calendar.after(year))
            taken = Taken(
                now=now,
                today=today,
                first=calendar.first(year),
                last=calendar.last(years[1]),
                starts_in_month=calendar.starts_in_month,
                year_named_by=calendar.year_named_by,
                currency=await ExchangeRates(self.session).corporate(),
            )
            periods = {str(one): calendar.last(one) for two in years for one in calendar.within(two)}
            await self.snapshots.take(taken, periods)
        return today

    async def _now(self, asked: Question) -> Found:
        calendar = await self._calendar()
        currency = asked.currency or await ExchangeRates(self.session).corporate()
        today = utc_now().astimezone(ZoneInfo(self.session.actor.time_zone)).date()
        people = await self.forecasts.staff(asked.user_id, DEEPEST)
        refuse_too_deep(people)
        staff = self._staff(people, asked)
        plan = NO_PLAN
        if asked.pipeline_id is None:
            periods = {str(one): calendar.last(one) for one in calendar.within(asked.period)}
            plan = self._plan(await self.forecasts.plan(periods, currency, today), currency, asked.period, staff)
        unit = unit_of(currency)
        sums = await self.forecasts.figures(self._asked(asked, staff, calendar), currency, today, unit)
        return Found(staff=staff, calendar=calendar, currency=currency, plan=plan, sums=sums)

    async def _then(self, asked: Question, day: date) -> Found:
        row = await self.snapshots.of(day)
        if row is None:
            raise no_snapshot(day, await self.snapshots.nearest(day))
        calendar, currency = Calendar(row["starts_in_month"], row["year_named_by"]), row["currency"]
        if calendar.first(asked.period) < row["starts_on"] or calendar.last(asked.period) > row["ends_on"]:
            raise not_in_snapshot(asked.period, row["starts_on"], row["ends_on"])
        staff = self._staff(row["people"], asked)
        plan = self._plan(row["plan"], currency, asked.period, staff) if asked.pipeline_id is None else NO_PLAN
        unit = unit_of(currency)
        sums = await self.forecasts.figures_of(day, self._asked(asked, staff, calendar), currency, unit)
        return Found(staff=staff, calendar=calendar, currency=currency, plan=plan, sums=sums)

    def _staff(self, people: list[dict[str, Any]], asked: Question) -> Staff:
        staff = staff_of(people, asked.user_id)
        if not staff.people:
            raise NotFound("There is no such record.")
        return staff

    def _plan(self, found: Mapping[str, Any], currency: str, period: Period, staff: Staff) -> Plan:
        """Of the quotas and adjustments that the caller may see, as they are or were."""
        reader = Reader(self.session.actor, self.session.schema)
        seen = {name: [one for one in found.get(name, ()) if reader.saw(kind, one)] for name, kind in PLANNED.items()}
        return plan_of(seen, currency, period, staff.people)

    def _asked(self, asked: Question, staff: Staff, calendar: Calendar) -> Asked:
        return Asked(
            first=calendar.first(asked.period),
            last=calendar.last(asked.period),
            pipeline_id=asked.pipeline_id,
            branches=staff.branches,
            everybody=asked.user_id is None,
        )

    async def _settings(self) -> ForecastSettings:
        return ForecastSettings.model_validate(await self.forecasts.settings())

    async def _calendar(self) -> Calendar:
        found = await self._settings()
        return Calendar(found.starts_in_month, found.year_named_by)

    def _require(self) -> None:
        """All that a forecast is made of."""
        hidden = []
        for kind, names in MADE_OF:
            self.session.actor.require(kind.scope("read"))
            hidden += [f"{name} of {kind.plural}" for name in self.session.schema.unseen(kind, names)]
        refuse_hidden(hidden)


def _named(asked: Question) -> dict[str, Any]:
    return {"userId": as_json(asked.user_id), "pipelineId": as_json(asked.pipeline_id)}


def _of_day(day: dict[str, Any], category: str) -> dict[str, Any]:
    one = (day["categories"] or {}).get(category)
    figures = Figures(one["count"], Decimal(one["amount"]), Decimal(one["weighted"])) if one else NONE
    return shown(figures, day["currency"])


async def _begin_snapshots(session: Session) -> None:
    """The work keeps itself going: of one tenant there is one row, and nobody looks for tenants without."""
    await _plan_next(session, utc_now())


async def _plan_next(session: Session, now: datetime) -> None:
    actor = session.actor
    payload = {"userId": str(actor.id), "timeZone": actor.time_zone}
    at = next_morning(now, actor.time_zone)
    await DueWork(session).add(NewWork(kind=DAILY, key="daily", payload=payload, due_at=at))
