"""What opportunities come to, by people and categories, in one currency; live or as a snapshot has them.

They are added up by owner, pipeline, month, category and currency first. What these sums come to in the currency asked for
is rounded once, so that all that is added up from them agrees to the cent: by people, by pipelines and by months.
"""

import re
from typing import Any

from sqlalchemy import (
    CTE,
    Boolean,
    Date,
    DateTime,
    FromClause,
    Integer,
    Numeric,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.sql.expression import TextClause
from sqlalchemy.sql.selectable import TextualSelect

from app.domain.forecasting.models import ForecastFigure
from app.domain.kernel.record import table_of
from app.domain.kernel.schema import Schema
from app.domain.pipeline.objects import OPPORTUNITY
from app.repositories.compile import read_view, visible

_TYPES: dict[str, Any] = {
    "tenant": Uuid(),
    "me": Uuid(),
    "user": Uuid(),
    "pipeline": Uuid(),
    "everybody": Boolean(),
    "people": Text(),
    "branches": Text(),
    "first": Date(),
    "last": Date(),
    "today": Date(),
    "day": Date(),
    "into": Text(),
    "unit": Numeric(),
    "names": Text(),
    "ends": Text(),
    "now": DateTime(timezone=True),
    "month": Integer(),
    "named_by": Text(),
}

# What is not yet closed is worth what it would be today: a rate that does not hold yet is no rate.
_NAME = re.compile(r"(?<![:\w]):([a-z_]+)")

# Both rates stand in one row, so that each opportunity is met by one look-up.
RATE = """
with one as (
select known.currency, d.day, latest.rate
  from (select distinct currency from exchange_rate_read where tenant_id = :tenant) known
 cross join (select least(:first, :today) + n as day
               from generate_series(0, least(:last, :today) - least(:first, :today)) n) d
 cross join lateral (select rate from exchange_rate_read
                      where tenant_id = :tenant and currency collate "C" = known.currency and valid_from <= d.day
                      order by valid_from desc limit 1) latest
union all
select own.currency, least(:first, :today) + n, 1
  from tenant_read own, generate_series(0, least(:last, :today) - least(:first, :today)) n where own.tenant_id = :tenant)
select one.currency, one.day, one.rate, other.rate as by
  from one left join one other on other.currency = :into and other.day = one.day
"""
PART = """
select seen.owner_id, seen.pipeline_id, date_trunc('month', seen.close_date::timestamp)::date as month,
       seen.forecast_category as category, seen.amount_currency as currency, rate.by,
       seen.amount_currency <> :into and (rate.rate is null or rate.by is null) as missing,
       count(*) as number, sum(seen.amount) as amount, sum(seen.expected_amount) as expected,
       sum(seen.amount * rate.rate) as worth, sum(seen.expected_amount * rate.rate) as weighted
  from seen
  left join rate on rate.currency = seen.amount_currency and rate.day = least(seen.close_date, :today)
 group by 1, 2, 3, 4, 5, 6, 7
"""
LEAF = """
select staff.branch, part.category, sum(part.number) as number,
       coalesce(sum(part.amount) filter (where part.currency = :into), 0) as amount,
       coalesce(sum(part.expected) filter (where part.currency = :into), 0) as expected,
       round(sum(round(part.worth, 40) / part.by) filter (where part.currency <> :into) * :unit, 30) as worth,
       round(sum(round(part.weighted, 40) / part.by) filter (where part.currency <> :into) * :unit, 30) as weighted
  from part left join staff on staff.id = part.owner_id
 where part.missing is not true
 group by staff.branch, part.owner_id, part.pipeline_id, part.month, part.category
"""
STAFF = "select unnest(cast(:people as uuid[])) as id, unnest(cast(:branches as uuid[])) as branch"


def half_even(value: str) -> str:
    """In SQL: a whole number, of two equally near ones the even one."""
    return f"case when abs({value}) % 1 = 0.5 then 2 * round({value} * 0.5) else round({value}) end"


FOUND = f"""
select json_build_object(
  'rows', (select json_agg(json_build_object(
     'branch', branch, 'category', category, 'count', number, 'amount', amount::text, 'worth', worth::text,
     'expected', expected::text, 'weighted', weighted::text)) from (
       select branch, category, sum(number) as number, sum(amount) as amount, sum(expected) as expected,
              coalesce(sum({half_even("worth")}), 0) as worth, coalesce(sum({half_even("weighted")}), 0) as weighted
         from leaf group by branch, category) added),
  'unconverted', (select json_agg(json_build_object(
     'currency', currency, 'count', number, 'amount', amount::text, 'expectedAmount', expected::text) order by currency)
     from (select currency, sum(number) as number, sum(amount) as amount, coalesce(sum(expected), 0) as expected
             from part where missing group by currency) left_out)) as found
"""  # noqa: S608  # constants of this module

MOST_DAYS = 100
DAYS = f"""
select day, currency, people from forecast_snapshot_read
 where tenant_id = :tenant and starts_on <= :first and ends_on >= :last order by day desc limit {MOST_DAYS}
"""  # noqa: S608  # a constant of this module
STAFF_OF_DAYS = """
select day, id from people where id = :user or cast(:user as uuid) is null
 union
select people.day, people.id from staff join people on people.day = staff.day and people."managerId" = staff.id
"""
LEAF_OF_DAYS = """
select days.day, seen.category, sum(seen.number) filter (where not seen.missing) as number,
       sum(seen.number) filter (where seen.missing) as missing,
       sum(seen.amount) filter (where seen.currency = days.currency) as amount,
       sum(seen.expected) filter (where seen.currency = days.currency) as expected,
       sum(seen.worth) filter (where seen.currency <> days.currency) * :unit as worth,
       sum(seen.weighted) filter (where seen.currency <> days.currency) * :unit as weighted
  from days join seen on seen.day = days.day left join staff on staff.day = seen.day and staff.id = seen.owner_id
 where staff.id is not null or seen.owner_id is null and cast(:user as uuid) is null
 group by days.day, seen.owner_id, seen.pipeline_id, seen.month, seen.category
"""
TREND = f"""
select coalesce(json_agg(json_build_object('day', days.day, 'currency', days.currency, 'categories', (
    select json_object_agg(category, json_build_object(
             'count', number, 'missing', missing, 'amount', amount::text, 'weighted', weighted::text)) from (
      select category, coalesce(sum(number), 0) as number, coalesce(sum(missing), 0) as missing,
             coalesce(sum(amount), 0) + coalesce(sum({half_even("worth")}), 0) / :unit as amount,
             coalesce(sum(expected), 0) + coalesce(sum({half_even("weighted")}), 0) / :unit as weighted
        from leaf where leaf.day = days.day group by category) added)) order by days.day), '[]') as trend
  from days
"""  # noqa: S608  # constants of this module


def spoken(sql: str) -> TextClause:
    """A statement with names where values go."""
    clause = text(sql)
    types = {name: _TYPES[name] for name in _NAME.findall(sql)}
    return clause.bindparams(*(bindparam(name, type_=type_, required=True) for name, type_ in types.items()))


def figures_of_now(schema: Schema) -> TextualSelect:
    """Of the opportunities that the actor may see."""
    source = read_view(OPPORTUNITY.table)
    names = ("owner_id", "pipeline_id", "close_date", "forecast_category", "amount", "amount_currency")
    seen = (
        select(*(source.c[name] for name in names), source.c.expected_amount)
        .where(
            visible(OPPORTUNITY, source, schema),
            source.c.close_date >= _parameter("first"),
            source.c.close_date <= _parameter("last"),
            source.c.forecast_category != literal_column("'omitted'"),
            *_asked_for(source),
        )
        .cte("seen")
    )
    return _found(seen, _named("rate", RATE), _named("part", PART))


def figures_of_day(schema: Schema) -> TextualSelect:
    """The same of the opportunities of then."""
    source = read_view(table_of(ForecastFigure))
    part = (
        select(*source.c, literal_column("1", Numeric()).label("by"))
        .where(
            visible(OPPORTUNITY, source, schema),
            source.c.day == _parameter("day"),
            source.c.month >= _parameter("first"),
            source.c.month <= _parameter("last"),
            *_asked_for(source),
        )
        .cte("part")
    )
    return _found(part)


def trend_of(schema: Schema) -> TextualSelect:
    """By day and category, of a user and all who stood below then, or of everybody."""
    source = read_view(table_of(ForecastFigure))
    pipeline = _parameter("pipeline")
    seen = select(*source.c).where(
        visible(OPPORTUNITY, source, schema),
        source.c.month >= _parameter("first"),
        source.c.month <= _parameter("last"),
        or_(pipeline.is_(None), source.c.pipeline_id == pipeline),
    )
    people = 'select days.day, one.* from days, jsonb_to_recordset(days.people) as one (id uuid, "managerId" uuid)'
    staff = spoken(STAFF_OF_DAYS).columns(column("day", Date()), column("id", Uuid())).cte("staff", recursive=True)
    parts = (_named("days", DAYS), seen.cte("seen"), _named("people", people), staff, _named("leaf", LEAF_OF_DAYS))
    return spoken(TREND).columns(column("trend", JSON())).add_cte(*parts)


def _found(*parts: CTE) -> TextualSelect:
    found = spoken(FOUND).columns(column("found", JSON()))
    return found.add_cte(*parts, _named("staff", STAFF), _named("leaf", LEAF))


def _named(name: str, sql: str) -> CTE:
    return spoken(sql).columns().cte(name)


def _asked_for(source: FromClause) -> tuple[Any, ...]:
    """Of one pipeline or all, and of these people, or of everybody and nobody.

    As a set, which PostgreSQL looks up by hash; a list it would walk along for every opportunity.
    """
    people, pipeline = ARRAY(Uuid()), _parameter("pipeline")
    ids = select(func.unnest(cast(_parameter("people"), people))).scalar_subquery()
    nobodys = _parameter("everybody").is_(literal_column("true")) & source.c.owner_id.is_(None)
    return or_(pipeline.is_(None), source.c.pipeline_id == pipeline), or_(source.c.owner_id.in_(ids), nobodys)


def _parameter(name: str) -> Any:
    return bindparam(name, type_=_TYPES[name], required=True)
