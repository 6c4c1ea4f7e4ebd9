"""A board: all stages of a pipeline with what is in each, counted, added up, and the first of its opportunities."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB, aggregate_order_by
from sqlalchemy.sql.selectable import LateralFromClause

from app.domain.kernel.expression.tree import And, Compare, Comparison, Condition, Expression, Field, Slot, Source
from app.domain.kernel.record import table_of
from app.domain.kernel.schema import Schema
from app.domain.pipeline.models import Pipeline
from app.domain.pipeline.objects import OPPORTUNITY
from app.repositories.compile import CACHE, of_tenant, ordered, read_view, visible
from app.repositories.condition import matching
from app.repositories.projection import document
from app.repositories.reading import bound_for
from app.repositories.session import Session

PIPELINE, SOURCE = read_view(table_of(Pipeline)), read_view(OPPORTUNITY.table)

SUMMED: Final = ("pipeline_id", "stage", "amount", "amount_currency", "expected_amount")


@dataclass(frozen=True, slots=True)
class Column:
    """`records` is a JSON array, and `last` where the next page begins, both as PostgreSQL wrote them."""

    stage: dict[str, Any]
    sums: list[dict[str, Any]]
    records: bytes
    last: bytes | None


async def board(session: Session, pipeline_id: UUID, where: Expression, limit: int) -> list[Column]:
    """In the order of the stages; nothing where there is no such pipeline. It is one statement."""
    schema, bound = session.schema, bound_for(limit)
    key = ("board", schema.shape, where.shape_hash, where.shape, bound)
    statement = CACHE.get(key, lambda: _board(where.shape, bound, schema))
    parameters = {f"a{place}": value for place, value in enumerate(where.arguments)}
    row = await session.read(statement, parameters | {"id": pipeline_id, "limit": limit})
    if row is None or row["stages"] is None:
        return []
    return [
        Column(orjson.loads(stage), orjson.loads(sums), records.encode(), last.encode() if last else None)
        for stage, sums, records, last in zip(row["stages"], row["sums"], row["records"], row["lasts"], strict=True)
    ]


def _board(where: Condition, bound: int, schema: Schema) -> Select[Any]:
    stage = (
        func.jsonb_array_elements(PIPELINE.c.stages)
        .table_valued(column("stage", JSONB), with_ordinality="place", name="wanted")
        .render_derived()
    )
    sums, first = _sums(where, schema, stage), _first(where, bound, schema, stage)
    order = stage.c.place

    def listed(value: ColumnElement[Any], name: str) -> ColumnElement[Any]:
        return func.array_agg(aggregate_order_by(cast(value, Text()), order)).label(name)

    columns = (
        listed(stage.c.stage, "stages"),
        listed(sums.c.sums, "sums"),
        listed(func.coalesce(first.c.records, literal_column("'[]'::json", JSON())), "records"),
        listed(first.c.last, "lasts"),
    )
    wanted = PIPELINE.join(stage, true()).join(sums, true()).join(first, true())
    mine = (of_tenant(PIPELINE), PIPELINE.c.id == bindparam("id", type_=Uuid(), required=True))
    return select(*columns).select_from(wanted).where(*mine)


def _sums(where: Condition, schema: Schema, stage: FromClause) -> LateralFromClause:
    """By currency, since amounts of two are never added; those without an amount have none, as has who sees none."""
    source: FromClause = SOURCE.alias("summed")
    visible_names = {field.name for field in schema.fields(OPPORTUNITY).values()}

    def seen(column: ColumnElement[Any], name: str) -> ColumnElement[Any]:
        return column if name in visible_names else cast(null(), Text())

    rows = _of_stage(where, schema, source, stage)
    if _is_of_one_owner(where):
        # Read once for all stages, which the planner would not do: an index of the stages has all that is summed.
        of_owner = _all(where, schema, source).with_only_columns(*(source.c[name] for name in SUMMED))
        source = of_owner.cte("of_owner").prefix_with("materialized")
        rows = select(source).where(*_in(stage, source)).correlate(PIPELINE, stage)
    currency = seen(source.c.amount_currency, "amount")
    grouped = (
        rows.with_only_columns(
            currency.label("currency"),
            func.count().label("count"),
            seen(cast(func.sum(source.c.amount), Text()), "amount").label("amount"),
            seen(cast(func.sum(source.c.expected_amount), Text()), "expected_amount").label("expectedAmount"),
            maintain_column_froms=True,
        )
        .group_by(currency)
        .subquery("grouped")
    )
    listed = aggregate_order_by(func.row_to_json(grouped.table_valued(), type_=JSON), grouped.c.currency)
    return select(func.coalesce(func.json_agg(listed), literal_column("'[]'::json", JSON())).label("sums")).lateral(
        "sums"
    )


def _first(where: Condition, bound: int, schema: Schema, stage: FromClause) -> LateralFromClause:
    """In the order of the list that goes on behind them: what was changed last comes first."""
    source = SOURCE.alias("shown")
    order = (source.c.modified_at.desc(), source.c.id.desc())
    place = func.row_number().over(order_by=order).label("place")
    page = (
        _of_stage(where, schema, source, stage)
        .add_columns(place)
        .order_by(*order)
        .limit(literal_column(str(bound + 1), Integer()))
        .subquery("page")
    )
    doc, limit = document(OPPORTUNITY, page, schema), bindparam("limit", type_=Integer(), required=True)
    at_end = func.json_agg(func.json_build_array(page.c.modified_at, page.c.id)).filter(page.c.place == limit)
    columns = (
        func.json_agg(doc.table_valued()).filter(page.c.place <= limit).label("records"),
        case((func.count() > limit, at_end), else_=null()).label("last"),
    )
    return select(*columns).select_from(page.join(doc, true())).lateral("first")


def _of_stage(where: Condition, schema: Schema, source: FromClause, stage: FromClause) -> Select[Any]:
    return _all(where, schema, source).where(*_in(stage, source)).correlate(PIPELINE, stage)


def _all(where: Condition, schema: Schema, source: FromClause) -> Select[Any]:
    rows, matches = matching(where, source, schema)
    return select(*source.c).select_from(rows).where(visible(OPPORTUNITY, source, schema), matches)


def _in(stage: FromClause, source: FromClause) -> tuple[ColumnElement[bool], ...]:
    return source.c.pipeline_id == PIPELINE.c.id, ordered(source.c.stage) == stage.c.stage["key"].astext


def _is_of_one_owner(where: Condition) -> bool:
    match where:
        case And(parts=parts):
            return any(map(_is_of_one_owner, parts))
        case Compare(Comparison.eq, Field(source=Source(hops=()), column="owner_id"), Slot()):
            return True
        case _:
            return False
