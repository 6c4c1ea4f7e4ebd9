"""Figures over all records at and below one of a hierarchy: how many, and what they come to in each currency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, Text, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSON, aggregate_order_by

from app.domain.kernel.expression.tree import Expression
from app.domain.kernel.object_type import AnyObject, currency_of
from app.domain.kernel.query import DEEPEST
from app.domain.kernel.schema import Schema
from app.repositories.compile import CACHE, read_view, visible
from app.repositories.condition import matching
from app.repositories.hierarchy import reached
from app.repositories.session import Session


@dataclass(frozen=True, slots=True)
class Figure:
    """Records of `kind` whose column `at` holds the id of one of them; `money` is added up for those who see it.

    Of the figures that are asked for together at most one may have a condition with values in it.
    """

    kind: AnyObject
    at: str
    where: Expression
    money: str | None = None


class Rollup:
    def __init__(self, session: Session, kind: AnyObject, reference: str) -> None:
        self.session = session
        self.kind = kind
        self.reference = reference

    async def figures(self, record_id: UUID, asked: Mapping[str, Figure]) -> bytes | None:
        """A JSON object with one member for each figure; None where the record is not to be seen."""
        schema = self.session.schema
        shape = tuple((name, one.kind.name, one.at, one.money, one.where.shape) for name, one in asked.items())
        key = (self.kind.name, schema.shape, "rollup", self.reference, shape)
        statement = CACHE.get(key, lambda: rollup(self.kind, self.reference, asked, schema))
        values = [value for one in asked.values() for value in one.where.arguments]
        row = await self.session.read(
            statement, {"id": record_id} | {f"a{place}": value for place, value in enumerate(values)}
        )
        return bytes(row["figures"]) if row and row["found"] else None


def rollup(kind: AnyObject, reference: str, asked: Mapping[str, Figure], schema: Schema) -> Select[Any]:
    chain = reached(kind, reference, schema, up=False, depth=literal_column(str(DEEPEST)))
    ids = select(chain.c.id)
    members: list[ColumnElement[Any]] = []
    for name, figure in asked.items():
        members += [literal_column(f"'{name}'"), _figure(name, figure, ids, schema)]
    return select(
        func.json_build_object(*members, type_=JSON).label("figures"),
        select(func.count() > literal_column("0")).select_from(chain).scalar_subquery().label("found"),
    )


def _figure(name: str, figure: Figure, ids: Select[Any], schema: Schema) -> ScalarSelect[Any]:
    source = read_view(figure.kind.table).alias(f"{name}_rows")
    rows, holds = matching(figure.where.shape, source, schema)
    where: Sequence[ColumnElement[bool]] = (visible(figure.kind, source, schema), source.c[figure.at].in_(ids), holds)
    count = select(func.count()).select_from(rows).where(*where).scalar_subquery()
    seen = figure.money in {field.name for field in schema.fields(figure.kind).values()}
    amounts = _amounts(name, figure, rows, source, where) if seen else literal_column("'[]'::json")
    shown = func.json_build_object(literal_column("'count'"), count, literal_column("'amounts'"), amounts)
    return select(shown).scalar_subquery()


def _amounts(
    name: str, figure: Figure, rows: Any, source: Any, where: Sequence[ColumnElement[bool]]
) -> ColumnElement[Any]:
    """Amounts of different currencies are not added up."""
    amount, currency = source.c[figure.money], source.c[currency_of(figure.money or "")]
    sums = (
        select(currency.label("currency"), cast(func.sum(amount), Text()).label("amount"))
        .select_from(rows)
        .where(*where, amount.is_not(None))
        .group_by(currency)
        .subquery(f"{name}_sums")
    )
    one = func.json_build_object(
        literal_column("'amount'"), sums.c.amount, literal_column("'currency'"), sums.c.currency
    )
    listed = select(func.json_agg(aggregate_order_by(one, sums.c.currency))).select_from(sums).scalar_subquery()
    return func.coalesce(listed, literal_column("'[]'::json"))
