"""References of a kind to itself that must stay acyclic, in one tenant."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
)

from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import DEEPEST, NEAREST, Branch
from app.domain.kernel.schema import Schema
from app.repositories.compile import CACHE, of_tenant, read_view, tenant, visible
from app.repositories.projection import as_json, document
from app.repositories.reading import record_id
from app.repositories.session import Session


class Hierarchy:
    def __init__(self, session: Session, kind: AnyObject, reference: str) -> None:
        self.session = session
        self.kind = kind
        self.reference = reference

    async def lock(self) -> None:
        """Until the end of the transaction nobody else moves a record in this hierarchy."""
        statement = CACHE.get((self.kind.name, "lock", self.reference), self._lock)
        await self.session.once(statement, {})

    async def above(self, record_id: UUID) -> list[UUID]:
        """The record itself and everything above it, in no order."""
        statement = CACHE.get((self.kind.name, "above", self.reference), self._above)
        row = await self.session.read(statement, {"id": record_id})
        return list(row["ids"] or ()) if row else []

    async def branch(
        self, record_id: UUID, *, up: bool, limit: int, depth: int = DEEPEST, after: tuple[int, UUID] = NEAREST
    ) -> Branch | None:
        """What stands above or below the record, the nearest first; None where the record is not to be seen."""
        schema = self.session.schema
        key = (self.kind.name, schema.shape, "branch", self.reference, up)
        statement = CACHE.get(key, lambda: branch(self.kind, self.reference, schema, up=up))
        asked = {"id": record_id, "limit": limit, "depth": depth, "after_depth": after[0], "after_id": after[1]}
        row = await self.session.read(statement, asked)
        if row is None or not row["found"]:
            return None
        last = (row["last_depth"], str(row["last_id"])) if row["has_more"] else None
        return Branch(bytes(row["records"] or b"[]"), last, row["has_more"])

    def _lock(self) -> Select[Any]:
        name = literal(f"{self.kind.name}.{self.reference} ", Text()).concat(cast(tenant(), Text()))
        return select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0)))

    def _above(self) -> Select[Any]:
        view = read_view(self.kind.table)
        start = select(view.c.id, view.c[self.reference]).where(of_tenant(view), view.c.id == record_id())
        chain = start.cte("chain", recursive=True)
        parent = select(view.c.id, view.c[self.reference]).where(of_tenant(view), view.c.id == chain.c[self.reference])
        chain = chain.union(parent)
        return select(func.array_agg(chain.c.id).label("ids"))


def reached(kind: AnyObject, reference: str, schema: Schema, *, up: bool, depth: ColumnElement[int]) -> CTE:
    """The record where it may be seen, and all above or below it, whoever may see those, with their distance."""
    view = read_view(kind.table)
    columns = (view.c.id, view.c[reference].label("above"))
    start = select(*columns, _number(0).label("depth")).where(visible(kind, view, schema), view.c.id == record_id())
    chain = start.cte("reached", recursive=True)
    meets = view.c.id == chain.c.above if up else view.c[reference] == chain.c.id
    next_ = select(*columns, chain.c.depth + _number(1)).where(of_tenant(view), meets, chain.c.depth < depth)
    return chain.union_all(next_)


def branch(kind: AnyObject, reference: str, schema: Schema, *, up: bool) -> Select[Any]:
    """One row, whatever is found."""
    chain = reached(kind, reference, schema, up=up, depth=_parameter("depth", Integer()))
    view, limit = read_view(kind.table), _parameter("limit", Integer())
    place = func.row_number().over(order_by=(chain.c.depth, chain.c.id)).label("place")
    beyond = tuple_(chain.c.depth, chain.c.id) > tuple_(
        _parameter("after_depth", Integer()), _parameter("after_id", Uuid())
    )
    rows = (
        select(*view.c, chain.c.depth, place)
        .select_from(chain.join(view, view.c.id == chain.c.id))
        .where(visible(kind, view, schema), chain.c.depth > _number(0), beyond)
        .order_by(chain.c.depth, chain.c.id)
        .limit(limit + _number(1))
        .subquery("rows")
    )
    doc, within = document(kind, rows, schema), rows.c.place <= limit
    shown = func.json_build_object(_name("depth"), rows.c.depth, _name("record"), as_json(doc))
    at_end = rows.c.place == limit
    return select(
        select(func.count() > _number(0)).select_from(chain).scalar_subquery().label("found"),
        func.json_agg(shown).filter(within).label("records"),
        func.max(rows.c.depth).filter(at_end).label("last_depth"),
        func.max(cast(rows.c.id, Text())).filter(at_end).label("last_id"),
        (func.count() > limit).label("has_more"),
    ).select_from(rows.join(doc, true()))


def _name(text: str) -> ColumnElement[str]:
    return literal_column(f"'{text}'")


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer())


def _parameter(name: str, type_: Any) -> ColumnElement[Any]:
    return bindparam(name, type_=type_, required=True)
