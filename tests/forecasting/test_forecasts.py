"""What a forecast shows, over HTTP."""

from datetime import date
from typing import Any

import pytest

from tests.factories.currencies import make_exchange_rate
from tests.factories.forecasting import make_adjustment, make_quota
from tests.factories.governance import make_user
from tests.factories.pipeline import make_opportunity, make_pipeline
from tests.forecasting.asking import Json, amounts, eur, forecast, row, sums
from tests.world import Client, World

DAY = "2026-11-10"


async def deal(client: Client, owner: object, amount: str | None, currency: str = "EUR", **fields: Any) -> Json:
    money = None if amount is None else {"amount": amount, "currency": currency}
    given = {"ownerId": owner and str(owner), "amount": money, "closeDate": DAY} | fields
    return await make_opportunity(client, **given)


async def test_a_manager_sees_the_own_figures_each_report_and_the_total(client: Client) -> None:
    top = await make_user(client, name="Top")
    anna, bob = [await make_user(client, name=name, managerId=top["id"]) for name in ("Anna", "Bob")]
    below = await make_user(client, name="Below", managerId=anna["id"])
    for user, amount in ((top, "1.00"), (anna, "10.00"), (below, "100.00"), (bob, "1000.00")):
        await deal(client, user["id"], amount)
    await deal(client, str(client.user_id), "7.00")

    shown = await forecast(client, userId=top["id"])
    assert [(one["kind"], one["name"], one["people"]) for one in shown["rows"]] == [
        ("own", "Top", 1),
        ("report", "Anna", 2),
        ("report", "Bob", 1),
    ]
    assert [amounts(one)["bestCase"] for one in shown["rows"]] == ["1.00", "110.00", "1000.00"]
    assert (amounts(shown["total"])["bestCase"], shown["total"]["people"]) == ("1111.00", 4)
    assert sums(shown["total"])["bestCase"] == (4, "1111.00", "444.40")
    assert (await forecast(client, userId=anna["id"]))["total"]["categories"] == row(shown, "Anna")["categories"]


async def test_deals_count_by_category_and_what_is_lost_or_omitted_does_not(client: Client) -> None:
    stages = {"prospecting": "1.00", "engaging": "20.00", "closedWon": "300.00", "closedLost": "4000.00"}
    for stage, amount in stages.items():
        await deal(client, client.user_id, amount, stage=stage)
    await deal(client, client.user_id, "50000.00", forecastCategory="omitted")
    await deal(client, client.user_id, "600.00", forecastCategory="commit")
    await deal(client, client.user_id, None)
    for outside in ("2026-09-30", "2027-01-01", None):
        await deal(client, client.user_id, "9.00", closeDate=outside)

    total = (await forecast(client))["total"]
    assert sums(total) == {
        "pipeline": (1, "1.00", "0.10"),
        "bestCase": (2, "20.00", "8.00"),
        "commit": (1, "600.00", "240.00"),
        "closed": (1, "300.00", "300.00"),
    }
    assert {name: one["cumulative"] for name, one in total["categories"].items()} == {
        "pipeline": "921.00",
        "bestCase": "920.00",
        "commit": "900.00",
        "closed": "300.00",
    }


async def test_administrators_see_the_whole_organisation_and_what_belongs_to_nobody(client: Client) -> None:
    gone = await make_user(client, name="Gone")
    await deal(client, gone["id"], "5.00")
    await deal(client, None, "3.00")
    assert (await client.patch(f"/users/{gone['id']}", json={"status": "inactive"})).status_code == 200

    shown = await forecast(client)
    assert [(one["kind"], one["name"], one["active"], amounts(one)["bestCase"]) for one in shown["rows"]] == [
        ("report", "Administrator", True, "0.00"),
        ("report", "Gone", False, "5.00"),
        ("unassigned", None, None, "3.00"),
    ]
    assert amounts(shown["total"])["bestCase"] == "8.00"


async def test_others_see_their_own_forecast_unless_they_name_somebody(client: Client, world: World) -> None:
    member = await world.member_of(client)
    await deal(client, member.user_id, "5.00")
    await deal(client, client.user_id, "70.00")

    assert (await forecast(member))["userId"] == str(member.user_id)
    assert amounts((await forecast(member))["total"])["bestCase"] == "5.00"
    assert amounts((await forecast(member, userId=client.user_id))["total"])["bestCase"] == "70.00"


async def test_a_key_needs_the_scopes_of_all_that_a_forecast_is_made_of(client: Client, world: World) -> None:
    needed = ["opportunities:read", "quotas:read", "forecast-adjustments:read", "users:read"]
    for left_out in needed:
        key = await world.key_of(client, scopes=[one for one in needed if one != left_out])
        refused = await key.get("/forecasts", params={"period": "2026-Q4"})
        assert (refused.status_code, refused.json()["code"]) == (403, "missingScope")
    assert (await forecast(await world.key_of(client, scopes=needed)))["period"] == "2026-Q4"


async def test_what_moves_to_another_manager_moves_with_all_its_deals(client: Client) -> None:
    one, two = [await make_user(client, name=name) for name in ("One", "Two")]
    rep = await make_user(client, name="Rep", managerId=one["id"])
    await deal(client, rep["id"], "5.00")
    assert (await client.patch(f"/users/{rep['id']}", json={"managerId": two["id"]})).status_code == 200

    assert amounts((await forecast(client, userId=one["id"]))["total"])["bestCase"] == "0.00"
    assert amounts((await forecast(client, userId=two["id"]))["total"])["bestCase"] == "5.00"


async def test_amounts_are_converted_by_the_rate_of_their_day_and_rounded_once(client: Client) -> None:
    await make_exchange_rate(client, validFrom="2026-10-01", rate="1.5")
    await make_exchange_rate(client, validFrom="2026-11-01", rate="1.25")
    await make_exchange_rate(client, validFrom="9000-01-01", rate="9")
    for amount, day in (("10.01", "2026-10-31"), ("0.02", "2026-11-01"), ("0.02", "2026-11-02")):
        await deal(client, client.user_id, amount, "GBP", closeDate=day, stage="closedWon")
    await deal(client, client.user_id, "4.00", "GBP", closeDate="2026-12-31", stage="closedWon")

    # 10.01 * 1.5 = 15.015 of October is 15.02, 0.04 * 1.25 of November 0.05; December is worth what it is today.
    assert amounts((await forecast(client))["total"])["closed"] == "20.07"
    assert amounts((await forecast(client, currency="GBP"))["total"])["closed"] == "14.05"


async def test_what_has_no_rate_is_listed_and_not_dropped(client: Client) -> None:
    await deal(client, client.user_id, "70.00", "CHF")
    await deal(client, client.user_id, "7.00", "CHF")
    await deal(client, client.user_id, "5.00")
    await make_quota(client, client.user_id, amount={"amount": "10.00", "currency": "SEK"})

    shown = await forecast(client)
    assert sums(shown["total"])["bestCase"] == (1, "5.00", "2.00")
    chf = {"object": "opportunity", "currency": "CHF", "count": 2, "amount": "77.00", "expectedAmount": "30.80"}
    sek = {"object": "quota", "currency": "SEK", "count": 1, "amount": "10.00", "expectedAmount": None}
    assert shown["unconverted"] == [chf, sek]
    assert shown["total"]["quota"] is None


async def test_quotas_of_a_team_go_before_those_of_its_people_and_of_a_quarter_before_its_months(
    client: Client,
) -> None:
    top = await make_user(client, name="Top")
    rep, other = [await make_user(client, name=name, managerId=top["id"]) for name in ("Rep", "Other")]
    await make_quota(client, rep["id"], period="2026-10", amount=eur("100"))
    await make_quota(client, rep["id"], period="2026-12", amount=eur("200"))
    await make_quota(client, other["id"], amount=eur("1000"))
    await make_quota(client, other["id"], period="2026-11", amount=eur("7"))
    await deal(client, rep["id"], "200.01", stage="closedWon")

    shown = await forecast(client, userId=top["id"])
    assert [one["quota"] for one in shown["rows"]] == [None, "1000.00", "300.00"]
    assert (row(shown, "Rep")["attainmentPercent"], row(shown, "Rep")["gap"]) == ("66.67", "99.99")
    assert (shown["total"]["quota"], shown["total"]["gap"]) == ("1300.00", "1099.99")
    await make_quota(client, top["id"], scope="team", amount=eur("5000"))
    assert (await forecast(client, userId=top["id"]))["total"]["quota"] == "5000.00"
    assert (await forecast(client, userId=top["id"], period="2026"))["total"]["quota"] == "5000.00"
    assert (await forecast(client, userId=rep["id"], period="2026-10"))["total"]["quota"] == "100.00"


async def test_adjustments_stand_beside_what_is_computed_and_count_in_the_total(client: Client, world: World) -> None:
    boss, member = await world.member_of(client), await world.member_of(client)
    rep = (await client.patch(f"/users/{member.user_id}", json={"name": "Rep", "managerId": str(boss.user_id)})).json()
    await deal(client, rep["id"], "500.00", forecastCategory="commit")
    own = await make_adjustment(member, amount=eur("450"), note="One slips")
    assert (own["userId"], own["byUserId"]) == (rep["id"], rep["id"])
    assert row(await forecast(boss), "Rep")["categories"]["commit"]["adjusted"] == "450.00"
    word = await make_adjustment(boss, userId=rep["id"], amount=eur("400"))

    shown = await forecast(boss)
    commit = row(shown, "Rep")["categories"]["commit"]
    assert (commit["amount"], commit["adjusted"]) == ("500.00", "400.00")
    assert [(one["id"], one["amount"], one["note"]) for one in commit["adjustments"]] == [
        (own["id"], "450.00", "One slips"),
        (word["id"], "400.00", None),
    ]
    total = shown["total"]["categories"]["commit"]
    assert (total["amount"], total["adjusted"], total["adjustments"]) == ("500.00", "400.00", [])


async def test_of_one_pipeline_there_are_neither_quotas_nor_adjustments(client: Client) -> None:
    pipeline = await make_pipeline(client)
    await deal(client, client.user_id, "5.00", pipelineId=pipeline["id"])
    await deal(client, client.user_id, "70.00")
    await make_quota(client, client.user_id)

    shown = await forecast(client, pipelineId=pipeline["id"])
    assert (amounts(shown["total"])["bestCase"], shown["total"]["quota"]) == ("5.00", None)


async def test_the_fiscal_calendar_is_that_of_the_tenant(client: Client, world: World) -> None:
    assert (await client.get("/forecast-settings")).json() == {"startsInMonth": 1, "yearNamedBy": "end"}
    member = await world.member_of(client)
    assert (await member.patch("/forecast-settings", json={"startsInMonth": 4})).status_code == 403
    changed = await client.patch("/forecast-settings", json={"startsInMonth": 4})
    assert changed.json() == {"startsInMonth": 4, "yearNamedBy": "end"}
    await deal(client, client.user_id, "5.00", closeDate="2027-03-31")

    shown = await forecast(client, period="2027-Q4")
    assert (shown["startsOn"], shown["endsOn"]) == ("2027-01-01", "2027-03-31")
    assert amounts(shown["total"])["bestCase"] == "5.00"
    assert (await client.patch("/forecast-settings", json={"yearNamedBy": "start"})).json()["startsInMonth"] == 4
    assert amounts((await forecast(client, period="2026-Q4"))["total"])["bestCase"] == "5.00"


async def test_of_another_tenant_nothing_counts(client: Client, stranger: Client) -> None:
    await deal(stranger, stranger.user_id, "5.00")
    await make_quota(stranger, stranger.user_id)

    shown = await forecast(client)
    assert (amounts(shown["total"])["bestCase"], shown["total"]["quota"]) == ("0.00", None)
    foreign = await client.get("/forecasts", params={"period": "2026-Q4", "userId": str(stranger.user_id)})
    assert foreign.status_code == 404


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({}, "period"),
        ({"period": "2026-Q5"}, "period"),
        ({"period": "2026-Q4", "userId": "me"}, "userId"),
        ({"period": "2026-Q4", "currency": "XXL"}, "currency"),
        ({"period": "2026-Q4", "asOf": "yesterday"}, "asOf"),
        ({"period": "2026-Q4", "asOf": date.max.isoformat(), "currency": "EUR"}, "currency"),
        ({"period": "2026-Q4", "team": "me"}, "team"),
    ],
)
async def test_what_is_no_question_is_named(client: Client, asked: dict[str, str], pointer: str) -> None:
    refused = await client.get("/forecasts", params=asked)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer)
