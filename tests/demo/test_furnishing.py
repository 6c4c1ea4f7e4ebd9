"""What is made up beside the sample: once, the same every time, marked, and left as people leave it."""

from collections import Counter
from typing import Any

import httpx
import pytest

from app.demo import LoadFailed, furnish, furnishing, load
from app.demo.made_up import LEADS, NOTE, leads
from tests.demo.read_back import counted, records
from tests.world import Client

FEW = 40
MADE = {
    "scoring-models": 1,
    "quotas": 35 * 4,
    "pipelines": 1,
    "queues": 1,
    "assignment-rules": 3,
    "lead-forms": 1,
    "price-books": 1,
    "price-book-entries": 7,
}


@pytest.fixture
async def loaded(client: Client, sample, monkeypatch) -> Client:
    monkeypatch.setattr(furnishing, "LEADS", FEW)
    await load("http://test", client.key, sample, progress=False, transport=httpx.ASGITransport(client.app))
    return client


async def furnish_through(client: Client) -> dict[str, int]:
    return await furnish("http://test", client.key, "sample", httpx.ASGITransport(client.app))


async def only(client: Client, path: str, **query: str) -> dict[str, Any]:
    [found] = [record async for record in records(client, path, **query)]
    return found


async def test_what_is_made_up_is_made_once_and_stays_as_people_leave_it(loaded: Client):
    assert await furnish_through(loaded) == MADE | {"leads": FEW}
    lead = await only(loaded, "/leads", **{"externalIds.sample": "lead-001"})
    await loaded.patch(f"/leads/{lead['id']}", json={"company": "Edited by hand"})
    gone = await only(loaded, "/leads", **{"externalIds.sample": "lead-002"})
    await loaded.delete(f"/leads/{gone['id']}")
    assert await furnish_through(loaded) == {"leads": 1}
    assert await furnish_through(loaded) == {}
    assert (await only(loaded, "/leads", **{"externalIds.sample": "lead-001"}))["company"] == "Edited by hand"
    assert {lead["description"] async for lead in records(loaded, "/leads")} == {NOTE}
    await rules_give_the_leads_away(loaded)
    await behaviours_are_scored(loaded)
    await every_agent_has_a_quota_for_each_quarter(loaded)
    await deals_keep_to_the_pipeline(loaded)


async def rules_give_the_leads_away(client: Client) -> None:
    """Each of them to those whom its rule names; what no rule gives away waits."""
    managers = {user["managerId"] async for user in records(client, "/users")} - {None}
    got = Counter()
    async for lead in records(client, "/leads"):
        large, web = (lead["employees"] or 0) >= 2000, lead["source"] == "Website"
        got[large, web, lead["ownerId"] in managers, lead["queueId"] is not None] += 1
    kinds = {(large, not large and web, manager, waits) for large, web, manager, waits in got}
    assert kinds == {(True, False, True, False), (False, True, False, False), (False, False, False, True)}
    assert got.total() == FEW


async def behaviours_are_scored(client: Client) -> None:
    scores = Counter()
    async for lead in records(client, "/leads"):
        done = (await client.get(f"/leads/{lead['id']}/behaviours")).json()["data"]
        scores[bool(done), lead["score"] > 0] += 1
    assert scores[True, True] > 0
    assert {done for done, _ in scores} == {True, False}


async def every_agent_has_a_quota_for_each_quarter(client: Client) -> None:
    agents = {user["id"] async for user in records(client, "/users") if user["managerId"]}
    found = Counter([(quota["userId"], quota["period"]) async for quota in records(client, "/quotas")])
    assert found == Counter((agent, f"2017-Q{quarter}") for agent in agents for quarter in range(1, 5))


async def deals_keep_to_the_pipeline(client: Client) -> None:
    """No deal of the sample was closed by it, and new ones obey."""
    pipeline = await only(client, "/pipelines")
    assert pipeline["externalIds"] == {"sample": "sales-pipeline"}
    assert await counted(client, "/opportunities", status="open", filter="overdueSince != null") == 0
    deal = await client.post("/opportunities", json={"name": "New"})
    straight = await client.post(f"/opportunities/{deal.json()['id']}/move", json={"stage": "closedWon"})
    assert (straight.status_code, straight.json()["code"]) == (409, "stageNotAllowed")


async def test_a_pipeline_that_somebody_has_edited_is_left_alone(loaded: Client):
    pipeline = await only(loaded, "/pipelines")
    await loaded.patch(f"/pipelines/{pipeline['id']}", json={"name": "Ours"})
    made = await furnish_through(loaded)
    assert "pipelines" not in made
    assert (await only(loaded, "/pipelines"))["stages"] == pipeline["stages"]


async def test_without_the_sample_nothing_is_made_up(client: Client):
    with pytest.raises(LoadFailed, match="load it first"):
        await furnish_through(client)
    assert await counted(client, "/leads") == 0


def test_the_leads_are_the_same_every_time_and_each_has_an_address_of_its_own():
    first = list(leads(LEADS))
    assert first == list(leads(LEADS))
    assert first != list(leads(LEADS, seed=1))
    assert len({lead["email"] for _, lead in first}) == len({key for key, _ in first}) == LEADS
    assert all(lead["email"].endswith(".example") for _, lead in first)
