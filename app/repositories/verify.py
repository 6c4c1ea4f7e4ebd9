"""Whether the database is what it says it is: its schema, and every record against the log of its events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from sqlalchemy import ColumnElement, FromClause, Select, Text, and_, func, literal, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.base import Executable

from app.domain.kernel.catalog import Catalog
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.record import Binned, Event, ExternalId, table_of
from app.domain.registry import CATALOG
from app.repositories import verify_schema
from app.repositories.compile import compile_statement
from app.repositories.pool import dsn
from app.repositories.projection import as_jsonb, everything
from app.repositories.revision import newest_revision
from app.repositories.search import EXTERNAL_IDS, document_of
from app.repositories.tenant_table import OWNER
from app.repositories.verify_log import Fold
from app.repositories.writing import row_in

EVENT, BIN, EXTERNAL_ID = (table_of(one) for one in (Event, Binned, ExternalId))
SETTINGS = {"application_name": "rapport verify", "TimeZone": "UTC", "role": OWNER, "lock_timeout": "5s"}
AT_MOST = 1_000
PREFETCHED = 500
KEPT_ELSEWHERE = frozenset({"tenant_id", "settle", "search"})

# The end of the snapshot, and not its horizon: somebody who is still writing holds only that back.
AHEAD = """
select max(settle) >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint + app_settle_base() from event
"""
STRAYS = """
select 'event' as place, object from event where not object = any($1)
 union select 'bin', object from bin where not object = any($1)
 union select 'external_id', object from external_id where not object = any($1)
"""

Key: TypeAlias = tuple[UUID, UUID]  # tenant and record


async def verify(url: str, catalog: Catalog = CATALOG) -> list[str]:
    """What is wrong, a sentence each, without any value of a record; the first thousand of them.

    Memory stays flat: the log and the tables are walked side by side, in one snapshot, which holds up no writer.
    """
    async with _connected(url) as connection:
        if not await _is_current(connection):
            return ["The schema is not that of this program: run `crm migrate`."]
        findings = await verify_schema.faults(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            async for finding in _in_snapshot(connection, catalog):
                findings.append(finding)
                if len(findings) >= AT_MOST:
                    return [*findings[:AT_MOST], "There may be more: here it was given up."]
        return findings


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn(url), server_settings=SETTINGS)
    try:
        yield connection
    finally:
        await connection.close()


async def _is_current(connection: asyncpg.Connection) -> bool:
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return False
    return bool(await connection.fetchval("select version_num from alembic_version") == newest_revision())


async def _in_snapshot(connection: asyncpg.Connection, catalog: Catalog) -> AsyncIterator[str]:
    if await connection.fetchval(AHEAD):
        yield "The log is ahead of the transactions of this cluster, as after a restore elsewhere: set app.settle_base."
    for row in await connection.fetch(STRAYS, [kind.name for kind in catalog]):
        yield f"The table {row['place']} tells of {row['object']}, and there is no such object."
    for kind in catalog:
        async for tenant_id, record_id, fault in _records(connection, kind):
            yield f"{kind.name} {record_id} of tenant {tenant_id}: {fault}."


async def _records(connection: asyncpg.Connection, kind: AnyObject) -> AsyncIterator[tuple[UUID, UUID, str]]:
    """The faults of every record that the log or a table knows, by tenant and id."""
    statements = (_events(kind), _rows(kind), _binned(kind), _known(kind))
    walks = [await Walk.start(connection, one) for one in statements]
    events, rows, binned, known = walks
    while heads := [walk.key for walk in walks if walk.key is not None]:
        key = min(heads)
        fold = Fold(kind, str(key[1]))
        async for event in events.at(key):
            for fault in fold.apply(event):
                yield *key, fault
        for fault in fold.compare(await rows.only(key), await binned.only(key), await known.only(key)):
            yield *key, fault


class Walk:
    """The rows of one statement, in order of tenant and record, read ahead by one."""

    def __init__(self, rows: AsyncIterator[asyncpg.Record]) -> None:
        self._rows = rows
        self._head: asyncpg.Record | None = None

    @classmethod
    async def start(cls, connection: asyncpg.Connection, statement: Executable) -> "Walk":
        compiled = compile_statement(statement)
        walk = cls(aiter(connection.cursor(compiled.sql, *compiled.arguments({}), prefetch=PREFETCHED)))
        await walk._step()
        return walk

    @property
    def key(self) -> Key | None:
        return (self._head["tenant_id"], self._head["id"]) if self._head else None

    async def at(self, key: Key) -> AsyncIterator[asyncpg.Record]:
        while self._head is not None and self.key == key:
            yield self._head
            await self._step()

    async def only(self, key: Key) -> asyncpg.Record | None:
        """The row of a statement that has at most one for each record."""
        found = None
        async for row in self.at(key):
            found = row
        return found

    async def _step(self) -> None:
        self._head = await anext(self._rows, None)


def _events(kind: AnyObject) -> Select[Any]:
    told = (EVENT.c[name] for name in ("version", "settle", "seq", "at", "type", "actor_id", "changes", "data"))
    return (
        select(EVENT.c.tenant_id, EVENT.c.record_id.label("id"), *told, func.to_jsonb(EVENT.c.at).label("stamp"))
        .where(EVENT.c.object == literal(kind.name, Text()))
        .order_by(EVENT.c.tenant_id, EVENT.c.record_id, EVENT.c.version, EVENT.c.settle, EVENT.c.seq)
    )


def _rows(kind: AnyObject) -> Select[Any]:
    """The record as the API shows it."""
    table, doc = kind.table, everything(kind, kind.table)
    return (
        select(table.c.tenant_id, table.c.id, table.c.settle, as_jsonb(doc).label("data"))
        .add_columns(and_(_untouched(kind, table), _as_searched(kind)).label("intact"))
        .select_from(table.join(doc, true()))
        .order_by(table.c.tenant_id, table.c.id)
    )


def _binned(kind: AnyObject) -> Select[Any]:
    """The record as it would be restored, beside what the bin says of it."""
    old = row_in(kind.table, BIN)
    doc = everything(kind, old)
    nothing_else = func.to_jsonb(old.table_valued(), type_=JSONB).contains(BIN.c.data)
    intact = and_(_untouched(kind, old), nothing_else, old.c.tenant_id == BIN.c.tenant_id)
    beside = (BIN.c.version, BIN.c.deleted_at, BIN.c.deleted_by, old.c.settle)
    return (
        select(BIN.c.tenant_id, BIN.c.record_id.label("id"), *beside, as_jsonb(doc).label("data"))
        .add_columns(intact.label("intact"))
        .select_from(BIN.join(old, true()).join(doc, true()))
        .where(BIN.c.object == literal(kind.name, Text()))
        .order_by(BIN.c.tenant_id, BIN.c.record_id)
    )


def _untouched(kind: AnyObject, source: FromClause) -> ColumnElement[bool]:
    """No write sets the columns that the API does not show."""
    shown = {name for one in kind.fields.values() for name in one.columns}
    unset = {one.name for one in kind.table.c} - shown - KEPT_ELSEWHERE
    return and_(true(), *(source.c[name].is_(None) for name in sorted(unset)))


def _as_searched(kind: AnyObject) -> ColumnElement[bool]:
    """`search` is what the declaration and the locale of this database make of the record."""
    table, texts = kind.table, (*kind.searchable, EXTERNAL_IDS)
    return table.c.search == document_of(kind, table, texts) if kind.searchable else table.c.search.is_(None)


def _known(kind: AnyObject) -> Select[Any]:
    """The external ids of a record, collected."""
    ids = func.jsonb_object_agg(EXTERNAL_ID.c.system, EXTERNAL_ID.c.value).label("ids")
    record = (EXTERNAL_ID.c.tenant_id, EXTERNAL_ID.c.record_id)
    return (
        select(EXTERNAL_ID.c.tenant_id, EXTERNAL_ID.c.record_id.label("id"), ids, func.count().label("keys"))
        .where(EXTERNAL_ID.c.object == literal(kind.name, Text()))
        .group_by(*record)
        .order_by(*record)
    )
