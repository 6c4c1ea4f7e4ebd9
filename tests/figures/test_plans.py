"""Figures over many opportunities read nothing but their two indexes, in a tenant among others."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from app.api.listing import list_query
from app.domain.figures.service import FiguresService, Question
from app.domain.pipeline.objects import OPPORTUNITY
from app.repositories.pool import Pool, Target
from tests.factories.pipeline import make_pipeline
from tests.records.test_plans import Watched, literal, nodes_of
from tests.run import Run
from tests.world import Client, Place, running

DEALS = 10_000
FILL = """
insert into opportunity (tenant_id, id, version, settle, created_at, modified_at, external_ids, custom, name, pipeline_id,
                         stage, status, forecast_category, probability_overridden, stage_changed_at, close_date, amount,
                         amount_currency, closed_at)
select $1::uuid, md5($1::uuid::text || n)::uuid, 1, 1, at, at, '{}', '{}', repeat('Deal ', 40) || n, $2, stage,
       case stage when 'closedWon' then 'won' when 'closedLost' then 'lost' else 'open' end, 'pipeline', false, at,
       at::date + 90, n, 'EUR', at
  from generate_series(1, $3) n,
       lateral (select timestamptz '2024-01-01' + n % 1000 * interval '1 day' as at,
                       (array['prospecting', 'engaging', 'closedWon', 'closedLost'])[1 + n % 4] as stage) drawn
"""
FILL_STAYS = """
insert into stage_history (tenant_id, opportunity_id, id, pipeline_id, stage, entered_at, left_at, next_stage, imported)
select tenant_id, id, gen_random_uuid(), pipeline_id, one.stage, created_at + one.after, created_at + one.until, one.next, false
  from opportunity,
       lateral (values ('prospecting', interval '0', interval '20 days', 'engaging'),
                       ('engaging', interval '20 days', interval '40 days', stage),
                       (stage, interval '40 days', null, null)) as one (stage, after, until, next)
 where tenant_id = $1
"""
# Rows that somebody else who looks at the database might not see yet, as its own autovacuum, are left out by a vacuum.
ALL_VISIBLE = """
select bool_and(relpages > 0 and relallvisible = relpages) from pg_class
 where oid in ('opportunity'::regclass, 'stage_history'::regclass)
"""


@pytest.fixture(scope="module")
def place(run: Run) -> Place:
    """A database of its own: what others write would change what PostgreSQL thinks of the tables."""
    return run.database()


@pytest.fixture(scope="module")
async def filled(place: Place) -> tuple[Client, UUID]:
    """A tenant and its pipeline, beside another with as many deals."""
    async with running(place) as world:
        clients = [await world.tenant() for _ in range(2)]
        pipelines = [UUID((await make_pipeline(client))["id"]) for client in clients]
    async with place.connect() as connection:
        for client, pipeline in zip(clients, pipelines, strict=True):
            await connection.execute(FILL, client.tenant_id, pipeline, DEALS)
            await connection.execute(FILL_STAYS, client.tenant_id)
        while not await connection.fetchval(ALL_VISIBLE):
            await connection.execute("vacuum analyze opportunity, stage_history")
    return clients[0], pipelines[0]


@pytest.fixture
async def session(place: Place, filled: tuple[Client, UUID]) -> AsyncIterator[Watched]:
    pool = Pool(Target(place.url, "rapport_app", size=1))
    yield Watched(pool, filled[0])
    await pool.close()


def asked(session: Watched, first: date, last: date, *pairs: tuple[str, str]) -> Question:
    where = list_query(OPPORTUNITY, pairs, session.actor, session.schema).query.where
    return Question(where, first, last)


Ask = Callable[[FiguresService, Question, UUID], Awaitable[bytes]]
FIGURES: dict[str, Ask] = {
    "win rates": lambda figures, question, _: figures.win_rates(question, "total"),
    "won": lambda figures, question, _: figures.won(question, "owner", "month"),
    "velocity": lambda figures, question, _: figures.velocity(question, "pipeline"),
    "stage conversion": lambda figures, question, pipeline: figures.stage_conversion(question, pipeline),
    "ageing": lambda figures, question, _: figures.ageing(question),
}
PERIODS = ((date(2025, 1, 1), date(2025, 3, 31)), (date.min, date.max))


@pytest.mark.parametrize("period", PERIODS, ids=["quarter", "all"])
@pytest.mark.parametrize("name", FIGURES)
async def test_a_figure_reads_by_its_index_alone(
    place: Place, session: Watched, filled: tuple[Client, UUID], name: str, period: tuple[date, date]
) -> None:
    await FIGURES[name](FiguresService(session), asked(session, *period), filled[1])
    expected = [("Index Only Scan", "opportunity_figures", 0)]
    if name == "stage conversion":
        expected.append(("Index Only Scan", "stage_history_figures", 0))
    assert await scans(place, session, "stage_history" if "stage" in name else "opportunity") == expected


async def test_a_figure_that_reads_the_table_is_seen(place: Place, session: Watched) -> None:
    question = asked(session, date.min, date.max, ("filter", 'name != "Acme"'))
    await FiguresService(session).win_rates(question, "total")
    ((kind, *_),) = await scans(place, session, "opportunity")
    assert kind != "Index Only Scan"


async def scans(place: Place, session: Watched, table: str) -> list[tuple[str, str | None, int | None]]:
    """How the statement over `table` reads opportunities and stays."""
    return sorted(
        (node["Node Type"], node.get("Index Name"), node.get("Heap Fetches"))
        for node in await explained(place, session, table)
        if node.get("Relation Name") in ("opportunity", "stage_history")
    )


async def explained(place: Place, session: Watched, table: str) -> list[dict[str, Any]]:
    """The nodes of the plan of the statement over `table`, by the settings that the session gave it."""
    place_of = next(n for n, (one, _) in enumerate(session.ran) if f"{table}_read" in one.sql)
    (settings, _), (statement, arguments) = session.ran[place_of - 1 : place_of + 1]
    async with place.connect("rapport_app", session.actor.tenant_id) as connection, connection.transaction():
        await connection.execute(settings.sql)
        await connection.execute(f"prepare hot as {statement.sql}")
        literals = ", ".join(literal(one) for one in arguments)
        plan = await connection.fetchval(f"explain (analyze, format json) execute hot({literals})")
    return list(nodes_of(json.loads(plan)[0]["Plan"]))
