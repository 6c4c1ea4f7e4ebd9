"""The fiscal calendar, who stands below whom, what was planned with them, and what their opportunities come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.domain.kernel.actor import as_array
from app.repositories.compile import CACHE, Statement
from app.repositories.forecast_sums import figures_of_day, figures_of_now, spoken
from app.repositories.session import Session

_SETTINGS = Statement(
    "select starts_in_month, year_named_by from forecast_settings where tenant_id = $1", ("tenant",), {}
)
# Of two that set different members at once each is kept, so the row itself says what was not set.
_SET = Statement(
    """
    insert into forecast_settings as s (tenant_id, starts_in_month, year_named_by, modified_at, modified_by)
    values ($1, coalesce(($2::jsonb ->> 'starts_in_month')::integer, 1), coalesce($2::jsonb ->> 'year_named_by', 'end'),
            clock_timestamp(), $3)
        on conflict (tenant_id) do update set
           starts_in_month = coalesce(($2::jsonb ->> 'starts_in_month')::integer, s.starts_in_month),
           year_named_by = coalesce($2::jsonb ->> 'year_named_by', s.year_named_by),
           modified_at = excluded.modified_at, modified_by = excluded.modified_by
    returning starts_in_month, year_named_by
    """,
    ("tenant", "values", "me"),
    {},
)
# A cycle, which nothing lets in, would end where it closes; what goes on below the depth is found, and refused.
_STAFF = Statement(
    """
    with recursive staff as (
      select id, manager_id, 0 as depth from user_read
       where tenant_id = $1 and (id = $2 or $2::uuid is null and manager_id is null)
      union all
      select u.id, u.manager_id, staff.depth + 1 from staff join user_read u on u.manager_id = staff.id
       where u.tenant_id = $1 and staff.depth <= $3
    ) cycle id set is_known using path
    select coalesce(json_agg(json_build_object(
             'id', u.id, 'managerId', u.manager_id, 'name', u.name, 'active', u.status = 'active',
             'depth', staff.depth)), '[]') as staff
      from staff join user_read u on u.tenant_id = $1 and u.id = staff.id where not staff.is_known
    """,
    ("tenant", "user", "deepest"),
    {},
)
_RATE = """
case when {currency} = own.currency then 1
     else (select rate from exchange_rate_read
            where tenant_id = :tenant and currency collate "C" = {currency} and valid_from <= least(periods.last, :today)
            order by valid_from desc limit 1) end::text
"""
PLAN = f"""
select json_build_object(
  'quotas', (select coalesce(json_agg(json_build_object(
     'id', one.id, 'ownerId', one.owner_id, 'userId', one.user_id, 'period', one.period, 'scope', one.scope,
     'amount', one.amount::text, 'currency', one.amount_currency, 'of', {_RATE.format(currency="one.amount_currency")},
     'into', {_RATE.format(currency=":into")}) order by one.id), '[]')
     from quota_read one join periods on periods.name collate "C" = one.period where one.tenant_id = :tenant),
  'adjustments', (select coalesce(json_agg(json_build_object(
     'id', one.id, 'ownerId', one.owner_id, 'userId', one.user_id, 'byUserId', one.by_user_id, 'period', one.period,
     'category', one.category, 'amount', one.amount::text, 'currency', one.amount_currency, 'note', one.note,
     'of', {_RATE.format(currency="one.amount_currency")}, 'into', {_RATE.format(currency=":into")}) order by one.id), '[]')
     from forecast_adjustment_read one join periods on periods.name collate "C" = one.period
    where one.tenant_id = :tenant)) as plan
  from tenant_read own where own.tenant_id = :tenant
"""  # noqa: S608  # constants of this module
PERIODS = "periods as (select unnest(cast(:names as text[])) as name, unnest(cast(:ends as date[])) as last)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What closes in these days, of these people, who belong to these branches; `everybody` is nobody's as well."""

    first: date
    last: date
    pipeline_id: UUID | None
    branches: Mapping[UUID, UUID]
    everybody: bool

    def parameters(self) -> dict[str, Any]:
        given = {"first": self.first, "last": self.last, "pipeline": self.pipeline_id, "everybody": self.everybody}
        return given | {"people": as_array(self.branches), "branches": as_array(self.branches.values())}


class Forecasts:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def settings(self) -> Mapping[str, Any]:
        """Empty where nobody has set any."""
        row = await self.session.read(_SETTINGS, {})
        return dict(row) if row else {}

    async def set(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        row = await self.session.once(_SET, {"values": dict(values)})
        return dict(row) if row else {}

    async def staff(self, user_id: UUID | None, deepest: int) -> list[dict[str, Any]]:
        """The user and all below, or everybody; of what is too deep only so much that one can tell."""
        row = await self.session.read(_STAFF, {"user": user_id, "deepest": deepest})
        return list(orjson.loads(row["staff"])) if row else []

    async def plan(self, periods: Mapping[str, date], into: str, today: date) -> dict[str, Any]:
        """Quotas and adjustments of these periods, by name and last day, with the rates by which they are converted."""
        statement = CACHE.get("forecast plan", lambda: spoken(f"with {PERIODS} {PLAN}"))
        row = await self.session.read(statement, {**named(periods), "into": into, "today": today})
        return dict(orjson.loads(row["plan"])) if row else {}

    async def figures(self, asked: Asked, into: str, today: date, unit: Decimal) -> dict[str, Any]:
        """By branch and category, and what no rate could convert. Of the currency, `unit` least ones make one."""
        schema = self.session.schema
        statement = CACHE.get(("forecast", schema.shape), lambda: figures_of_now(schema))
        return await self._figures(statement, {**asked.parameters(), "into": into, "today": today, "unit": unit})

    async def figures_of(self, day: date, asked: Asked, into: str, unit: Decimal) -> dict[str, Any]:
        """The same as the snapshot of that day has them."""
        schema = self.session.schema
        statement = CACHE.get(("forecast of a day", schema.shape), lambda: figures_of_day(schema))
        return await self._figures(statement, {**asked.parameters(), "into": into, "day": day, "unit": unit})

    async def _figures(self, statement: Statement, parameters: Mapping[str, Any]) -> dict[str, Any]:
        row = await self.session.read(statement, parameters)
        return dict(orjson.loads(row["found"])) if row else {}


def named(periods: Mapping[str, date]) -> dict[str, str]:
    """As parameters: arrays as PostgreSQL writes them."""
    ends = (one.isoformat() for one in periods.values())
    return {"names": "{" + ",".join(periods) + "}", "ends": "{" + ",".join(ends) + "}"}
