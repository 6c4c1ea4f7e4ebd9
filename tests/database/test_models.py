"""The classes that SQL is compiled from, and the declarations of the objects, say what the database has."""

import asyncpg
import pytest
from sqlalchemy import MetaData, Table
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from app.domain.kernel.object_type import ALWAYS_SORTABLE, AnyObject
from app.domain.kernel.record import Base
from app.domain.registry import CATALOG, OBJECT_TYPES
from app.repositories.tenant_table import tenant_table
from app.repositories.verify_schema import RULES

DIALECT = PGDialect_asyncpg()
TABLES = sorted(Base.metadata.tables.values(), key=lambda table: table.name)
COLUMNS = """
select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute
 where attrelid = quote_ident($1)::regclass and attnum > 0 and not attisdropped
"""
KEYS = """
select conname::text from pg_constraint where conrelid = quote_ident($1)::regclass and contype = 'f'
union all
select relname from pg_class join pg_index on indexrelid = oid and indrelid = quote_ident($1)::regclass
"""
SEARCHED = """
select column_name::text from information_schema.column_column_usage
 where table_name = $1 and dependent_column = 'search'
"""


BESIDE = {
    "opportunity": {"opportunity_stage_fkey", "opportunity_board", "opportunity_forecast", "opportunity_figures"},
    "pipeline": {"pipeline_is_default_key"},
    "scoring_model": {"scoring_model_active_key"},
    "lead_form": {"form_key_lookup"},
    "quote": {"quote_opportunity_id_key", "quote_revision_key"},
    "price_book": {"price_book_currency_id_key"},
    "price_book_entry": {"price_book_entry_unit_price_currency_idx", "price_book_entry_unit_price_currency_fkey"},
}
"""Keys of a table that no member of a declaration stands for: what a module of its own asks and promises."""


def columns_of(table: Table) -> dict[str, tuple[str, bool]]:
    return {column.name: (column.type.compile(DIALECT).lower(), not column.nullable) for column in table.columns}


def keys_of(kind: AnyObject) -> set[str]:
    """As they are named, because a refusal is explained by the name of the key that refused."""
    table, references = kind.table.name, kind.all_references
    indexed = {*kind.sortable, *ALWAYS_SORTABLE, *references}
    return {
        f"{table}_pkey",
        *(f"{table}_{column}_idx" for column in indexed),
        *(f"{table}_{column}_fkey" for column in references),
        *(f"{table}_{column}_key" for column in kind.unique),
        *(f"{table}_{column}_key" for column in kind.unique_together[-1:]),
        *([f"{table}_search_idx"] if kind.searchable else []),
        *BESIDE.get(table, ()),
    }


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
async def test_a_model_has_the_columns_of_its_table(spoilt: asyncpg.Connection, table: Table) -> None:
    found = {name: (type_, required) for name, type_, required in await spoilt.fetch(COLUMNS, table.name)}

    assert columns_of(table) == found


@pytest.mark.parametrize("kind", OBJECT_TYPES, ids=lambda kind: kind.name)
async def test_a_declared_object_has_its_keys_and_indexes(spoilt: asyncpg.Connection, kind: AnyObject) -> None:
    assert keys_of(kind) == {row[0] for row in await spoilt.fetch(KEYS, kind.table.name)}


@pytest.mark.parametrize("kind", OBJECT_TYPES, ids=lambda kind: kind.name)
async def test_a_declared_object_is_searched_in_the_texts_of_its_table(
    spoilt: asyncpg.Connection, kind: AnyObject
) -> None:
    searched = {row[0] for row in await spoilt.fetch(SEARCHED, kind.table.name)}

    assert searched == ({*kind.searchable, "external_ids"} if kind.searchable else set())


async def test_the_table_of_a_new_object_obeys_every_rule(spoilt: asyncpg.Connection) -> None:
    """A sixth object is a call of the function that the migrations call, with what its declaration says."""
    like = CATALOG["account"]
    ticket = like.table.to_metadata(MetaData(), name="ticket")
    statements = tenant_table(
        ticket,
        references={column: reference.to for column, reference in like.all_references.items()},
        unique=("website",),
        sortable=sorted(like.sortable | ALWAYS_SORTABLE),
        searchable=like.searchable,
    )
    await spoilt.execute("set local role rapport_owner")
    await spoilt.execute(";".join(statements))
    await spoilt.execute("reset role")

    for rule in RULES:
        assert await rule.breaches(spoilt) == [], rule.name
    keys = {key.replace("account", "ticket", 1) for key in keys_of(like)} | {"ticket_website_key"}
    assert keys == {row[0] for row in await spoilt.fetch(KEYS, "ticket")}
