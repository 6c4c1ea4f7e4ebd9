"""Pipelines as administrators edit them."""

import asyncio
from typing import Any

import pytest

from app.domain.pipeline.pipelines import PipelineService
from app.domain.pipeline.schemas import STAGES
from tests.factories.pipeline import make_opportunity, make_pipeline, stage
from tests.world import Client

ENDS = [stage("won", outcome="won"), stage("lost", outcome="lost")]


async def defaults(client: Client) -> list[str]:
    return [one["name"] for one in (await client.get("/pipelines?isDefault=true")).json()["data"]]


async def test_one_pipeline_is_the_default_and_another_takes_that_from_it(client: Client) -> None:
    (first,) = (await client.get("/pipelines")).json()["data"]
    second = await make_pipeline(client, name="Second", isDefault=True)
    assert await defaults(client) == ["Second"]
    third = await make_pipeline(client, name="Third")
    answers = await asyncio.gather(
        *(client.patch(f"/pipelines/{one['id']}", json={"isDefault": True}) for one in (first, third, second) * 3)
    )
    assert {answer.status_code for answer in answers} == {200}
    (default,) = (await client.get("/pipelines?isDefault=true")).json()["data"]
    for answer in (
        await client.patch(f"/pipelines/{default['id']}", json={"isDefault": False}),
        await client.delete(f"/pipelines/{default['id']}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "defaultNeeded")
    assert (await make_opportunity(client, stage="prospecting"))["pipelineId"] == default["id"]


@pytest.mark.parametrize(
    ("stages", "pointer", "code"),
    [
        ([stage("a"), stage("a"), *ENDS], "/stages/1/key", "repeated"),
        ([stage("a"), *ENDS[:1]], "/stages", "missingOutcome"),
        ([*ENDS, stage("a")], "/stages/0/outcome", "firstIsOpen"),
        ([stage("a", next=["b"]), *ENDS], "/stages/0/next/0", "unknownStage"),
        ([stage("a", requires=["amuont"]), *ENDS], "/stages/0/requires/0", "unknownField"),
        ([stage("a", when="amuont > 5"), *ENDS], "/stages/0/when", "unknownField"),
        ([stage("a", when="amount"), *ENDS], "/stages/0/when", "wrongType"),
        ([stage("a", when="account.name == 'x'"), *ENDS], "/stages/0/when", "notHere"),
        ([stage("a", forecastCategory="closed"), *ENDS], "/stages/0/forecastCategory", "closedIsWon"),
        ([stage("a", probability=101), *ENDS], "/stages/0/probability", None),
    ],
)
async def test_stages_that_make_no_pipeline_are_refused_with_the_place(
    client: Client, stages: list[dict[str, Any]], pointer: str, code: str | None
) -> None:
    answer = await client.post("/pipelines", json={"name": "P", "stages": stages})
    assert answer.status_code == 422, answer.text
    fault = answer.json()["errors"][0]
    assert (fault["pointer"], fault["code"] if code else None) == (pointer, code)


async def test_overdue_deals_are_closed_for_a_reason_that_there_is(client: Client) -> None:
    body = {"name": "P", "stages": STAGES, "lostReasons": ["price"], "overdue": {"closeLostAfterDays": 5}}
    answer = await client.post("/pipelines", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/lostReasons")


async def test_a_stage_that_opportunities_are_in_stays(client: Client) -> None:
    pipeline = await make_pipeline(client, stages=[stage("a"), stage("b"), *ENDS])
    url = f"/pipelines/{pipeline['id']}"
    made = await make_opportunity(client, pipelineId=pipeline["id"], stage="b")
    refused = await client.patch(url, json={"stages": [stage("a"), stage("c"), *ENDS]})
    assert (refused.status_code, refused.json()["code"]) == (409, "stageTaken")
    assert refused.json()["errors"][0]["params"] == {"b": 1}
    assert (await client.patch(url, json={"stages": [stage("b"), *ENDS]})).status_code == 200
    assert (await client.delete(url)).json()["code"] == "referenced"
    await client.delete(f"/opportunities/{made['id']}")
    assert (await client.delete(url)).status_code == 204
    gone = await client.post(f"/opportunities/{made['id']}/restore")
    assert (gone.status_code, gone.json()["code"]) == (409, "missingReference")
    assert (await client.post(f"{url}/restore")).status_code == 200
    assert (await client.post(f"/opportunities/{made['id']}/restore")).json()["stage"] == "b"


async def test_no_race_leaves_an_opportunity_in_a_stage_that_there_is_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody looked before: the database decides."""

    async def blind(*_: object) -> None:
        pass

    monkeypatch.setattr(PipelineService, "_refuse_taken", blind)
    for _ in range(5):
        pipeline = await make_pipeline(client, stages=[stage("a"), stage("b"), *ENDS])
        opportunity = {"name": "Deal", "pipelineId": pipeline["id"], "stage": "b"}
        edit = client.patch(f"/pipelines/{pipeline['id']}", json={"stages": [stage("a"), *ENDS]})
        edited, *made = await asyncio.gather(edit, *(client.post("/opportunities", json=opportunity) for _ in range(4)))
        keys = [one["key"] for one in (await client.get(f"/pipelines/{pipeline['id']}")).json()["stages"]]
        there = [answer for answer in made if answer.status_code == 201]
        assert edited.status_code == (409 if there else 200), edited.text
        assert ("b" in keys) == bool(there)
        assert {answer.status_code for answer in made} <= {201, 422}
