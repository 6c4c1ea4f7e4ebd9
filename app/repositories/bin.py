"""What lies in the bin, as it was when it was deleted."""

from typing import Any

import orjson
from sqlalchemy import ARRAY, Boolean, DateTime, Integer, Select, Text, Uuid, and_, bindparam, func, or_, select, tuple_

from app.domain.kernel.query import BinPosition
from app.domain.kernel.record import Binned, Event, table_of
from app.domain.kernel.schema import Schema
from app.repositories.compile import CACHE, of_tenant, read_view, told
from app.repositories.session import Session


class Bin:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def page(self, objects: list[str], after: BinPosition | None, limit: int) -> list[dict[str, Any]]:
        """By time of deletion, latest first. `data` is the record's last state in API form."""
        parameters = {
            "objects": objects,
            "first": after is None,
            "at": after.deleted_at if after else None,
            "id": after.record_id if after else None,
            "limit": limit,
        }
        schema = self.session.schema
        row = await self.session.read(CACHE.get(("bin", schema.shape), lambda: _page(schema)), parameters)
        return orjson.loads(row["records"]) if row and row["records"] else []


def _page(schema: Schema) -> Select[Any]:
    binned, event = read_view(table_of(Binned)), read_view(table_of(Event))
    last = and_(
        event.c.object == binned.c.object,
        event.c.record_id == binned.c.record_id,
        event.c.version == binned.c.version,
    )
    position = tuple_(bindparam("at", type_=DateTime(timezone=True)), bindparam("id", type_=Uuid()))
    rows = (
        select(
            binned.c.object,
            binned.c.record_id,
            binned.c.version,
            binned.c.deleted_at,
            binned.c.deleted_by,
            event.c.data,
        )
        .select_from(binned.join(event, and_(told(event, schema), last)))
        .where(of_tenant(binned), binned.c.object == bindparam("objects", type_=ARRAY(Text())).any_())
        .where(or_(bindparam("first", type_=Boolean()), tuple_(binned.c.deleted_at, binned.c.record_id) < position))
        .order_by(binned.c.deleted_at.desc(), binned.c.record_id.desc())
        .limit(bindparam("limit", type_=Integer()))
        .subquery("page")
    )
    return select(func.json_agg(rows.table_valued()).label("records"))
