"""What a lead becomes when its score comes up to a threshold, and what it does not."""

from typing import Any

import pytest

from app.domain.leads import rules
from app.domain.scoring import service
from tests.factories.leads import make_lead
from tests.factories.scoring import behave, behaviour, make_scoring_model, scoring_rule
from tests.scoring.waiting import Clock, read
from tests.world import Client

THRESHOLDS: list[dict[str, Any]] = [
    {"score": 60, "status": "qualified", "rating": "hot"},
    {"score": 30, "rating": "warm"},
]
VISIT = behaviour("visit", 30, halvesAfterDays=7)


@pytest.fixture(autouse=True)
async def model(client: Client) -> dict[str, Any]:
    rules_ = [scoring_rule("employees >= 200", 60, "large")]
    return await make_scoring_model(client, rules=rules_, behaviours=[VISIT], thresholds=THRESHOLDS)


def standing(lead: dict[str, Any]) -> tuple[int, str, str | None]:
    return lead["score"], lead["status"], lead["rating"]


async def turn(client: Client, lead: dict[str, Any], verb: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/leads/{lead['id']}/{verb}", **({"json": body} if body else {}))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_each_threshold_does_its_own_on_the_way_up(client: Client) -> None:
    lead, seen = await make_lead(client), []
    for _ in range(3):
        await behave(client, lead, "visit")
        seen.append(standing(await read(client, lead)))
    assert seen == [(30, "new", "warm"), (60, "qualified", "hot"), (90, "qualified", "hot")]
    (write, *_) = (await client.get(f"/leads/{lead['id']}/history", params={"limit": 1})).json()["data"]
    assert write["changedFields"] == ["score"]


async def test_several_at_once_are_one_write(client: Client) -> None:
    assert standing(await make_lead(client, employees=500)) == (60, "qualified", "hot")
    lead = await make_lead(client)
    grown = (await client.patch(f"/leads/{lead['id']}", json={"employees": 500})).json()
    assert (standing(grown), grown["version"]) == ((60, "qualified", "hot"), 2)


async def test_a_falling_score_takes_nothing_back_and_one_that_comes_up_again_counts_again(
    client: Client, clock: Clock
) -> None:
    lead = await make_lead(client)
    await behave(client, lead, "visit")
    await clock.pass_by(client, 8)
    assert standing(await read(client, lead)) == (15, "new", "warm")
    await client.patch(f"/leads/{lead['id']}", json={"rating": None})
    await behave(client, lead, "visit")
    assert standing(await read(client, lead)) == (45, "new", "warm")


async def test_who_moved_it_back_is_not_overruled_until_it_comes_up_anew(client: Client, clock: Clock) -> None:
    lead = await make_lead(client)
    for _ in range(2):
        await behave(client, lead, "visit")
    await turn(client, lead, "disqualify", reason="badTiming")
    await turn(client, lead, "recycle")
    await behave(client, lead, "visit")
    assert standing(await read(client, lead)) == (90, "new", "hot")

    await clock.pass_by(client, 8)
    assert standing(await read(client, lead)) == (45, "new", "hot")
    await behave(client, lead, "visit")
    assert standing(await read(client, lead)) == (75, "qualified", "hot")


async def test_a_contacted_lead_is_qualified_by_its_score_and_stays_contacted_in_time(client: Client) -> None:
    lead = await make_lead(client)
    contacted = await turn(client, lead, "contact")
    grown = (await client.patch(f"/leads/{lead['id']}", json={"employees": 500})).json()
    assert (grown["status"], grown["firstRespondedAt"]) == ("qualified", contacted["firstRespondedAt"])
    both = await make_lead(client)
    at_once = (await client.patch(f"/leads/{both['id']}", json={"employees": 500, "status": "contacted"})).json()
    assert (at_once["status"], at_once["firstRespondedAt"] is None) == ("qualified", False)


async def test_what_is_disqualified_stays_so_with_any_score(client: Client) -> None:
    lead = await make_lead(client, status="disqualified", disqualifiedReason="spam", employees=500)
    assert standing(lead) == (60, "disqualified", None)
    for _ in range(2):
        await behave(client, lead, "visit")
    assert standing(await read(client, lead)) == (120, "disqualified", None)


async def test_a_converted_lead_keeps_its_score_and_what_it_rested_on(client: Client, clock: Clock, model: Any) -> None:
    lead = await make_lead(client, employees=500)
    await behave(client, lead, "visit")
    await turn(client, lead, "convert", opportunity=None)
    await behave(client, lead, "visit")
    await clock.pass_by(client, 8)
    await client.patch(f"/scoring-models/{model['id']}", json={"rules": []})
    await clock.score_anew(client)
    assert (await read(client, lead))["score"] == 90
    found = (await client.get("/explain/score", params={"leadId": lead["id"]})).json()
    assert (found["score"], found["recorded"], found["frozen"]) == (90, 90, True)
    assert found["model"] == {"id": model["id"], "version": 1, "name": None}
    assert [(one["key"], one["points"], one["values"]) for one in found["facts"]] == [
        ("large", 60, {"employees": 500}),
        ("visit", 30, {}),
    ]


async def test_a_model_that_comes_moves_the_leads_that_are_there(client: Client, clock: Clock, model: Any) -> None:
    lead = await make_lead(client)
    await behave(client, lead, "visit")
    cheaper = [{"score": 30, "status": "qualified"}]
    await client.patch(f"/scoring-models/{model['id']}", json={"thresholds": cheaper, "rules": []})
    await clock.score_anew(client)
    assert standing(await read(client, lead)) == (30, "new", "warm"), "it was there already"
    await client.patch(
        f"/scoring-models/{model['id']}",
        json={"rules": [scoring_rule("true", 1)], "thresholds": [{"score": 31, "status": "qualified"}]},
    )
    await clock.score_anew(client)
    assert standing(await read(client, lead)) == (31, "qualified", "warm")


@pytest.mark.parametrize(
    ("name", "planted", "test"),
    [
        ("OPEN", (*rules.OPEN, "disqualified"), test_what_is_disqualified_stays_so_with_any_score),
        ("RATINGS", ("hot", "warm", "cold", None), test_each_threshold_does_its_own_on_the_way_up),
        ("NEXT", {**rules.NEXT, "new": ("contacted", "disqualified")}, test_several_at_once_are_one_write),
    ],
)
async def test_a_lead_that_does_not_follow_its_score_as_it_should_is_seen(
    client: Client, monkeypatch: pytest.MonkeyPatch, name: str, planted: Any, test: Any
) -> None:
    monkeypatch.setattr(rules, name, planted)
    with pytest.raises(AssertionError):
        await test(client)


async def test_a_threshold_that_is_reached_twice_is_seen(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        service, "reached", lambda model, _, after: [one for one in model.thresholds if one["score"] <= after]
    )
    with pytest.raises(AssertionError):
        await test_who_moved_it_back_is_not_overruled_until_it_comes_up_anew(client, clock)
