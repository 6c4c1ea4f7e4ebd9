"""Filters find their rows by index, in the largest tenant and in the smallest, also after ten executions."""

import json
from datetime import UTC, datetime
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.expression.checker import check
from app.domain.kernel.expression.tree import Expression
from app.domain.kernel.query import WHOLE, RecordQuery, Sort
from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from app.repositories import compile as compiling
from app.repositories import condition
from app.repositories.condition import matching
from app.repositories.pool import Pool, Target
from app.repositories.reading import PageShape, page
from app.repositories.records import Records
from app.repositories.session import Session
from tests.records.test_plans import literal, nodes_of
from tests.run import Run
from tests.world import Place

LARGE, SMALL = UUID(int=1), UUID(int=2)
ROWS = {LARGE: 20_000, SMALL: 50}
SCHEMA = Schema(CATALOG)
FILL = """
insert into account (tenant_id, id, version, settle, created_at, modified_at, name, status, employees, industry)
select $1::uuid, md5($1::uuid::text || n)::uuid, 1, 1, now(), now() - n * interval '1 s', 'Account ' || n, 'active', n,
       'Industry ' || n % 7
  from generate_series(1, $2) n
"""
FILL_CONTACTS = """
insert into contact (tenant_id, id, version, settle, created_at, modified_at, last_name, email, account_id, external_ids)
select tenant_id, id, 1, 1, created_at, modified_at, name, employees || '@example.com', id,
       jsonb_build_object('sap', name) from account where tenant_id = $1
"""
FILL_OPPORTUNITIES = """
with one as (
  insert into pipeline (tenant_id, id, version, settle, created_at, modified_at, name, is_default, stages, won_reasons,
                        lost_reasons, reopen_role)
  values ($1, $1, 1, 1, now(), now(), 'Sales', true, '[]', '{}', '{}', 'admin')
), stage as (insert into pipeline_stage (tenant_id, pipeline_id, key) values ($1, $1, 'engaging'))
insert into opportunity (tenant_id, id, version, settle, created_at, modified_at, name, stage, amount, amount_currency,
                         account_id, pipeline_id, status, forecast_category, probability_overridden, stage_changed_at)
select tenant_id, id, 1, 1, created_at, modified_at, name, 'engaging', employees, 'EUR', id, $1, 'open', 'pipeline', false,
       created_at
  from account where tenant_id = $1
"""
FILL_KEYS = """
insert into external_id (tenant_id, object, system, value, record_id)
select tenant_id, 'contact', 'sap', last_name, id from contact where tenant_id = $1
"""
FILTERS = [
    ("opportunity", "amount < 6", "opportunity_amount_idx"),
    ("opportunity", "amount in [3, 4.0, 4.5]", "opportunity_amount_idx"),
    ("account", "employees <= 5.5", "account_employees_idx"),
    ("account", "!(employees > 5)", "account_employees_idx"),
    ("account", "employees in [3, 4.0, 4.5]", "account_employees_idx"),
    ("account", 'name == "Account 7"', "account_name_idx"),
    ("contact", 'account.name == "Account 7"', "account_name_idx"),
    ("contact", 'account.name in ["Account 7", "Account 8"] && has(email)', "contact_account_id_idx"),
    ("account", 'contacts.exists(c, c.email == "7@example.com")', "contact_email_idx"),
    ("contact", 'externalIds.sap == "Account 7"', "external_id_pkey"),
]


def actor(tenant_id: UUID, user_id: UUID) -> Actor:
    return Actor(tenant_id, user_id, user_id, Role.admin, frozenset({"admin"}), 1)


@pytest.fixture(scope="module")
def place(run: Run) -> Place:
    """A database of its own: what others write would change what PostgreSQL thinks of the tables."""
    return run.database()


@pytest.fixture(scope="module")
async def filled(place: Place) -> Place:
    async with place.connect() as connection:
        for tenant, rows in ROWS.items():
            await connection.execute(FILL, tenant, rows)
            for fill in (FILL_CONTACTS, FILL_OPPORTUNITIES, FILL_KEYS):
                await connection.execute(fill, tenant)
        await connection.execute("vacuum analyze account, contact, opportunity, external_id")
    return place


async def looked_at(place: Place, tenant: UUID, statement: Any, arguments: tuple[Any, ...], repeated: int) -> "Plan":
    """The plan of the execution after `repeated` others, with what it did."""
    compiled = compiling.compile_statement(statement)
    parameters = {f"a{n}": one for n, one in enumerate(arguments)} | {"tenant": tenant, "limit": 50}
    given = ", ".join(written(one) for one in compiled.arguments(parameters))
    async with place.connect("rapport_app", tenant) as connection:
        await connection.execute(f"prepare hot as {compiled.sql}")
        for _ in range(repeated):
            await connection.execute(f"execute hot({given})")
        plan = await connection.fetchval(f"explain (analyze, format json) execute hot({given})")
    return Plan(list(nodes_of(json.loads(plan)[0]["Plan"])))


def written(value: Any) -> str:
    return literal(
        "{" + ",".join(json.dumps(str(one)) for one in value) + "}" if isinstance(value, list | tuple) else value
    )


class Plan:
    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        self.indexes = {node["Index Name"] for node in nodes if "Index Name" in node}
        self.rows = sum(self._rows(node) for node in nodes if "Relation Name" in node)

    def _rows(self, node: dict[str, Any]) -> float:
        removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        return float(node["Actual Rows"] + removed) * float(node["Actual Loops"])


def found(kind: str, text: str) -> tuple[Any, tuple[Any, ...]]:
    """How many records fulfil the filter."""
    expression = check(text, CATALOG[kind], SCHEMA, actor(LARGE, LARGE)).expression
    source = compiling.read_view(CATALOG[kind].table)
    rows, matches = matching(expression.shape, source, SCHEMA)
    seen = compiling.visible(CATALOG[kind], source, SCHEMA)
    return select(func.count()).select_from(rows).where(seen, matches), expression.arguments


@pytest.mark.parametrize(("kind", "text", "index"), FILTERS, ids=[text for _, text, _ in FILTERS])
async def test_a_filter_finds_few_records_by_index(filled: Place, kind: str, text: str, index: str) -> None:
    for repeated in (0, 10):
        plan = await looked_at(filled, LARGE, *found(kind, text), repeated)
        assert index in plan.indexes
        assert plan.rows <= 50


async def test_a_negated_comparison_of_an_amount_finds_few_records_by_index(filled: Place) -> None:
    """Where row security is forced on the owner of the view, PostgreSQL withholds the statistics of amounts from
    itself (comparing them is not leakproof), takes half of the rows for a match, and would rather walk."""
    async with filled.connect() as administrator:
        await administrator.execute("alter table opportunity no force row level security")
        try:
            plan = await looked_at(filled, LARGE, *found("opportunity", "!(amount >= 6)"), 0)
        finally:
            await administrator.execute("alter table opportunity force row level security")
    assert "opportunity_amount_idx" in plan.indexes
    assert plan.rows <= 50


async def test_a_negation_that_is_not_pushed_into_the_comparison_is_seen_to_walk(
    filled: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(condition, "_FAILS", {})
    plan = await looked_at(filled, LARGE, *found("account", "!(employees > 5)"), 0)
    assert plan.rows >= ROWS[LARGE]


@pytest.mark.parametrize(("kind", "text"), [one[:2] for one in FILTERS], ids=[text for _, text, _ in FILTERS])
async def test_a_filter_of_a_small_tenant_never_walks_through_a_large_one(filled: Place, kind: str, text: str) -> None:
    for repeated in (0, 10):
        plan = await looked_at(filled, SMALL, *found(kind, text), repeated)
        assert plan.rows <= 4 * ROWS[SMALL]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("contact", 'account.industry in ["Industry 1", "Industry 2"]'),
        ("contact", '!(account.industry == "Industry 1")'),
        ("account", "contacts.exists(c, has(c.email))"),
        ("account", "contacts.count(c, has(c.email)) == 1"),
        ("account", "contacts.all(c, has(c.email))"),
    ],
)
async def test_a_page_of_a_relation_filter_stops_when_it_is_full(filled: Place, kind: str, text: str) -> None:
    expression = check(text, CATALOG[kind], SCHEMA, actor(LARGE, LARGE)).expression
    sort = (Sort("modified_at", descending=True),)
    shape = PageShape(expression.shape, expression.shape_hash, sort, None, WHOLE, bound=50, counted=False)
    for tenant, repeated in product(ROWS, (0, 10)):
        plan = await looked_at(filled, tenant, page(CATALOG[kind], shape, SCHEMA), expression.arguments, repeated)
        assert plan.rows <= 4_000


class Unanswered(Session):
    """Takes note of the statements and lets PostgreSQL alone."""

    def __init__(self, asking: Actor, schema: Schema, noted: set[int]) -> None:
        super().__init__(Pool(Target("", "")), asking, schema)
        self._noted = noted

    async def read(self, statement: compiling.Statement, parameters: Any) -> Any:
        given = {"tenant": self.actor.tenant_id, "owners": self.actor.owners, **parameters}
        assert self.actor.id in statement.arguments(given)
        self._noted.add(id(statement))
        return {"records": None, "last": None, "has_more": False, "total": None}


async def test_a_thousand_users_of_a_hundred_tenants_share_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.repositories.records.CACHE", cache := compiling.StatementCache())
    noted: set[int] = set()
    for n in range(1_000):
        asking = actor(UUID(int=n % 100), UUID(int=10_000 + n))
        schema = Schema(CATALOG, version=n % 100)
        text = f'employees > {n} && owner.name != "{n}" && ownerId == me() && createdAt > now() - duration("{n}d")'
        expression = check(text, CATALOG["account"], schema, asking).expression
        now = datetime(2026, 11, 22, tzinfo=UTC)
        bound = Expression(expression.shape, expression.bound(now=now, today=now.date(), me=asking.id))
        query = RecordQuery(where=bound, sort=(Sort("modified_at", descending=True),), limit=1 + n % 50)
        await Records(Unanswered(asking, schema, noted), CATALOG["account"]).page(query)
    assert (len(cache), len(noted)) == (1, 1)
