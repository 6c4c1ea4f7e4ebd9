"""References of a kind to itself that must stay acyclic, in one tenant."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, cast, func, literal, select

from app.domain.kernel.object_type import AnyObject
from app.repositories.compile import CACHE, of_tenant, read_view, tenant
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
