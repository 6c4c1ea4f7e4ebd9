"""What a lead comes to, by what it is and what it does."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain.kernel.clock import utc_now
from app.domain.scoring import service
from app.domain.scoring.rules import DECAY, RESCORE
from app.domain.scoring.service import ScoringService
from tests.factories.leads import make_lead
from tests.factories.scoring import behave, behaviour, make_scoring_model, scoring_rule
from tests.scoring.waiting import Clock, explained, read
from tests.world import Client, World

LARGE = scoring_rule("employees >= 200", 30, "large")
GERMAN = scoring_rule('country == "DE"', 10, "german")
PRIVATE = scoring_rule('email.endsWith("@mail.example")', -15, "private")
VISIT = behaviour("visit", 9, halvesAfterDays=7)


def ago(**time: float) -> str:
    return (utc_now() - timedelta(**time)).isoformat()


async def test_without_a_model_every_score_is_0(client: Client, clock: Clock) -> None:
    lead = await make_lead(client)
    await behave(client, lead, "visit")
    assert (await read(client, lead))["score"] == 0
    assert await clock.planned(client, lead) is None
    assert (await explained(client, lead))["model"] is None


async def test_the_rules_that_hold_add_up(client: Client) -> None:
    model = await make_scoring_model(client, rules=[LARGE, GERMAN, PRIVATE])
    lead = await make_lead(client, employees=500, country="DE", email="g@mail.example")
    assert (lead["score"], lead["version"]) == (25, 1)

    smaller = (await client.patch(f"/leads/{lead['id']}", json={"employees": 5})).json()
    assert (smaller["score"], smaller["version"]) == (-5, 2)
    unread = (await client.patch(f"/leads/{lead['id']}", json={"title": "Admiral"})).json()
    assert (unread["score"], unread["version"]) == (-5, 3)

    found = await explained(client, lead)
    assert found["model"] == {"id": model["id"], "version": 1, "name": "Inbound"}
    assert (found["score"], found["recorded"], found["frozen"], found["problems"]) == (-5, -5, False, [])
    assert [(one["key"], one["points"], one["values"]) for one in found["facts"]] == [
        ("german", 10, {"country": "DE"}),
        ("private", -15, {"email": "g@mail.example"}),
    ]


async def test_what_a_lead_does_counts_half_after_every_so_many_days(client: Client, clock: Clock) -> None:
    await make_scoring_model(client, behaviours=[VISIT])
    lead = await make_lead(client)
    seen = []
    await behave(client, lead, "visit", occurredAt=ago(minutes=1))
    for _ in range(6):
        seen.append((await read(client, lead))["score"])
        await clock.pass_by(client, 7)
    assert seen == [9, 4, 2, 1, 0, 0]
    history = (await client.get(f"/leads/{lead['id']}/history")).json()["data"]
    assert [(one["origin"], one["data"]["score"]) for one in history] == [
        ("system", 0),
        ("system", 1),
        ("system", 2),
        ("system", 4),
        ("api", 9),
        ("api", 0),
    ]
    assert await clock.planned(client, lead) is None


async def test_the_next_change_is_planned_to_the_microsecond(client: Client, clock: Clock) -> None:
    await make_scoring_model(client, behaviours=[VISIT, behaviour("demo", 40)])
    lead = await make_lead(client)
    first = utc_now() - timedelta(days=7, seconds=-60)
    await behave(client, lead, "visit", occurredAt=first.isoformat())
    await behave(client, lead, "visit", occurredAt=ago(days=1))
    await behave(client, lead, "demo")
    assert await clock.planned(client, lead) == first + timedelta(days=7)
    found = await explained(client, lead)
    assert datetime.fromisoformat(found["changesAt"]) == first + timedelta(days=7)
    assert [(one["key"], one["events"], one["points"]) for one in found["facts"]] == [("visit", 2, 18), ("demo", 1, 40)]

    await clock.pass_by(client, 60 / 86_400)
    assert (await read(client, lead))["score"] == 4 + 9 + 40
    assert len((await client.get(f"/leads/{lead['id']}/scores")).json()["data"]) == 4


async def test_what_wakes_too_early_writes_nothing_and_comes_again(client: Client, clock: Clock) -> None:
    await make_scoring_model(client, behaviours=[VISIT])
    lead = await make_lead(client)
    await behave(client, lead, "visit")
    planned, version = await clock.planned(client, lead), (await read(client, lead))["version"]
    assert await clock.settle(client, DECAY) == 1
    assert await clock.planned(client, lead) == planned
    assert (await read(client, lead))["version"] == version


async def test_all_events_of_a_kind_count_no_more_than_the_model_allows(client: Client) -> None:
    downs = behaviour("bounce", -20, most=30)
    await make_scoring_model(client, behaviours=[behaviour("visit", 9, most=20), downs])
    lead = await make_lead(client)
    scores = []
    for key in ("visit", "visit", "visit", "bounce", "bounce"):
        await behave(client, lead, key)
        scores.append((await read(client, lead))["score"])
    assert scores == [9, 18, 20, 0, -10]


async def test_a_model_that_comes_later_counts_what_was_done_before(client: Client, clock: Clock) -> None:
    lead, other = await make_lead(client, employees=500), await make_lead(client)
    await behave(client, lead, "visit")
    await make_scoring_model(client, rules=[LARGE], behaviours=[VISIT])
    assert (await explained(client, lead))["recorded"] == 0
    assert await clock.score_anew(client) == 2
    assert [(await read(client, one))["score"] for one in (lead, other)] == [39, 0]
    assert (await read(client, other))["version"] == 1


async def test_of_two_models_the_latest_is_in_use(client: Client, clock: Clock) -> None:
    first = await make_scoring_model(client, rules=[LARGE])
    second = await make_scoring_model(client, rules=[GERMAN], active=False)
    lead = await make_lead(client, employees=500, country="DE")
    await client.patch(f"/scoring-models/{second['id']}", json={"active": True})
    assert (await client.get(f"/scoring-models/{first['id']}")).json()["active"] is False
    await clock.score_anew(client)
    assert (lead["score"], (await read(client, lead))["score"]) == (30, 10)
    refused = await client.delete(f"/scoring-models/{second['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "modelActive")

    await client.patch(f"/scoring-models/{second['id']}", json={"active": False})
    await clock.score_anew(client)
    assert (await read(client, lead))["score"] == 0
    assert (await client.delete(f"/scoring-models/{second['id']}")).status_code == 204


async def test_what_was_scored_by_the_former_model_meanwhile_is_found_by_a_second_round(
    client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has read the former model before it changed, and is written when the first round has gone by."""
    model = await make_scoring_model(client, rules=[scoring_rule("true", 30)])
    await clock.score_anew(client)
    has_read, may_write = asyncio.Event(), asyncio.Event()

    async def slowly(self: Any, change: Any, keep: Any = ScoringService.keep) -> None:
        has_read.set()
        await may_write.wait()
        await keep(self, change)

    monkeypatch.setattr(ScoringService, "keep", slowly)
    async with asyncio.TaskGroup() as group:
        creating = group.create_task(make_lead(client))
        await has_read.wait()
        await client.patch(f"/scoring-models/{model['id']}", json={"rules": [scoring_rule("true", 7)]})
        assert await clock.settle(client, RESCORE) == 1
        may_write.set()
    lead = creating.result()
    assert (await read(client, lead))["score"] == 30
    await clock.score_anew(client)
    assert (await read(client, lead))["score"] == 7


async def test_of_models_that_are_activated_at_once_one_is_in_use(client: Client) -> None:
    models = [await make_scoring_model(client, active=False, name=f"Model {n}") for n in range(6)]
    await asyncio.gather(*(client.patch(f"/scoring-models/{one['id']}", json={"active": True}) for one in models))
    active = (await client.get("/scoring-models", params={"active": "true"})).json()["data"]
    assert len(active) == 1


async def test_fifty_behaviours_at_once_are_all_counted(client: Client) -> None:
    await make_scoring_model(client, behaviours=[behaviour("visit", 3), behaviour("demo", 50)])
    lead = await make_lead(client)
    kinds = ["visit"] * 47 + ["demo"] * 3
    await asyncio.gather(*(behave(client, lead, kind) for kind in kinds))
    assert (await read(client, lead))["score"] == 47 * 3 + 3 * 50
    assert (await explained(client, lead))["recorded"] == 291


async def test_edits_and_behaviours_at_once_leave_the_exact_score(client: Client) -> None:
    await make_scoring_model(client, rules=[LARGE], behaviours=[behaviour("visit", 3)])
    lead = await make_lead(client)

    async def edit(employees: int) -> None:
        while (await client.patch(f"/leads/{lead['id']}", json={"employees": employees})).status_code == 409:
            pass

    await asyncio.gather(*(behave(client, lead, "visit") for _ in range(10)), *(edit(150 + 20 * n) for n in range(4)))
    now = await read(client, lead)
    assert now["score"] == 30 + (30 if now["employees"] >= 200 else 0)


async def test_a_rule_that_is_not_asked_again_is_seen(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "field_of", str.upper)
    with pytest.raises(AssertionError):
        await test_the_rules_that_hold_add_up(client)


async def test_a_behaviour_is_recorded_once_under_its_key_and_not_at_all_in_a_preview(client: Client) -> None:
    await make_scoring_model(client, behaviours=[VISIT])
    lead, url = await make_lead(client), "/leads/{}/behaviours"
    body, keyed = {"behaviour": "visit"}, {"Idempotency-Key": "one"}
    answers = [await client.post(url.format(lead["id"]), json=body, headers=keyed) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
    preview = (await client.post(url.format(lead["id"]), json=body, headers={"Prefer": "dry-run"})).json()
    assert [(one["object"], one["change"]) for one in preview["writes"]] == [("lead", "updated")]
    operations = [{"method": "POST", "path": url.format(lead["id"]), "body": body} for _ in range(3)]
    batch = await client.post("/batch", json={"atomic": True, "operations": operations})
    assert [one["status"] for one in batch.json()["results"]] == [201] * 3
    assert (await read(client, lead))["score"] == 4 * 9


async def test_behaviours_are_listed_the_latest_first(client: Client) -> None:
    lead = await make_lead(client)
    for days in (3, 1, 2):
        await behave(client, lead, f"did{days}", occurredAt=ago(days=days))
    url, seen, cursor = f"/leads/{lead['id']}/behaviours", list[str](), ""
    while cursor is not None:
        page = (await client.get(url, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [one["behaviour"] for one in page["data"]]
        cursor = page["page"]["nextCursor"]
    assert seen == ["did1", "did2", "did3"]


async def test_what_cannot_be_recorded_is_refused(client: Client, stranger: Client) -> None:
    lead = await make_lead(client)
    url = f"/leads/{lead['id']}/behaviours"
    later = await client.post(url, json={"behaviour": "visit", "occurredAt": ago(minutes=-5)})
    assert (later.status_code, later.json()["code"]) == (422, "future")
    assert (await client.post(url, json={"behaviour": "No key"})).status_code == 422
    assert (await stranger.post(url, json={"behaviour": "visit"})).status_code == 404
    assert (await client.get(url, params={"cursor": "WzFd"})).json()["code"] == "badCursor"
    assert (await client.get(f"/leads/{lead['id']}/scores", params={"cursor": "WyJ4Il0="})).json()[
        "code"
    ] == "badCursor"
    assert (await client.get("/explain/score", params={"leadId": "x"})).json()["code"] == "wrongType"


async def test_a_model_that_could_mean_nothing_is_refused(client: Client) -> None:
    def rules(when: str, **more: Any) -> dict[str, Any]:
        return {"rules": [scoring_rule(when, 5, **more)]}

    for body, pointer, code in (
        (rules("emploees > 5"), "/rules/0/when", "unknownField"),
        (rules("score > 5"), "/rules/0/when", "dependsOnScore"),
        (rules("version > 5"), "/rules/0/when", "dependsOnScore"),
        (rules('old.status == "new"'), "/rules/0/when", "dependsOnScore"),
        (rules("changed(rating)"), "/rules/0/when", "dependsOnScore"),
        (rules("createdAt < now()"), "/rules/0/when", "dependsOnScore"),
        (rules("ownerId == me()"), "/rules/0/when", "dependsOnScore"),
        ({"rules": [GERMAN, GERMAN]}, "/rules/1/key", "repeated"),
        ({"behaviours": [VISIT, VISIT]}, "/behaviours/1/key", "repeated"),
        ({"thresholds": [{"score": 5}]}, "/thresholds/0", "nothingFollows"),
        ({"thresholds": [{"score": 5, "rating": "hot"}] * 2}, "/thresholds/1/score", "repeated"),
        ({"behaviours": [behaviour("visit", 0)]}, "/behaviours/0/points", "points"),
    ):
        answer = await client.post("/scoring-models", json={"name": "x", **body})
        assert answer.status_code == 422, body
        fault = answer.json()["errors"][0]
        assert (fault["pointer"], fault["code"]) == (pointer, code), fault


async def test_only_administrators_write_models_and_members_see_why(client: Client, world: World) -> None:
    member = await world.member_of(client)
    refused = await member.post("/scoring-models", json={"name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "adminOnly")
    await make_scoring_model(client, rules=[GERMAN])
    lead = await make_lead(member, country="DE")
    assert (lead["score"], (await explained(member, lead))["score"]) == (10, 10)


async def test_a_lead_comes_back_with_what_it_comes_to_now(client: Client, clock: Clock) -> None:
    await make_scoring_model(client, rules=[GERMAN], behaviours=[VISIT])
    lead = await make_lead(client, country="DE")
    await behave(client, lead, "visit")
    assert (await client.delete(f"/leads/{lead['id']}")).status_code == 204
    await clock.pass_by(client, 8)
    assert (await client.post(f"/leads/{lead['id']}/restore")).json()["score"] == 19
    await clock.settle(client, DECAY)
    assert (await read(client, lead))["score"] == 14


async def test_a_rule_whose_field_is_gone_never_holds_and_says_so(client: Client, clock: Clock) -> None:
    model = await make_scoring_model(client, rules=[GERMAN, LARGE])
    gone = """update scoring_model set rules = jsonb_set(rules, '{0,when}', '"nowhere == 1"') where id = $1"""
    await clock.engine.run(gone, model["id"])
    lead = await make_lead(client, country="DE", employees=500)
    found = await explained(client, lead)
    assert (lead["score"], [one["key"] for one in found["problems"]]) == (30, ["german"])
