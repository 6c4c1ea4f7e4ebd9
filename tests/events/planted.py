"""Four ways to get the event log wrong. Each is a patch of the process or of the server that a test has of its own."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from sqlalchemy import ARRAY, BigInteger, Integer, Select, Text, bindparam, func, select

from app.domain.kernel.changes import Change
from app.domain.kernel.claim import Claim
from app.domain.kernel.ids import uuid7
from app.domain.kernel.schema import Schema
from app.repositories import events, writing
from app.repositories.compile import Statement, of_tenant
from app.repositories.events import VIEW
from app.repositories.records import Records
from tests.world import Place

VOLATILE = """
create or replace function app_horizon() returns bigint language plpgsql volatile as $$
begin
  perform pg_sleep(0.002);
  return pg_snapshot_xmin(pg_current_snapshot())::text::bigint + app_settle_base();
end $$
"""
LATER = Statement(
    """
    insert into event (tenant_id, id, settle, at, object, record_id, version, type, actor_id, origin, changes, data)
    values ($1, $2, coalesce((select settle from account_read where id = $3), app_settle()), clock_timestamp(), $4, $3,
            $5, $6, $7, 'api', $8, $9)
    """,
    ("tenant", "event_id", "id", "object", "version", "type", "actor", "changes", "data"),
    {},
)


async def cursor_by_sequence_alone(_: Place, patch: pytest.MonkeyPatch) -> None:
    """A number is handed out before its transaction commits: whoever commits late is passed over."""

    def page(_: Schema) -> Select[Any]:
        rows = (
            select(VIEW)
            .where(of_tenant(VIEW), VIEW.c.seq > bindparam("seq", type_=BigInteger()))
            .where(VIEW.c.object == bindparam("objects", type_=ARRAY(Text())).any_())
            .order_by(VIEW.c.seq)
            .limit(bindparam("limit", type_=Integer()))
            .subquery("page")
        )
        return select(func.json_agg(rows.table_valued()).label("events"))

    patch.setattr(events, "_page", page)


async def order_by_transaction_id(_: Place, patch: pytest.MonkeyPatch) -> None:
    """An older transaction may write later: two versions of a record change places."""
    stamps = writing._stamps
    patch.setattr(writing, "_stamps", lambda row: stamps(row) | {"settle": func.app_settle()})


async def horizon_of_another_snapshot(place: Place, _: pytest.MonkeyPatch) -> None:
    """A horizon that is looked at after the rows were is later than they are."""
    async with place.connect() as administrator:
        await administrator.execute(VOLATILE)


async def event_outside_the_transaction(_: Place, patch: pytest.MonkeyPatch) -> None:
    """Written right after the record, with its position: behind a reader who has passed there meanwhile."""
    write = Records._write

    async def write_twice(
        self: Records[Any],
        statement: Statement,
        verb: str,
        record_id: UUID,
        values: Any,
        claim: Claim | None,
        change: Change[Any] | None = None,
    ) -> asyncpg.Record | None:
        row = await write(self, statement, verb, record_id, values, claim, change)
        if row is not None:
            await asyncio.sleep(0.005)
            event = {"event_id": uuid7(), "id": record_id, "object": self.kind.name, "version": row["version"]}
            event |= {"type": f"{self.kind.name}.{verb}", "actor": self.session.actor.id}
            event["changes"] = change.as_json() if change else {}
            event["data"] = orjson.loads(row["body"] or b"{}")
            await self.session.once(LATER, event)
        return row

    patch.setattr(writing, "_event", lambda _, doc, **__: select(doc.c.id).cte("unlogged"))
    patch.setattr(Records, "_write", write_twice)
