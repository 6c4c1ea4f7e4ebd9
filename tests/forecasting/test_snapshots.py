"""What a forecast was: taken every morning, and read as it was then."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.forecasting.rules import MORNING, next_morning
from app.domain.kernel.clock import utc_now
from app.domain.kernel.work import LeaseLost
from tests.factories.currencies import make_exchange_rate
from tests.factories.forecasting import make_adjustment, make_quota
from tests.factories.governance import make_user
from tests.factories.pipeline import make_opportunity
from tests.forecasting.asking import amounts, eur, forecast, row
from tests.forecasting.mornings import Clock
from tests.world import Client, World

YEAR = utc_now().year + 1  # which a snapshot has whenever it is taken, and whether years begin in January or in April
QUARTER, MONTH, CLOSES = f"{YEAR}-Q1", f"{YEAR}-02", f"{YEAR}-02-01"
pytestmark = pytest.mark.usefixtures("now")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"])


@given(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)), ZONES)  # noqa: DTZ001  # the zone is added
def test_the_next_morning_is_the_first_six_of_the_clock_after_now(now: datetime, zone: str) -> None:
    at = next_morning(now, zone)
    assert at > now
    assert at.astimezone(ZoneInfo(zone)).time() == MORNING
    assert at.astimezone(UTC) - now <= timedelta(days=2)  # one zone has skipped a whole day once
    assert not [
        one
        for days in range(-1, 3)
        if now < (one := datetime.combine(now.date() + timedelta(days), time(6), ZoneInfo(zone))) < at
    ]


async def test_the_first_quota_begins_a_snapshot_of_every_morning(client: Client, clock: Clock, now: datetime) -> None:
    assert await clock.planned(client) == []
    for period in (QUARTER, f"{YEAR + 1}-Q1"):
        await make_quota(client, client.user_id, period=period)
    (first,) = await clock.planned(client)
    assert now < first <= now + timedelta(days=1)

    assert await clock.morning(client) == 1
    (second,) = await clock.planned(client)
    assert second > now
    (day,) = (await client.get("/forecasts/trend", params={"period": QUARTER})).json()["data"]
    assert day["day"] == now.date().isoformat()


async def test_a_worker_that_has_lost_its_lease_takes_none(client: Client, clock: Clock) -> None:
    await make_quota(client, client.user_id)
    (work,) = await clock.claim(client)
    await clock.act(work)
    with pytest.raises(LeaseLost):
        await clock.act(work)
    assert len(await clock.planned(client)) == 1


async def test_a_snapshot_stays_what_it_was(client: Client, world: World, clock: Clock) -> None:
    boss, rep = await make_user(client, name="Boss"), await make_user(client, name="Rep")
    assert (await client.patch(f"/users/{rep['id']}", json={"managerId": boss["id"]})).status_code == 200
    await make_exchange_rate(client)
    deal = await make_opportunity(
        client, ownerId=rep["id"], amount={"amount": "0.10", "currency": "GBP"}, closeDate=CLOSES
    )
    quota = await make_quota(client, rep["id"], period=QUARTER)
    await make_adjustment(client, userId=rep["id"], category="bestCase", period=QUARTER)
    questions = [
        {"period": QUARTER},
        {"period": QUARTER, "userId": boss["id"]},
        {"userId": rep["id"], "period": MONTH},
        {"period": f"{YEAR}-Q4"},
    ]
    questions.append({"pipelineId": deal["pipelineId"], "period": f"{YEAR}"})
    then = [await forecast(client, **asked) for asked in questions]
    assert amounts(row(then[0], "Boss"))["bestCase"] == "0.12"
    taken = (await client.post("/forecasts/snapshots")).json()
    day = taken["day"]

    await client.patch(f"/opportunities/{deal['id']}", json={"amount": eur("9"), "ownerId": None})
    await client.patch(f"/users/{rep['id']}", json={"managerId": None, "name": "Other", "status": "inactive"})
    await client.patch(f"/quotas/{quota['id']}", json={"amount": eur("9")})
    await client.patch("/forecast-settings", json={"startsInMonth": 4})
    await make_exchange_rate(client, validFrom="2026-02-01", rate="3")
    for asked, was in zip(questions, then, strict=True):
        assert await forecast(client, **asked, asOf=day) == was | {"asOf": day}
    assert (await client.post("/forecasts/snapshots")).json() == taken

    await clock.days_pass(client, 3)
    await client.post("/forecasts/snapshots")
    days = (await client.get("/forecasts/trend", params={"period": MONTH})).json()["data"]
    was = (date.fromisoformat(day) - timedelta(days=3)).isoformat()
    assert [(one["day"], one["categories"]["bestCase"]["amount"]) for one in days] == [(was, "0.12"), (day, "9.00")]
    of_boss = {"period": MONTH, "userId": boss["id"]}
    days = (await client.get("/forecasts/trend", params=of_boss)).json()["data"]
    assert [one["categories"]["bestCase"]["count"] for one in days] == [1, 0]


async def test_of_a_day_without_one_the_nearest_is_named(client: Client, clock: Clock) -> None:
    asked = {"period": QUARTER, "asOf": "2020-01-01"}
    refused = (await client.get("/forecasts", params=asked)).json()
    assert (refused["status"], refused["code"], refused["errors"][0]["params"]) == (404, "noSnapshot", {})
    day = (await client.post("/forecasts/snapshots")).json()["day"]
    await clock.days_pass(client, 2)
    refused = (await client.get("/forecasts", params=asked)).json()
    nearest = (date.fromisoformat(day) - timedelta(days=2)).isoformat()
    assert (refused["status"], refused["errors"][0]["params"]) == (404, {"nearest": nearest})
    outside = (await client.get("/forecasts", params={"period": f"{YEAR + 5}", "asOf": nearest})).json()
    assert (outside["status"], outside["code"]) == (400, "notInSnapshot")


async def test_of_many_at_once_one_takes_the_snapshot_of_the_day(client: Client, world: World) -> None:
    await make_opportunity(client, ownerId=str(client.user_id), amount=eur("5"), closeDate=CLOSES)
    answers = await asyncio.gather(*(client.post("/forecasts/snapshots") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    day = answers[0].json()["day"]
    assert amounts((await forecast(client, period=QUARTER, asOf=day))["total"])["bestCase"] == "5.00"
    member = await world.member_of(client)
    assert (await member.post("/forecasts/snapshots")).status_code == 403


async def test_a_snapshot_is_of_its_tenant(client: Client, stranger: Client) -> None:
    day = (await stranger.post("/forecasts/snapshots")).json()["day"]
    refused = await client.get("/forecasts", params={"period": QUARTER, "asOf": day})
    assert refused.status_code == 404
    assert day not in refused.json()["detail"].replace(f"of {day}:", "")
    assert (await client.get("/forecasts/trend", params={"period": QUARTER})).json()["data"] == []
