"""Each stay knows where it led, whatever way the opportunity was moved."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from app.repositories import stages
from app.repositories.compile import Statement
from tests.factories.pipeline import make_opportunity, make_pipeline
from tests.world import Client, Place

Json = dict[str, Any]
OPEN = ("prospecting", "engaging")
KEYS = (*OPEN, "closedWon", "closedLost")
KNOWN = "select id, next_stage from stage_history where tenant_id = $1 and opportunity_id = $2"
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)


async def walk(client: Client, place: Place, random: Random) -> list[str]:
    """The stays that lead elsewhere than the history says, after each step."""
    pipelines = [(await make_pipeline(client, name=name))["id"] for name in ("One", "Two")]
    made = await make_opportunity(client, pipelineId=pipelines[0], externalIds={"erp": pipelines[0]})
    url, wrong = f"/opportunities/{made['id']}", []
    for _ in range(14):
        method, path, body = step(random, url, pipelines, made)
        answer = await client.request(method, path, json=body)
        assert answer.status_code in (200, 201, 204, 404, 409, 422), answer.text
        wrong += await differences(client, place, made["id"])
    return wrong


def step(random: Random, url: str, pipelines: Sequence[str], made: Json) -> tuple[str, str, Json]:
    to = {"stage": random.choice(KEYS)}
    upsert = {"name": made["name"], **to}
    return random.choice(
        (
            ("PATCH", url, to),
            ("PATCH", url, {**to, "pipelineId": random.choice(pipelines)}),
            ("POST", f"{url}/move", to),
            ("POST", f"{url}/win", {}),
            ("POST", f"{url}/lose", {"reason": "price"}),
            ("POST", f"{url}/reopen", {}),
            ("PUT", f"/opportunities/by/erp/{pipelines[0]}", upsert),
            ("POST", f"{url}/stage-history", {"stays": imported(random)}),
            ("POST", f"{url}/stage-history", {"stays": imported(random)}),
        )
    )


def imported(random: Random) -> list[Json]:
    stays, at = [], BEGAN
    for _ in range(random.randint(1, 4)):
        begun, at = at, at + timedelta(days=random.randrange(3))
        stays.append({"stage": random.choice(KEYS), "enteredAt": begun.isoformat(), "leftAt": at.isoformat()})
    return stays


async def differences(client: Client, place: Place, record_id: str) -> list[str]:
    stays = (await client.get(f"/opportunities/{record_id}/stage-history")).json()["data"]
    async with place.connect() as connection:
        known = {str(row[0]): row[1] for row in await connection.fetch(KNOWN, client.tenant_id, UUID(record_id))}
    assert known.keys() == {one["id"] for one in stays}
    wrong = []
    for one, following in zip(stays, [*stays[1:], None], strict=True):
        same = following is not None and following["pipelineId"] == one["pipelineId"]
        if known[one["id"]] != (following["stage"] if following is not None and same else None):
            wrong.append(f"{one} leads to {known[one['id']]}, not to {following}")
    return wrong


async def test_a_stay_leads_to_the_one_that_follows_it(client: Client, place: Place, seed: int) -> None:
    random = Random(seed)
    for _ in range(3):
        assert await walk(client, place, random) == []


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("_FOLLOWED", Statement("select 1", (), {})),
        (
            "_ENTER",
            Statement(stages._ENTER.sql.replace("pipeline_id = $5 then", "true then"), stages._ENTER.order, {}),
        ),
    ],
)
async def test_a_stay_that_leads_elsewhere_is_noticed(
    client: Client, place: Place, monkeypatch: pytest.MonkeyPatch, name: str, instead: Statement
) -> None:
    monkeypatch.setattr(stages, name, instead)
    assert any([await walk(client, place, Random(seed)) for seed in range(3)])


async def test_what_moves_to_another_pipeline_has_moved_away(client: Client) -> None:
    one, other = [(await make_pipeline(client, name=name))["id"] for name in ("One", "Two")]
    deal = await make_opportunity(client, pipelineId=one, stage="prospecting")
    await client.patch(f"/opportunities/{deal['id']}", json={"pipelineId": other, "stage": "engaging"})

    def ways(data: list[Json]) -> dict[str, list[int]]:
        names = ("entered", "movedOn", "movedAway", "stillThere")
        return {row["stage"]: [row[name] for name in names] for row in data if row["entered"]}

    found = [
        (await client.get("/sales-figures/stage-conversion", params={"pipelineId": pipeline})).json()["data"]
        for pipeline in (one, other)
    ]
    assert [ways(data) for data in found] == [{"prospecting": [1, 0, 1, 0]}, {"engaging": [1, 0, 0, 1]}]
