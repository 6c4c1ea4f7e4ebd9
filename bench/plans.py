"""The plans of what is measured: generic, as the application role, with what it really read."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import asyncpg

from app.api.listing import list_query
from app.domain.kernel.actor import Actor, Role, as_array
from app.domain.kernel.query import WHOLE
from app.domain.kernel.schema import Schema
from app.domain.kernel.search import sought
from app.domain.registry import CATALOG, SCHEMA
from app.repositories import reading
from app.repositories.compile import Statement, compile_statement
from app.repositories.search import everywhere
from bench.fill import Data, Tenant
from bench.guard import GUARDED
from bench.searching import as_application
from bench.servers import Place
from bench.write_plans import Taken, writes

EXECUTIONS = 10


def save_plans(folder: Path, plans: Iterable[tuple[str, str]]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in plans:
        (folder / f"{name}.txt").write_text(text + "\n")


def plans_of_records(place: Place, data: Data) -> list[tuple[str, str]]:
    """Of every statement of the generic paths, by the name of its file."""
    return asyncio.run(_plans(place, data.tenants[0]))


async def _plans(place: Place, tenant: Tenant) -> list[tuple[str, str]]:
    connection = await as_application(place, tenant)
    try:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        plans = [
            (name, await explained(connection, statement, statement.arguments(parameters)))
            for name, statement, parameters in _statements(tenant)
        ]
        for schema, prefix in ((GUARDED, ""), (SCHEMA, "plain-")):
            for name, write in (await writes(place.url, tenant, schema)).items():
                plans.append((prefix + name, await _plan_of_write(connection, write)))
        return plans
    finally:
        await connection.close()


async def _plan_of_write(connection: asyncpg.Connection, write: Taken) -> str:
    """Run once, for it would find its own traces, and rolled back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        return await explained(connection, write.statement, write.arguments, executions=0)
    finally:
        await transaction.rollback()


async def explained(
    connection: asyncpg.Connection, statement: Statement, arguments: list[Any], executions: int = EXECUTIONS
) -> str:
    """Prepared in SQL: what EXPLAIN is given as a parameter it would plan for that value, which no later call does."""
    given = ", ".join(map(_literal, arguments))
    await connection.execute(f"prepare measured as {statement.sql}")
    for _ in range(executions):
        await connection.execute(f"execute measured ({given})")
    rows = await connection.fetch(f"explain (analyze, buffers) execute measured ({given})")
    await connection.execute("deallocate measured")
    return f"{statement.sql}\n\n" + "\n".join(row[0] for row in rows)


def _literal(value: Any) -> str:
    """Of our own arguments: ids, numbers, words, lists of them, JSON and bytes."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        value = json.dumps(value)
    if isinstance(value, bytes):
        value = f"\\x{value.hex()}"
    text = "{" + ",".join(f'"{one}"' for one in value) + "}" if isinstance(value, list | tuple) else str(value)
    return "'" + text.replace("'", "''") + "'"


def _statements(tenant: Tenant) -> Iterator[tuple[str, Statement, dict[str, Any]]]:
    actor = Actor(
        tenant.id, tenant.user_id, tenant.user_id, Role.member, frozenset({"admin"}), 1, owners=as_array(tenant.owners)
    )
    given = {"tenant": tenant.id, "owners": as_array(tenant.owners), "me": tenant.user_id, "any_owner": False}
    lists = {
        "list": ("contact", [("lastName[gte]", "N"), ("sort", "lastName")]),
        "list-money": ("opportunity", [("amount[gt]", "50000"), ("sort", "-amount")]),
    }
    for schema, prefix in ((GUARDED, ""), (SCHEMA, "plain-")):
        one = compile_statement(reading.one(CATALOG["contact"], WHOLE, schema))
        yield f"{prefix}get", one, {**given, "id": tenant.contact(1)}
        load = compile_statement(reading.values(CATALOG["contact"], schema))
        yield f"{prefix}load", load, {**given, "id": tenant.contact(1)}
        for name, (kind, pairs) in lists.items():
            yield f"{prefix}{name}", *_list(kind, pairs, actor, schema, given)
    wanted = sought("Lovel")
    found = compile_statement(everywhere([CATALOG["contact"]], wanted.shape, SCHEMA))
    yield "search", found, {**given, **wanted.parameters(), "limit": 10}


def _list(
    name: str, pairs: list[tuple[str, Any]], actor: Actor, schema: Schema, given: dict[str, Any]
) -> tuple[Statement, dict[str, Any]]:
    kind = CATALOG[name]
    query = list_query(kind, pairs, actor, schema).query
    bound = reading.bound_for(query.limit)
    shape = reading.PageShape(
        query.where.shape, query.where.shape_hash, query.sort, None, query.view, bound, query.counted
    )
    arguments = {f"a{place}": value for place, value in enumerate(query.where.arguments)}
    return compile_statement(reading.page(kind, shape, schema)), {**given, **arguments, "limit": query.limit}
