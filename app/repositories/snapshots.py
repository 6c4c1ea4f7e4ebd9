"""Snapshots of forecasts: taken in one statement, so that all of one is of one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from asyncpg import Record as Row

from app.repositories.compile import CACHE, Statement
from app.repositories.forecast_sums import PART, RATE, spoken, trend_of
from app.repositories.forecasting import PERIODS, PLAN, named
from app.repositories.session import Session

_TAKE = f"""
with {PERIODS}, seen as (
  select * from opportunity_read
   where tenant_id = :tenant and close_date between :first and :last and forecast_category <> 'omitted'
), rate as ({RATE}), part as ({PART}), header as (
  insert into forecast_snapshot (tenant_id, day, taken_at, taken_by, starts_on, ends_on, starts_in_month, year_named_by,
                                 currency, people, plan)
  select :tenant, :today, :now, :me, :first, :last, :month, :named_by, :into,
         (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'managerId', manager_id, 'name', name,
                                                       'active', status = 'active')), '[]')
            from user_read where tenant_id = :tenant),
         (select plan::jsonb from ({PLAN}) planned)
      on conflict (tenant_id, day) do nothing returning day
), kept as (
  insert into forecast_figure (tenant_id, day, place, owner_id, pipeline_id, month, category, currency, number, amount,
                               expected, worth, weighted, missing)
  select :tenant, header.day, row_number() over (), owner_id, pipeline_id, month, category, currency, number, amount,
         expected, worth, weighted, coalesce(missing, false) from header, part returning 1)
select count(*) as kept from kept
"""  # noqa: S608  # constants of these modules
_HEADER = Statement("select * from forecast_snapshot_read where tenant_id = $1 and day = $2", ("tenant", "day"), {})
_NEAREST = Statement(
    "select day from forecast_snapshot_read where tenant_id = $1 order by abs(day - $2::date), day limit 1",
    ("tenant", "day"),
    {},
)


@dataclass(frozen=True, slots=True)
class Taken:
    """Whose calendar and currency it has, and what closes in it: `now` is of the day `today` where the tenant is."""

    now: datetime
    today: date
    first: date
    last: date
    starts_in_month: int
    year_named_by: str
    currency: str

    def parameters(self) -> dict[str, Any]:
        days = {"now": self.now, "today": self.today, "first": self.first, "last": self.last, "into": self.currency}
        return {**days, "month": self.starts_in_month, "named_by": self.year_named_by}


class Snapshots:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def take(self, taken: Taken, periods: Mapping[str, date]) -> None:
        """Nothing where there is one of that day already."""
        statement = CACHE.get("forecast snapshot", lambda: spoken(_TAKE))
        await self.session.once(statement, {**taken.parameters(), **named(periods)})

    async def of(self, day: date) -> Row | None:
        return await self.session.read(_HEADER, {"day": day})

    async def nearest(self, day: date) -> date | None:
        row = await self.session.read(_NEAREST, {"day": day})
        return row["day"] if row else None

    async def trend(
        self, first: date, last: date, user_id: UUID | None, pipeline_id: UUID | None, unit: Decimal
    ) -> list[dict[str, Any]]:
        """By day, the latest days that there are, oldest first."""
        schema = self.session.schema
        statement = CACHE.get(("forecast trend", schema.shape), lambda: trend_of(schema))
        given = {"first": first, "last": last, "user": user_id, "pipeline": pipeline_id, "unit": unit}
        row = await self.session.read(statement, given)
        return list(orjson.loads(row["trend"])) if row else []


# Of all tenants, in the role that owns the tables -------------------------------------------------

_OLD_DAY = "select min(day) from forecast_snapshot where day > $1 and day < (now() - make_interval(days => $2))::date"
_THIN = """
with gone as (
  delete from forecast_snapshot
   where ctid = any (array (
     select s.ctid from forecast_snapshot s
      where s.day = $1
        and exists (select from forecast_snapshot later
                     where later.tenant_id = s.tenant_id and later.day > $1
                       and later.day < date_trunc('week', $1::timestamp) + interval '1 week')
        and exists (select from forecast_snapshot later
                     where later.tenant_id = s.tenant_id and later.day > $1
                       and later.day < date_trunc('month', $1::timestamp) + interval '1 month')
      limit $2))
  returning tenant_id
), figures as (
  delete from forecast_figure f using gone where f.tenant_id = gone.tenant_id and f.day = $1
)
select count(*) from gone
"""


async def old_day_of_snapshots(connection: asyncpg.Connection, days: int, behind: date) -> date | None:
    """The next that has any."""
    day: date | None = await connection.fetchval(_OLD_DAY, behind, days)
    return day


async def thin_snapshots(connection: asyncpg.Connection, day: date, at_most: int) -> int:
    """Those of the day that are neither the last of their week nor of their month go, with their figures."""
    gone: int = await connection.fetchval(_THIN, day, at_most)
    return gone
