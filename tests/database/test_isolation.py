"""What each role sees of two tenants, on every tenant table there is and on its read view."""

from dataclasses import dataclass
from graphlib import TopologicalSorter
from uuid import UUID

import asyncpg
import pytest

from app.domain.kernel.ids import uuid7
from app.repositories.verify_schema import (
    LESS_THAN_EVERYTHING,
    READ_AND_WRITTEN_ACROSS_TENANTS,
    TENANT_TABLES,
    WITHOUT_TENANT,
)
from tests.run import Run
from tests.world import Place

pytestmark = pytest.mark.quick

REQUIRED = """
select quote_ident(attname) as name, format_type(atttypid, null) as type from pg_attribute
 where attrelid = quote_ident($1)::regclass and attnum > 0 and attnotnull and not atthasdef
"""
REFERRED = """
select conrelid::regclass::text, confrelid::regclass::text from pg_constraint k
 where contype = 'f' and conrelid <> confrelid
   and not exists (select from pg_attribute where attrelid = conrelid and attnum = any(conkey) and not attnotnull)
"""
LATER = {"ends_at": "'infinity'"}
SOME_VALUE = {
    "text": "'x'",
    "bigint": "1",
    "integer": "1",
    "smallint": "1",
    "jsonb": "'{}'",
    "bytea": "''",
    "text[]": "'{}'",
    "boolean": "false",
    "numeric": "1",
    "date": "'2026-01-01'",
    "timestamp with time zone": "now()",
}


@dataclass(frozen=True)
class Pair:
    """Two tenants that have one row in every tenant table; each row has the one id in all of its columns."""

    place: Place
    tables: list[str]
    ours: UUID
    theirs: UUID
    row: UUID


@pytest.fixture(scope="module")
def own_database(run: Run) -> Place:
    return run.database()


@pytest.fixture(scope="module")
async def pair(own_database: Place) -> Pair:
    ours, theirs, row = uuid7(), uuid7(), uuid7()
    async with own_database.connect() as administrator:
        tables = sorted(await administrator.fetchval(TENANT_TABLES, list(WITHOUT_TENANT)))
        for table in await _referred_first(administrator, tables):
            for tenant_id in (ours, theirs):
                await administrator.execute(await _insertion(administrator, table, tenant_id, row))
    return Pair(own_database, tables, ours, theirs, row)


async def _referred_first(connection: asyncpg.Connection, tables: list[str]) -> list[str]:
    """What a row must refer to is there before it."""
    order: TopologicalSorter[str] = TopologicalSorter({table: set() for table in tables})
    for table, referred in await connection.fetch(REFERRED):
        order.add(table.strip('"'), referred.strip('"'))
    return list(order.static_order())


async def _insertion(connection: asyncpg.Connection, table: str, tenant_id: UUID, row: UUID) -> str:
    names, values = [], []
    for column in await connection.fetch(REQUIRED, table):
        names.append(column["name"])
        one = tenant_id if column["name"] == "tenant_id" else row
        value = f"'{one}'" if column["type"] == "uuid" else SOME_VALUE[column["type"]]
        values.append(LATER.get(column["name"], value))
    return f'insert into "{table}" ({", ".join(names)}) values ({", ".join(values)})'


async def seen(connection: asyncpg.Connection, source: str) -> set[UUID]:
    return {row[0] for row in await connection.fetch(f'select tenant_id from "{source}"')}


async def test_the_application_sees_the_rows_of_its_tenant_alone(pair: Pair) -> None:
    async with pair.place.connect("rapport_app", pair.ours) as application:
        for table in pair.tables:
            assert await seen(application, table) == {pair.ours}, table
            assert await seen(application, f"{table}_read") == {pair.ours}, table


async def test_without_a_tenant_the_application_sees_nothing(pair: Pair) -> None:
    async with pair.place.connect("rapport_app") as application:
        for unset in ("select 1", "select set_config('app.tenant', '', false)"):
            await application.execute(unset)
            for table in pair.tables:
                assert await seen(application, table) == set(), table
                assert await seen(application, f"{table}_read") == set(), table


async def test_the_application_cannot_write_into_another_tenant(pair: Pair) -> None:
    async with pair.place.connect() as administrator, pair.place.connect("rapport_app", pair.ours) as application:
        for table in pair.tables:
            smuggled = await _insertion(administrator, table, pair.theirs, uuid7())
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await application.execute(smuggled)


async def test_the_application_changes_no_row_of_another_tenant(pair: Pair) -> None:
    async with pair.place.connect("rapport_app", pair.ours) as application:
        for table in pair.tables:
            for right, statement in (
                ("UPDATE", f'update "{table}" set tenant_id = tenant_id'),
                ("DELETE", f'delete from "{table}"'),
            ):
                foreign = f"{statement} where tenant_id = '{pair.theirs}'"
                if right in LESS_THAN_EVERYTHING.get(table, right):
                    assert await application.execute(foreign) == f"{right} 0", table
                else:
                    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                        await application.execute(foreign)


async def test_the_work_role_sees_all_tenants_where_it_may_look_at_all(pair: Pair) -> None:
    async with pair.place.connect("rapport_work") as worker:
        for table in pair.tables:
            if table in READ_AND_WRITTEN_ACROSS_TENANTS:
                assert {pair.ours, pair.theirs} <= await seen(worker, table)
                continue
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await seen(worker, table)


async def test_the_owner_sees_all_tenants(pair: Pair) -> None:
    async with pair.place.connect("rapport_owner") as owner:
        for table in pair.tables:
            assert {pair.ours, pair.theirs} <= await seen(owner, table), table


async def test_a_partition_cannot_be_read_past_its_parent(pair: Pair) -> None:
    async with pair.place.connect("rapport_app", pair.ours) as application:
        partitions = await application.fetch(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'event'::regclass"
        )
        assert len(partitions) >= 5
        for (partition,) in partitions:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
                await application.fetch(f"select from {partition}")


async def test_a_reference_cannot_leave_its_tenant(pair: Pair) -> None:
    """The key covers the tenant, so the row that exists over there does not exist here."""
    theirs = uuid7()
    async with pair.place.connect() as administrator:
        await administrator.execute(await _insertion(administrator, "account", pair.theirs, theirs))
    async with pair.place.connect("rapport_app", pair.ours) as application:
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="account_parent_id_fkey"):
            await application.execute("update account set parent_id = $1 where id = $2", theirs, pair.row)


async def test_a_tenant_can_be_made_by_the_application_only_under_its_own_id(pair: Pair) -> None:
    insertion = "insert into tenant (tenant_id, name, time_zone, locale, currency) values ($1, 'x', 'UTC', 'en', 'EUR')"
    new = uuid7()
    async with pair.place.connect("rapport_app", new) as application:
        await application.execute(insertion, new)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await application.execute(insertion, uuid7())
