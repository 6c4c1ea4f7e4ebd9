"""How an opportunity goes through its pipeline, and what its stage makes of it, on every path."""

from typing import Any

import pytest

from tests.factories.accounts import make_account
from tests.factories.pipeline import make_opportunity, make_pipeline, stage
from tests.world import Client, World

EUROS = {"amount": "1000.00", "currency": "EUR"}


def stages(**of_second: Any) -> list[dict[str, Any]]:
    """Two open ones, of which the second says something, and three ends."""
    first, second = stage("first", probability=10), stage("second", probability=40, **of_second)
    won = stage("won", probability=100, forecastCategory="closed", outcome="won")
    lost, gone = (stage(key, probability=0, forecastCategory="omitted", outcome="lost") for key in ("lost", "gone"))
    return [first, second, won, lost, gone]


async def begun(client: Client, documents: list[dict[str, Any]], **fields: Any) -> str:
    """The path of a new opportunity in the first of these stages."""
    pipeline = await make_pipeline(client, name="P", stages=documents, **fields.pop("pipeline", {}))
    made = await make_opportunity(client, pipelineId=pipeline["id"], **({"stage": "first"} | fields))
    return f"/opportunities/{made['id']}"


@pytest.mark.quick
async def test_an_opportunity_begins_in_the_first_stage_of_the_default_pipeline(client: Client) -> None:
    made = (await client.post("/opportunities", json={"name": "Deal", "amount": EUROS})).json()
    (default,) = (await client.get("/pipelines?isDefault=true")).json()["data"]
    assert [one["key"] for one in default["stages"]] == ["prospecting", "engaging", "closedWon", "closedLost"]
    shown = {name: made[name] for name in ("pipelineId", "stage", "status", "probability", "forecastCategory")}
    assert shown == {
        "pipelineId": default["id"],
        "stage": "prospecting",
        "status": "open",
        "probability": 10,
        "forecastCategory": "pipeline",
    }
    assert (made["expectedAmount"], made["closedAt"]) == ({"amount": "100.00", "currency": "EUR"}, None)


async def test_what_a_stage_says_follows_every_move_until_somebody_says_otherwise(client: Client) -> None:
    url = await begun(client, stages(forecastCategory="bestCase"), amount=EUROS)
    said = await client.patch(url, json={"probability": 70, "forecastCategory": "commit"})
    assert (said.json()["probabilityOverridden"], said.json()["expectedAmount"]["amount"]) == (True, "700.00")
    moved = (await client.patch(url, json={"stage": "second"})).json()
    assert (moved["probability"], moved["probabilityOverridden"], moved["forecastCategory"]) == (40, False, "bestCase")
    both = (await client.patch(url, json={"stage": "first", "probability": 15})).json()
    assert (both["probability"], both["probabilityOverridden"], both["stageChangedAt"] > moved["stageChangedAt"]) == (
        15,
        True,
        True,
    )
    unknown = (await client.patch(url, json={"probability": None})).json()
    assert (unknown["probability"], unknown["expectedAmount"]) == (None, None)
    (event, *_) = (await client.get(f"{url}/history?limit=1")).json()["data"]
    assert event["previous"] == {"probability": 15, "expectedAmount": {"amount": "150.00", "currency": "EUR"}}


async def test_a_graph_allows_its_moves_and_no_others_on_every_path(client: Client) -> None:
    documents = stages(next=["won", "lost"])
    documents[0]["next"] = ["second", "lost"]
    url = await begun(client, documents, externalIds={"erp": "1"})
    for method, path, body in (
        ("PATCH", url, {"stage": "won"}),
        ("POST", f"{url}/move", {"stage": "won"}),
        ("POST", f"{url}/win", {}),
        ("PUT", "/opportunities/by/erp/1", {"name": "Deal", "stage": "won"}),
    ):
        refused = await client.request(method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "stageNotAllowed"), path
        assert refused.json()["errors"][0]["params"] == {"from": "first", "to": "won", "allowed": ["second", "lost"]}
    assert (await client.get(url)).json()["version"] == 1
    moved = await client.post(f"{url}/move", json={"stage": "second", "nextStep": "Send the offer"})
    assert (moved.json()["stage"], moved.json()["nextStep"], moved.json()["version"]) == ("second", "Send the offer", 2)
    assert (await client.post(f"{url}/win", json={})).json()["status"] == "won"


async def test_a_stage_is_entered_with_what_it_requires(client: Client) -> None:
    condition = {
        "requires": ["amount", "nextStep"],
        "when": "amount > 500 && amount.currency == 'EUR'",
        "message": "Too small.",
    }
    url = await begun(client, stages(**condition))
    missing = await client.post(f"{url}/move", json={"stage": "second", "nextStep": "Call"})
    assert (missing.status_code, missing.json()["code"], missing.json()["detail"]) == (
        422,
        "stageRequires",
        "Too small.",
    )
    assert [fault["pointer"] for fault in missing.json()["errors"]] == ["/amount"]
    whole = {"stage": "second", "nextStep": "Call", "amount": EUROS}
    small = await client.post(f"{url}/move", json=whole | {"amount": EUROS | {"amount": "500"}})
    assert (small.status_code, small.json()["code"], small.json()["detail"]) == (422, "stageCondition", "Too small.")
    pipeline = (await client.get(url)).json()["pipelineId"]
    created = await client.post("/opportunities", json={"name": "Deal", "pipelineId": pipeline, "stage": "second"})
    assert (created.status_code, created.json()["code"]) == (422, "stageRequires")
    assert (await client.post(f"{url}/move", json=whole)).status_code == 200


async def test_what_is_closed_is_moved_by_those_who_may_reopen_it_only(client: Client, world: World) -> None:
    member = await world.member_of(client)
    url = await begun(client, stages(), ownerId=str(member.user_id))
    won = await member.post(f"{url}/win", json={"reason": "price", "note": "Cheap.", "closeDate": "2026-11-01"})
    assert [won.json()[name] for name in ("status", "probability", "outcomeReason", "closeDate")] == [
        "won",
        100,
        "price",
        "2026-11-01",
    ]
    assert won.json()["closedAt"] is not None
    for path, body in (("reopen", {}), ("move", {"stage": "first"}), ("move", {"stage": "lost"}), ("lose", {})):
        refused = await member.post(f"{url}/{path}", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "opportunityClosed"), path
    assert (await member.patch(url, json={"nextStep": "Thank them"})).status_code == 200
    sure = await member.patch(url, json={"probability": 90})
    assert (sure.status_code, sure.json()["code"]) == (422, "opportunityClosed")
    reopened = (await client.post(f"{url}/reopen", json={})).json()
    assert [reopened[name] for name in ("stage", "status", "closedAt", "outcomeReason", "outcomeNote")] == [
        "first",
        "open",
        None,
        None,
        None,
    ]
    again = await client.post(f"{url}/reopen", json={})
    assert (again.status_code, again.json()["code"]) == (409, "opportunityOpen")
    lost = await member.post(f"{url}/lose", json={"reason": "because"})
    assert (lost.status_code, lost.json()["code"]) == (422, "unknownReason")


async def test_a_pipeline_may_let_everybody_reopen(client: Client, world: World) -> None:
    member = await world.member_of(client)
    url = await begun(client, stages(), pipeline={"reopenRole": "member"}, stage="second")
    assert (await member.post(f"{url}/lose", json={"reason": "timing"})).json()["stage"] == "lost"
    closed = await member.post(f"{url}/reopen", json={"stage": "gone"})
    assert (closed.status_code, closed.json()["code"]) == (422, "stageNotOpen")
    assert (await member.post(f"{url}/reopen", json={})).json()["stage"] == "second"


async def test_a_verb_is_repeated_by_its_key_and_bound_to_a_version(client: Client) -> None:
    url = await begun(client, stages())
    headers = {"Idempotency-Key": "win", "If-Match": '"1-0"'}
    first, second = [await client.post(f"{url}/win", json={}, headers=headers) for _ in range(2)]
    assert (first.status_code, second.content, second.headers["idempotent-replayed"]) == (200, first.content, "true")
    stale = await client.post(f"{url}/reopen", json={}, headers={"If-Match": '"1-0"'})
    assert stale.status_code == 412


async def test_an_opportunity_moves_to_another_pipeline_where_that_has_its_stage(client: Client) -> None:
    url = await begun(client, stages())
    other = await make_pipeline(client, name="Other", stages=[stage("begin"), *stages()[2:]])
    refused = await client.patch(url, json={"pipelineId": other["id"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknownStage")
    moved = await client.patch(url, json={"pipelineId": other["id"], "stage": "begin"})
    assert (moved.json()["pipelineId"], moved.json()["probability"]) == (other["id"], 50)


async def test_stays_are_told_with_what_the_deal_was_worth(client: Client) -> None:
    account = await make_account(client)
    url = await begun(client, stages(), amount=EUROS, accountId=account["id"])
    await client.patch(url, json={"name": "Renamed"})
    await client.post(f"{url}/move", json={"stage": "second", "amount": EUROS | {"amount": "7.5"}})
    now = (await client.post(f"{url}/win", json={})).json()
    first, second, third = (await client.get(f"{url}/stage-history")).json()["data"]
    assert [one["stage"] for one in (first, second, third)] == ["first", "second", "won"]
    assert [one["amount"]["amount"] for one in (first, second, third)] == ["1000.00", "7.50", "7.50"]
    assert (first["leftAt"], second["leftAt"], third["leftAt"]) == (second["enteredAt"], third["enteredAt"], None)
    assert (third["enteredAt"], third["probability"], third["enteredBy"]) == (
        now["stageChangedAt"],
        100,
        str(client.user_id),
    )
    assert first["durationSeconds"] > 0


async def test_what_was_before_is_imported_and_dates_the_stage_of_now_back(client: Client, world: World) -> None:
    url = await begun(client, stages(), stage="won")
    first = {"stage": "first", "enteredAt": "2026-01-05T00:00:00Z", "leftAt": "2026-02-01T00:00:00Z"}
    second = {"stage": "won", "enteredAt": "2026-02-10T00:00:00Z"}
    for wrong, code in (
        ([second | {"enteredAt": "2999-01-01T00:00:00Z"}], "future"),
        ([first, second | {"enteredAt": "2026-01-30T00:00:00Z"}], "overlap"),
        ([first | {"stage": "nowhere"}], "unknownStage"),
        ([second, first], "notLast"),
        ([first, second | {"stage": "second"}], "notCurrent"),
    ):
        refused = await client.post(f"{url}/stage-history", json={"stays": wrong})
        assert (refused.status_code in (409, 422), refused.json()["code"]) == (True, code)
    for _ in range(2):
        told = await client.post(f"{url}/stage-history", json={"stays": [first, second]})
        stays = told.json()["data"]
        assert [(one["stage"], one["imported"]) for one in stays] == [("first", True), ("won", False)]
        assert stays[0]["durationSeconds"] == 27 * 24 * 3600
    now = (await client.get(url)).json()
    assert now["stageChangedAt"] == now["closedAt"] == "2026-02-10T00:00:00+00:00"
    member = await world.member_of(client)
    assert (await member.post(f"{url}/stage-history", json={"stays": [first]})).json()["code"] == "adminOnly"


@pytest.mark.parametrize("verb", ["win", "lose"])
async def test_a_reason_that_the_pipeline_does_not_know_is_pointed_at_in_the_body(client: Client, verb: str) -> None:
    deal = await begun(client, stages(), pipeline={"wonReasons": ["price"], "lostReasons": ["price"]})
    refused = (await client.post(f"{deal}/{verb}", json={"reason": "weather"})).json()
    assert [(one["pointer"], one["code"]) for one in refused["errors"]] == [("/reason", "unknownReason")]
    patched = (await client.patch(deal, json={"outcomeReason": "weather"})).json()
    assert [(one["pointer"], one["code"]) for one in patched["errors"]] == [("/outcomeReason", "unknownReason")]
