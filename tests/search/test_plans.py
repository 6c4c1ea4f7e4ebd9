"""Searches are planned once and read their index only, in the largest and in the smallest tenant."""

from collections.abc import AsyncIterator

import pytest

from app.api.listing import list_query
from app.domain.accounts.objects import CONTACT
from app.domain.accounts.service import ContactService
from app.domain.kernel.search import CANDIDATES, sought
from app.domain.records.search import search
from app.repositories.pool import Pool, Target
from tests.records.test_plans import PLANS, Watched, explained
from tests.run import Run
from tests.search.corpus import fill
from tests.world import Client, Place, running

LARGE, SMALL = 20_000, 20
WORDS = (
    "m",
    "an",
    "hof",
    "schmi",
    "hofmann",
    "anna hofmann",
    "fman",
    "hofmnan",
    "xqzxqz",
    "+49301000123",
    "example com",
)
WAYS = 4


@pytest.fixture(scope="module")
def place(run: Run) -> Place:
    return run.database()


@pytest.fixture(scope="module")
async def tenants(place: Place) -> dict[int, Client]:
    async with running(place) as world:
        filled = {number: await world.tenant() for number in (LARGE, SMALL)}
    for number, client in filled.items():
        await fill(place, client.tenant_id, number, seed=1)
    return filled


@pytest.fixture(params=[LARGE, SMALL], ids=["largest", "smallest"])
async def session(request: pytest.FixtureRequest, place: Place, tenants: dict[int, Client]) -> AsyncIterator[Watched]:
    pool = Pool(Target(place.url, "rapport_app", size=1))
    yield Watched(pool, tenants[request.param])
    await pool.close()


async def of_contacts(session: Watched, q: str) -> None:
    asked = list_query(CONTACT, [("q", q)], session.actor, session.schema)
    await ContactService(session).page(asked.query)


async def everywhere(session: Watched, q: str) -> None:
    await search(session, sought(q), (), 10)


@pytest.mark.parametrize("find", [of_contacts, everywhere], ids=lambda find: find.__name__)
@pytest.mark.parametrize("q", WORDS)
async def test_a_search_reads_no_more_than_its_candidates(place: Place, session: Watched, q: str, find: object) -> None:
    assert callable(find)
    await find(session, q)
    nodes = list(await explained(place, session, "analyze, "))
    scanned = [node for node in nodes if node.get("Relation Name") == "contact"]
    assert scanned
    assert [node["Node Type"] for node in scanned if node["Node Type"] == "Seq Scan"] == []
    indexes = {node["Index Name"] for node in nodes if node.get("Index Name", "").startswith("contact_")}
    assert indexes <= {"contact_search_idx", "contact_pkey"}
    rows = [node["Actual Rows"] * node["Actual Loops"] for node in scanned]
    assert sum(rows) <= WAYS * CANDIDATES + 51


@pytest.mark.parametrize("session", [LARGE], indirect=True)
async def test_a_search_of_a_large_tenant_is_planned_once(session: Watched) -> None:
    """In a small one PostgreSQL may find it cheaper to read the tenant, and plans for it."""
    for q in ("anna hofmann", "hans meiers", "anja bergen", "erik schmidts", "olga hirschs") * 2:
        await of_contacts(session, q)
    statement, _ = session.ran[-1]
    row = await session.read(PLANS, {"sql": statement.sql})
    assert row is not None
    assert (row["custom_plans"], row["generic_plans"]) == (5, 5)
