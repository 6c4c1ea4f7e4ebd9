"""What rests on a field that the viewer may not see counts, and shows nothing of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from tests.factories.leads import make_lead
from tests.factories.scoring import make_scoring_model, scoring_rule
from tests.scoring.waiting import explained
from tests.world import Client, World, running

RULES = [
    scoring_rule("employees >= 200", 30, "large"),
    scoring_rule('employees > 5 && country == "DE"', 7, "both"),
    scoring_rule('country == "DE"', 10, "german"),
]


@asynccontextmanager
async def viewer_without(world: World, client: Client, *columns: str) -> AsyncIterator[Client]:
    """The same user, where these fields of leads are hidden."""
    hidden = {"lead": frozenset(columns)}
    async with running(world.place, schema=Schema(CATALOG, hidden=hidden)) as other:
        yield Client(other.app, client.tenant_id, client.user_id, client.key)


async def test_rules_that_read_a_hidden_field_are_one_fact_without_a_name(world: World, client: Client) -> None:
    await make_scoring_model(client, rules=RULES)
    lead = await make_lead(client, employees=777, country="DE")
    async with viewer_without(world, client, "employees") as viewer:
        found = await explained(viewer, lead)
        scores = await viewer.get(f"/leads/{lead['id']}/scores")
        edited = (await viewer.patch(f"/leads/{lead['id']}", json={"country": "FR"})).json()
    assert found["score"] == lead["score"] == 47
    assert [(one["kind"], one["key"], one["points"], one["values"]) for one in found["facts"]] == [
        ("rule", "german", 10, {"country": "DE"}),
        ("hidden", None, 37, {}),
    ]
    assert [one["points"] for one in scores.json()["data"][0]["facts"]] == [10, 37]
    assert edited["score"] == 30, "it counts whoever writes"
    for name in ("employees", "large", "both"):
        assert name not in str(found) + scores.text


async def test_who_may_not_see_the_score_is_told_nothing_of_it(world: World, client: Client) -> None:
    lead = await make_lead(client)
    async with viewer_without(world, client, "score") as viewer:
        for path in (f"/explain/score?leadId={lead['id']}", f"/leads/{lead['id']}/scores"):
            refused = await viewer.get(path)
            assert (refused.status_code, refused.json()["code"]) == (403, "fieldHidden")
