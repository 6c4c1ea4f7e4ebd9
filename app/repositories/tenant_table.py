"""How a table of tenants is made: keys, indexes, row-level security, grants and its read view.

Migrations call it, and so does a test that declares an object of its own: there is no second way to make such a table.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import CheckConstraint, MetaData, Table, Text, make_url
from sqlalchemy.schema import CreateTable

OWNER, APP, WORK = "rapport_owner", "rapport_app", "rapport_work"
EVERYTHING = "select, insert, update, delete"

# Every search reads what is pending, and the write that fills it up has to sort it in.
PENDING = " WITH (gin_pending_list_limit = 256)"

_DIALECT = make_url("postgresql+asyncpg://").get_dialect()()
_quoted = _DIALECT.identifier_preparer.quote


def tenant_table(
    table: Table,
    *,
    references: Mapping[str, str] | None = None,
    unique: Sequence[str] = (),
    unique_together: Sequence[str] = (),
    sortable: Sequence[str] = (),
    searchable: Sequence[str] = (),
    grants: str = EVERYTHING,
) -> list[str]:
    """The statements that make `table`, to be run in order as rapport_owner.

    `references` maps a column to the table whose record it names, `unique` columns are so within a tenant and
    `unique_together` ones as a whole, `sortable` ones are what a list may be ordered by, `searchable` ones what quick search looks in. An amount and its
    `<amount>_currency` are null together.
    """
    references = references or {}
    return [
        _created(table),
        *(_foreign_key(table.name, column, target) for column, target in references.items()),
        *(_unique_key(table, column) for column in unique),
        *([_unique_key(table, *unique_together)] if unique_together else []),
        *(_index(table, column) for column in dict.fromkeys((*sortable, *references))),
        *protected(table.name, [column.name for column in table.c], grants),
        *(search_document(table.name, [column.name for column in table.c], searchable) if searchable else ()),
    ]


def protected(name: str, columns: Sequence[str], grants: str) -> list[str]:
    """Row-level security, grants and the read view of a table that exists.

    Without the policy of the owner a backfill would change no row and say nothing; with FORCE even the owner obeys.
    """
    table = _quoted(name)
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} TO {APP} USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())",
        f"CREATE POLICY owner ON {table} TO {OWNER} USING (true) WITH CHECK (true)",
        f"GRANT {grants} ON {table} TO {APP}",
        read_view(name, columns),
        f"GRANT SELECT ON {_quoted(name + '_read')} TO {APP}",
    ]


def read_view(name: str, columns: Sequence[str]) -> str:
    """What generic reads select from: the owner's view lets every index work, which RLS does not for many operators.

    A migration that adds a column runs this again with the new column at the end.
    """
    shown = ", ".join(_quoted(column) for column in columns)
    view, table = _quoted(name + "_read"), _quoted(name)
    return f"CREATE OR REPLACE VIEW {view} AS SELECT {shown} FROM {table} WHERE tenant_id = app_tenant()"  # noqa: S608  # quoted names only


def search_document(name: str, columns: Sequence[str], texts: Sequence[str] | None) -> list[str]:
    """Makes `search` of a record table the document of these texts and the external ids, or none of it.

    Of a list of objects one member is such a text: `other_emails.address`.

    PostgreSQL writes the column, whatever statement writes the row. Words begin and end with a space in it, so that
    trigrams find where a word begins; whole words are indexed as well, because a word has dozens of trigrams.
    """
    table, index, view = _quoted(name), _quoted(name + "_search_idx"), _quoted(name + "_read")
    generated, indexes = "", []
    if texts is not None:
        shown = [_searched(*text.split(".")) for text in texts]
        document = " || ' ' || ".join((*shown, "jsonb_path_query_array(external_ids, '$.*')::text"))
        generated = f" GENERATED ALWAYS AS (app_search({document})) STORED"
        words = "array_remove(string_to_array(search, ' '), '')"
        indexes = [f"CREATE INDEX {index} ON {table} USING gin (tenant_id, search gin_trgm_ops, ({words})){PENDING}"]
    return [
        f"DROP VIEW {view}",
        f"ALTER TABLE {table} DROP COLUMN search",
        f"ALTER TABLE {table} ADD COLUMN search text{generated}",
        *indexes,
        read_view(name, [*(column for column in columns if column != "search"), "search"]),
        f"GRANT SELECT ON {view} TO {APP}",
    ]


def _searched(text: str, member: str | None = None) -> str:
    column = _quoted(text)
    return f"coalesce({column}, '')" if member is None else f"jsonb_path_query_array({column}, '$[*].{member}')::text"


def across_tenants(name: str, grants: str) -> list[str]:
    """What the work role may do with a table's rows of every tenant: claim, relay, purge."""
    table = _quoted(name)
    return [
        f"CREATE POLICY work ON {table} TO {WORK} USING (true) WITH CHECK (true)",
        f"GRANT {grants} ON {table} TO {WORK}",
    ]


def _created(table: Table) -> str:
    own = table.to_metadata(MetaData())
    for column in [one.name for one in table.c]:
        if column + "_currency" in table.c:
            both = f"({_quoted(column)} IS NULL) = ({_quoted(column + '_currency')} IS NULL)"
            own.append_constraint(CheckConstraint(both, name=f"{table.name}_{column}_currency_check"))
    return str(CreateTable(own).compile(dialect=_DIALECT)).strip()


def _foreign_key(name: str, column: str, target: str) -> str:
    """Over the tenant as well, so that no reference can leave it."""
    key = _quoted(f"{name}_{column}_fkey")
    columns = f"(tenant_id, {_quoted(column)})"
    return (
        f"ALTER TABLE {_quoted(name)} ADD CONSTRAINT {key} FOREIGN KEY {columns} "
        f"REFERENCES {_quoted(target)} (tenant_id, id)"
    )


def _unique_key(table: Table, *columns: str) -> str:
    key = _quoted(f"{table.name}_{columns[-1]}_key")
    indexed = ", ".join(_indexed(table, column) for column in columns)
    return f"CREATE UNIQUE INDEX {key} ON {_quoted(table.name)} (tenant_id, {indexed})"


def _index(table: Table, column: str) -> str:
    index = _quoted(f"{table.name}_{column}_idx")
    return f"CREATE INDEX {index} ON {_quoted(table.name)} (tenant_id, {_indexed(table, column)}, id)"


def _indexed(table: Table, column: str) -> str:
    """Order is by code point wherever the product runs, whatever the collation of the database."""
    is_text = isinstance(table.c[column].type, Text)
    return _quoted(column) + (' COLLATE "C"' if is_text else "")
