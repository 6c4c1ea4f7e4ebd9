"""Hot statements are planned once, and read through indexes, as the application role on a table of some size."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from time import monotonic
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.api.listing import list_query, page_body
from app.domain.accounts.objects import ACCOUNT, CONTACT
from app.domain.accounts.service import AccountService, ContactService
from app.domain.governance.service import administrator
from app.domain.kernel.claim import Claim
from app.domain.kernel.query import RecordQuery
from app.domain.registry import SCHEMA
from app.repositories.compile import Statement
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from tests.run import Run
from tests.world import Client, Place, running

ROWS = 3_000
PATIENCE_S = 60.0  # how long it takes is no matter here
FILL = """
insert into account (tenant_id, id, version, settle, created_at, modified_at, external_ids, custom,
                     name, status, employees, industry)
select $1::uuid, md5($1::uuid::text || n)::uuid, 1, 1, now() - n * interval '1 s', now() - n * interval '1 s', '{}', '{}',
       'Account ' || n % 97, 'active', nullif(n % 11, 0), 'Industry ' || n % 7
  from generate_series(1, $2) n
"""
FILL_CONTACTS = """
insert into contact (tenant_id, id, version, settle, created_at, modified_at, external_ids, custom, last_name, account_id)
select tenant_id, id, 1, 1, now(), now(), '{}', '{}', name, id from account where tenant_id = $1
"""
PLANS = Statement("select generic_plans, custom_plans from pg_prepared_statements where statement = $1", ("sql",), {})


class Watched(Session):
    """Remembers what it ran."""

    def __init__(self, pool: Pool, client: Client) -> None:
        super().__init__(
            pool, administrator(client.tenant_id, client.user_id), SCHEMA, deadline=monotonic() + PATIENCE_S
        )
        self.ran: list[tuple[Statement, list[Any]]] = []

    async def _row(self, statement: Statement, parameters: Any) -> asyncpg.Record | None:
        self.ran.append((statement, statement.arguments({**self._asking, **parameters})))
        return await super()._row(statement, parameters)


@pytest.fixture(scope="module")
def place(run: Run) -> Place:
    """A database of its own: what others write would change what PostgreSQL thinks of the tables."""
    return run.database()


@pytest.fixture(scope="module")
async def filled(place: Place) -> Client:
    """A tenant with its rows, beside another with as many."""
    async with running(place) as world:
        clients = [await world.tenant() for _ in range(2)]
    async with place.connect() as connection:
        for client in clients:
            await connection.execute(FILL, client.tenant_id, ROWS)
            await connection.execute(FILL_CONTACTS, client.tenant_id)
        await connection.execute("vacuum analyze account, contact")
    return clients[0]


@pytest.fixture
async def session(place: Place, filled: Client) -> AsyncIterator[Watched]:
    pool = Pool(Target(place.url, "rapport_app", size=1))
    yield Watched(pool, filled)
    await pool.close()


def queries(session: Session, *pairs: tuple[str, str]) -> RecordQuery:
    return list_query(ACCOUNT, pairs, session.actor, SCHEMA).query


async def account_ids(session: Session) -> list[UUID]:
    page = await AccountService(session).page(queries(session, ("limit", "200"), ("fields", "id")))
    return [UUID(one["id"]) for one in json.loads(page.records)]


async def get(session: Session, n: int) -> None:
    await AccountService(session).get((await account_ids(session))[n])


async def first_page(session: Session, n: int) -> None:
    await AccountService(session).page(queries(session, ("limit", str(n + 1))))


async def sorted_by_name(session: Session, n: int) -> None:
    await AccountService(session).page(queries(session, ("limit", str(n + 1)), ("sort", "name")))


async def sorted_by_a_nullable_field(session: Session, n: int) -> None:
    await AccountService(session).page(queries(session, ("limit", str(n + 1)), ("sort", "-employees")))


async def deep_page(session: Session, n: int) -> None:
    await _behind(session, ("sort", "-modifiedAt"), ("limit", str(n + 5)))


async def deep_page_of_a_nullable_field(session: Session, n: int) -> None:
    await _behind(session, ("sort", "employees"), ("limit", str(n + 5)))


async def _behind(session: Session, *pairs: tuple[str, str]) -> None:
    """The second page of a list; the first is read, too."""
    asked = list_query(ACCOUNT, pairs, session.actor, SCHEMA)
    page = json.loads(page_body(await AccountService(session).page(asked.query), asked.binding))
    await AccountService(session).page(queries(session, *pairs, ("cursor", page["page"]["nextCursor"])))


async def children_of_one(session: Session, n: int) -> None:
    parent = str((await account_ids(session))[n])
    asked = list_query(CONTACT, [("accountId", parent)], session.actor, SCHEMA)
    await ContactService(session).page(asked.query)


numbers = count()


async def create(session: Session, n: int) -> None:
    parent = (await account_ids(session))[n]
    data = ACCOUNT.create.model_validate({"name": "New", "parentId": str(parent)}, strict=False)
    await AccountService(session).create(data, Claim(f"plan {next(numbers)}", b"x", 201))


async def change(session: Session, n: int) -> None:
    patch = ACCOUNT.update.model_validate({"industry": f"Industry {next(numbers)}"})
    await AccountService(session).update((await account_ids(session))[n], patch)


Hot = Callable[[Session, int], Awaitable[None]]
READS: list[Hot] = [
    get,
    first_page,
    sorted_by_name,
    sorted_by_a_nullable_field,
    deep_page,
    deep_page_of_a_nullable_field,
    children_of_one,
]
WRITES: list[Hot] = [create, change]


@pytest.mark.parametrize("hot", [*READS, *WRITES], ids=lambda hot: hot.__name__)
async def test_a_hot_statement_reaches_its_generic_plan(session: Watched, hot: Hot) -> None:
    for n in range(10):
        await hot(session, n)
    statement, _ = session.ran[-1]
    row = await session.read(PLANS, {"sql": statement.sql})
    assert row is not None
    assert (row["custom_plans"], row["generic_plans"]) == (5, 5)


@pytest.mark.parametrize("hot", READS, ids=lambda hot: hot.__name__)
async def test_a_hot_read_looks_at_no_more_rows_than_it_shows(place: Place, session: Watched, hot: Hot) -> None:
    await hot(session, 1)
    nodes = list(await explained(place, session, "analyze, "))
    assert [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"] == []
    scanned = [node for node in nodes if node.get("Relation Name") in ("account", "contact")]
    assert scanned
    removed = sum(node.get("Rows Removed by Filter", 0) * node["Actual Loops"] for node in scanned)
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scanned) + removed <= 2 * 51


@pytest.mark.parametrize("hot", WRITES, ids=lambda hot: hot.__name__)
async def test_a_hot_write_finds_its_rows_by_index(place: Place, session: Watched, hot: Hot) -> None:
    await hot(session, 1)
    nodes = list(await explained(place, session, ""))
    assert [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"] == []
    assert any(node.get("Index Name") == "account_pkey" for node in nodes)


async def explained(place: Place, session: Watched, options: str) -> Iterator[dict[str, Any]]:
    """The nodes of the generic plan of what the session ran last."""
    statement, arguments = session.ran[-1]
    literals = ", ".join(literal(one) for one in arguments)
    async with place.connect("rapport_app", session.actor.tenant_id) as connection:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        await connection.execute(f"prepare hot as {statement.sql}")
        plan = await connection.fetchval(f"explain ({options}format json) execute hot({literals})")
    return nodes_of(json.loads(plan)[0]["Plan"])


def nodes_of(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes_of(child)


def literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if isinstance(value, list):
        return f"array[{', '.join(map(literal, value))}]" if value else "'{}'"
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    return "'" + text.replace("'", "''") + "'"
