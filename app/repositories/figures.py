"""Opportunities of the session's tenant in numbers. What the actor does not see counts nowhere.

Amounts are added up by currency, and in the corporate currency by the rate of each day. Sums are exact and not rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    ARRAY,
    CTE,
    TIMESTAMP,
    ColumnElement,
    Date,
    Double,
    FromClause,
    Integer,
    Numeric,
    ScalarSelect,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    column,
    extract,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSON

from app.domain.currencies.models import ExchangeRate
from app.domain.governance.models import Tenant
from app.domain.kernel.expression.tree import RECORD, Condition, Expression, Field
from app.domain.kernel.record import table_of
from app.domain.kernel.schema import Schema
from app.domain.pipeline.models import StageHistory
from app.domain.pipeline.objects import OPPORTUNITY
from app.repositories.compile import CACHE, Statement, of_tenant, ordered, read_view, tenant, visible
from app.repositories.condition import Rows, holds, value
from app.repositories.session import Session

Column = ColumnElement[Any]
OPEN, WON = "open", "won"
MOST = 5_000  # rows of one figure, each for a group, a status and a currency
FIRST_DAYS = (8, 31, 61, 91, 181)  # of each age but the first
_PIPELINES = Statement(
    """
    select coalesce(json_agg(json_build_object('id', id, 'name', name, 'stages', stages) order by name, id), '[]') as found
      from pipeline_read where tenant_id = $1
    """,
    ("tenant",),
    {},
)


@dataclass(frozen=True, slots=True)
class Group:
    """What opportunities are put together by, and what such a group is called."""

    key: Field
    label: Field


@dataclass(frozen=True, slots=True)
class Days:
    """The first and the last of a period, today, and the time zone that all of them are in."""

    first: date
    last: date
    today: date
    zone: str

    def as_parameters(self) -> dict[str, Any]:
        return {"first": self.first, "last": self.last, "today": self.today, "zone": self.zone}


@dataclass(frozen=True, slots=True)
class Found:
    """`rows` are more than `MOST` where there is too much to tell."""

    corporate: str
    rows: list[dict[str, Any]]


class Figures:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def outcomes(
        self, where: Expression, days: Days, statuses: Sequence[str], group: Group | None, per: str | None = None
    ) -> Found:
        """By status: what was closed in the period, and what is open now. `per` splits it by the time of closing."""
        schema = self.session.schema
        key = ("outcomes", schema.shape, where.shape_hash, where.shape, group, per)
        statement = CACHE.get(key, lambda: _outcomes(where.shape, schema, group, per))
        return await self._found(statement, where, {**days.as_parameters(), "statuses": list(statuses)})

    async def ages(self, where: Expression, days: Days) -> Found:
        """What is open and began in the period, by stage and by how long it has been there and has been at all."""
        schema = self.session.schema
        key = ("ages", schema.shape, where.shape_hash, where.shape)
        return await self._found(CACHE.get(key, lambda: _ages(where.shape, schema)), where, days.as_parameters())

    async def flows(self, where: Expression, days: Days, pipeline_id: UUID) -> tuple[list[Any], list[Any]]:
        """Of all that came to a stage in the period: where it went, and by stage how long it had been there."""
        schema = self.session.schema
        key = ("flows", schema.shape, where.shape_hash, where.shape)
        statement = CACHE.get(key, lambda: _flows(where.shape, schema))
        parameters = _arguments(where) | days.as_parameters() | {"pipeline": pipeline_id}
        row = await self.session.read_at_length(statement, parameters)
        return (orjson.loads(row["flows"]), orjson.loads(row["times"])) if row else ([], [])

    async def pipelines(self) -> list[dict[str, Any]]:
        """All, with their stages in order."""
        row = await self.session.read(_PIPELINES, {})
        return list(orjson.loads(row["found"])) if row else []

    async def _found(self, statement: Statement, where: Expression, parameters: dict[str, Any]) -> Found:
        row = await self.session.read_at_length(statement, _arguments(where) | parameters)
        assert row is not None  # noqa: S101  # an aggregate always answers one row
        return Found(row["corporate"], orjson.loads(row["rows"]))


def _arguments(where: Expression) -> dict[str, Any]:
    return {f"a{place}": value for place, value in enumerate(where.arguments)}


def _outcomes(where: Condition, schema: Schema, group: Group | None, per: str | None) -> Select[Any]:
    source = read_view(OPPORTUNITY.table)
    rows = Rows(schema, RECORD, source)
    truth, deal = holds(where, rows), source.c
    is_open = deal.status == _word(OPEN)
    closed_on = func.coalesce(deal.close_date, _day(deal.closed_at))
    day, begun = case((is_open, _param("today", Date())), else_=closed_on), _begun(source)
    has_cycle = and_(deal.status == _word(WON), closed_on >= begun)
    days = closed_on.op("-", return_type=Integer())(begun)
    columns: dict[str, Column] = {
        "key": ordered(value(group.key, rows)) if group else cast(null(), Text()),
        "status": ordered(deal.status),
        "begins": _beginning(per, day) if per else cast(null(), Date()),
    }
    label = value(group.label, rows) if group else null()
    deals = (
        select(*(one.label(name) for name, one in columns.items()), cast(label, Text()).label("label"))
        .add_columns(day.label("day"), deal.amount.label("amount"), ordered(deal.amount_currency).label("currency"))
        .add_columns(case((has_cycle, days)).label("days"), case((has_cycle, literal_column("1"))).label("cycles"))
        .select_from(rows.joined)
        .where(visible(OPPORTUNITY, source, schema), truth)
        .where(deal.status == _param("statuses", ARRAY(Text())).any_())
        .where(or_(is_open, closed_on.between(_param("first", Date()), _param("last", Date()))))
        .subquery("deals")
    )
    return _added_up(deals, tuple(columns), ("days", "cycles"))


def _ages(where: Condition, schema: Schema) -> Select[Any]:
    source = read_view(OPPORTUNITY.table)
    rows = Rows(schema, RECORD, source)
    truth, deal, today, begun = holds(where, rows), source.c, _param("today", Date()), _begun(source)
    columns: dict[str, Column] = {
        "pipeline": deal.pipeline_id,
        "stage": ordered(deal.stage),
        "here": _age(today, _day(deal.stage_changed_at)),
        "age": _age(today, begun),
    }
    late = cast(deal.close_date < today, Integer())
    deals = (
        select(*(one.label(name) for name, one in columns.items()), cast(null(), Text()).label("label"))
        .add_columns(today.label("day"), deal.amount.label("amount"), ordered(deal.amount_currency).label("currency"))
        .add_columns(late.label("overdue"), cast(deal.stalled_since.is_not(None), Integer()).label("stalled"))
        .select_from(rows.joined)
        .where(visible(OPPORTUNITY, source, schema), truth, deal.status == _word(OPEN))
        .where(begun.between(_param("first", Date()), _param("last", Date())))
        .subquery("deals")
    )
    return _added_up(deals, tuple(columns), ("overdue", "stalled"))


def _added_up(deals: Subquery, keys: Sequence[str], counters: Sequence[str]) -> Select[Any]:
    """Days of one currency are added up first, so that a rate is looked up once for each of them.

    What is sorted to be grouped is compared byte by byte; a label follows from its key.
    """
    of_day = [*(deals.c[name] for name in keys), deals.c.currency, deals.c.day]
    grouped = (
        select(*of_day)
        .add_columns(func.count().label("deals"), func.count(deals.c.amount).label("priced"))
        .add_columns(func.sum(deals.c.amount).label("amount"), func.min(ordered(deals.c.label)).label("label"))
        .add_columns(*(func.sum(deals.c[name]).label(name) for name in counters))
        .group_by(*of_day)
        .cte("grouped")
    )
    rates, one = _rates(grouped), grouped.c
    unknown = rates.c.rate.is_(None)
    of_currency = [*(one[name] for name in keys), one.currency]
    sums = (
        select(*of_currency, func.min(one.label).label("label"))
        .add_columns(func.sum(one.deals).label("deals"), func.sum(one.priced).label("priced"))
        .add_columns(cast(func.sum(one.amount), Text()).label("amount"))
        .add_columns(cast(func.sum(one.amount * rates.c.rate), Text()).label("corporate"))
        .add_columns(func.coalesce(func.sum(one.priced).filter(unknown), literal_column("0")).label("unconverted"))
        .add_columns(cast(func.sum(one.amount).filter(unknown), Text()).label("left"))
        .add_columns(*(func.coalesce(func.sum(one[name]), literal_column("0")).label(name) for name in counters))
        .select_from(grouped.outerjoin(rates, and_(rates.c.currency == one.currency, rates.c.day == one.day)))
        .group_by(*of_currency)
        .limit(literal_column(str(MOST + 1)))
        .subquery("sums")
    )
    return select(_corporate().label("corporate"), _listed(sums).label("rows"))


def _rates(grouped: CTE) -> CTE:
    """What a unit was worth on each day in the corporate currency; null where nobody said."""
    pairs = select(grouped.c.currency, grouped.c.day).where(grouped.c.currency.is_not(None)).distinct().subquery("days")
    view = read_view(table_of(ExchangeRate))
    newest = (
        select(view.c.rate)
        .where(view.c.tenant_id == tenant(), view.c.currency == pairs.c.currency, view.c.valid_from <= pairs.c.day)
        .order_by(view.c.valid_from.desc())
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    own = pairs.c.currency == _corporate()
    return select(pairs, case((own, literal_column("1", Numeric())), else_=newest).label("rate")).cte("rates")


def _flows(where: Condition, schema: Schema) -> Select[Any]:
    """Stays are read once and in one pass; how long each was goes along as a list, which takes no sorting of them."""
    source, stay = read_view(OPPORTUNITY.table), read_view(table_of(StageHistory))
    rows = Rows(schema, RECORD, source)
    truth, has_left = holds(where, rows), stay.c.left_at.is_not(None)
    spent = stay.c.left_at - stay.c.entered_at
    way = (stay.c.stage, has_left.label("left"), stay.c.next_stage.label("goes_to"))
    flows = (
        select(*way, func.count().label("stays"), func.sum(spent).label("spent"))
        .add_columns(func.count().filter(source.c.status == _word(WON)).label("won"))
        .add_columns(func.array_agg(func.date_part("epoch", spent, type_=Double())).filter(has_left).label("each"))
        .select_from(rows.joined.join(stay, and_(of_tenant(stay), stay.c.opportunity_id == source.c.id)))
        .where(visible(OPPORTUNITY, source, schema), truth, stay.c.pipeline_id == _param("pipeline", Uuid()))
        .where(stay.c.entered_at >= _midnight(_param("first", Date())))
        .where(stay.c.entered_at < _midnight(_param("last", Date()) + literal_column("1")))
        .group_by(*way)
        .cte("flows")
    )
    told = select(*(flows.c[name] for name in ("stage", "left", "goes_to", "stays", "won"))).subquery("told")
    return select(_listed(told).label("flows"), _listed(_times(flows)).label("times"))


def _times(flows: CTE) -> Subquery:
    """Of what left each stage."""
    same = flows.alias("same")
    one = func.unnest(same.c.each).table_valued(column("seconds", Double()), name="one").render_derived()
    middle = func.percentile_cont(literal_column("0.5")).within_group(one.c.seconds)
    median = select(middle).select_from(same.join(one, true()))
    of_stage = median.where(same.c.stage == flows.c.stage).correlate(flows).scalar_subquery()
    return (
        select(flows.c.stage, func.sum(flows.c.stays).label("stays"))
        .add_columns(cast(extract("epoch", func.sum(flows.c.spent)), Text()).label("seconds"))
        .add_columns(cast(cast(of_stage, Numeric()), Text()).label("median"))
        .where(flows.c.left)
        .group_by(flows.c.stage)
        .subquery("times")
    )


def _corporate() -> ScalarSelect[Any]:
    own = read_view(table_of(Tenant))
    return select(own.c.currency).where(of_tenant(own)).scalar_subquery()


def _listed(rows: Subquery) -> Column:
    listed = func.json_agg(func.row_to_json(rows.table_valued(), type_=JSON))
    found = select(func.coalesce(cast(listed, Text()), literal_column("'[]'"))).select_from(rows)
    return found.scalar_subquery()


def _begun(source: FromClause) -> Column:
    return func.coalesce(source.c.engage_date, _day(source.c.created_at))


def _day(at: Column) -> Column:
    """In the time zone of the tenant."""
    return cast(func.timezone(_param("zone", Text()), at), Date())


def _midnight(day: Column) -> Column:
    """In the time zone of the tenant."""
    return func.timezone(_param("zone", Text()), cast(day, TIMESTAMP()))


def _beginning(per: str, day: Column) -> Column:
    """Of the month, quarter or year that the day lies in."""
    return cast(func.date_trunc(_word(per), cast(day, TIMESTAMP())), Date())


def _age(today: Column, since: Column) -> Column:
    days = today.op("-", return_type=Integer())(since)
    return func.width_bucket(days, literal_column(f"array[{', '.join(map(str, FIRST_DAYS))}]"))


def _word(text: str) -> Column:
    return literal(text, Text())


def _param(name: str, type_: Any) -> Column:
    return bindparam(name, type_=type_, required=True)
