"""What was kept about assignment, scores and forecasts goes when it is old, and what anybody still needs of it stays."""

from calendar import monthrange
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from app.repositories import scoring, snapshots
from app.repositories.housekeeping import connected
from app.settings import Settings
from app.workers.housekeeping import CHUNK, chores, forget_old_decisions, forget_old_scores, thin_old_snapshots
from tests.factories.assignment import make_assignment_rule
from tests.factories.forecasting import make_quota
from tests.factories.governance import make_user
from tests.factories.leads import make_lead
from tests.factories.scoring import behave, behaviour, make_scoring_model, scoring_rule
from tests.world import Client, Place, World

DAYS = 400
DECISIONS = """
insert into assignment_decision (tenant_id, id, object, record_id, at)
select $1, gen_random_uuid(), 'lead', gen_random_uuid(), now() - age from unnest($2::interval[]) age
"""
SCORES = """
insert into score_change (tenant_id, lead_id, version, at, score, cause, facts)
select $1, lead, version, now() - age, 1, 'lead', '[]'
  from unnest($2::uuid[], $3::bigint[], $4::interval[]) one(lead, version, age)
"""
SNAPSHOTS = """
insert into forecast_snapshot (tenant_id, day, taken_at, starts_on, ends_on, starts_in_month, year_named_by, currency,
                               people, plan)
select $1, day, now(), day, day, 1, 'start', 'EUR', '[]', '[]' from unnest($2::date[]) day
"""
FIGURES = """
insert into forecast_figure (tenant_id, day, place, pipeline_id, month, category, number, missing)
select $1, day, place, gen_random_uuid(), day, 'commit', 1, false from unnest($2::date[]) day, generate_series(1, 3) place
"""
OLDER = {
    "assignment_decision": "update assignment_decision set at = at - interval '500 days' where tenant_id = $1",
    "score_change": "update score_change set at = at - interval '500 days' where tenant_id = $1",
    "forecast_snapshot": "update forecast_snapshot set day = day - 500 where tenant_id = $1",
    "forecast_figure": "update forecast_figure set day = day - 500 where tenant_id = $1",
}


async def run(place: Place, statement: str, *given: Any) -> list[asyncpg.Record]:
    async with place.connect() as administrator:
        return list(await administrator.fetch(statement, *given))


async def purge(place: Place, act: Callable[[int, asyncpg.Connection], Awaitable[None]], days: int = DAYS) -> None:
    async with connected(place.url, "rapport_owner") as owner:
        await act(days, owner)


async def test_decisions_go_when_they_are_old_and_not_a_minute_sooner(place: Place) -> None:
    tenant_id, minute = uuid7(), timedelta(minutes=1)
    kept = [timedelta(days=DAYS) - minute, timedelta(days=1)]
    old = [timedelta(days=DAYS) + minute, *[timedelta(days=3 * DAYS)] * (2 * CHUNK)]
    await run(place, DECISIONS, tenant_id, kept + old)
    await purge(place, forget_old_decisions)
    left = await run(place, "select now() - at as age from assignment_decision where tenant_id = $1", tenant_id)
    assert sorted(one["age"].days for one in left) == [1, DAYS - 1]


async def scores_left(place: Place, seed: int) -> tuple[set[tuple[UUID, int]], set[tuple[UUID, int]]]:
    """Of leads whose score changed at random times: what is there after the purge, and what has to be."""
    random, tenant_id = Random(seed), uuid7()
    changes = []
    for lead in (uuid7() for _ in range(300)):
        ages = sorted(
            (random.choice([1, 399, 401, random.randint(1, 1_500)]) for _ in range(random.randint(1, 6))), reverse=True
        )
        changes += [(lead, version, age) for version, age in enumerate(ages, 1)]
    columns = [[one[0] for one in changes], [one[1] for one in changes], [timedelta(days=one[2]) for one in changes]]
    await run(place, SCORES, tenant_id, *columns)
    await purge(place, forget_old_scores)
    rows = await run(place, "select lead_id, version from score_change where tenant_id = $1", tenant_id)
    newest = {lead: version for lead, version, _ in changes}
    must = {(lead, version) for lead, version, age in changes if age < DAYS or version == newest[lead]}
    return {(one["lead_id"], one["version"]) for one in rows}, must


@pytest.mark.parametrize("seed", range(3))
async def test_changes_of_scores_go_when_they_are_old_but_for_the_last_of_each_lead(place: Place, seed: int) -> None:
    left, must = await scores_left(place, seed)
    assert left == must


async def test_a_purge_that_takes_the_last_score_is_seen(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = scoring._OLD.replace("later.version > o.version", "later.version >= o.version")
    assert planted != scoring._OLD
    monkeypatch.setattr(scoring, "_OLD", planted)
    left, must = await scores_left(place, 1)
    assert left < must


def kept_days(today: date) -> int:
    """So many that the last day that is not old is a Wednesday whose Thursday is of the same month: a limit that is wrong
    by one shows on every day of the year."""
    last = (today - timedelta(days=number) for number in range(DAYS, DAYS + 14))
    return next((today - day).days for day in last if day.weekday() == 2 and (day + timedelta(days=1)).day > 1)


def thinned(days: Sequence[date], today: date) -> set[date]:
    """What has to stay, by a calendar on paper: the days that are not old, and the last of each week and month."""
    recent = {day for day in days if today - day <= timedelta(days=kept_days(today))}
    weeks = {day.isocalendar()[:2]: day for day in sorted(days)}
    months = {(day.year, day.month): day for day in sorted(days)}
    return recent | set(weeks.values()) | set(months.values())


async def snapshots_left(place: Place, seed: int) -> tuple[set[date], set[date]]:
    random, tenant_id, today = Random(seed), uuid7(), utc_now().date()
    often = random.choice([0.05, 0.5, 1.0])
    days = [today - timedelta(days=age) for age in range(800) if random.random() < often]
    days += [today - timedelta(days=kept_days(today) + step) for step in (-1, 0, 1)]
    days = sorted(set(days))
    await run(place, SNAPSHOTS, tenant_id, days)
    await run(place, FIGURES, tenant_id, days)
    await purge(place, thin_old_snapshots, kept_days(today))
    left = await run(place, "select day from forecast_snapshot where tenant_id = $1", tenant_id)
    figures = await run(place, "select day, count(*) from forecast_figure where tenant_id = $1 group by day", tenant_id)
    assert {(one["day"], 3) for one in left} == {(one["day"], one["count"]) for one in figures}
    return {one["day"] for one in left}, thinned(days, today)


@pytest.mark.parametrize("seed", range(6))
async def test_of_old_snapshots_the_last_of_each_week_and_month_stays(place: Place, seed: int) -> None:
    left, must = await snapshots_left(place, seed)
    assert left == must


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("('month', $1", "('year', $1"), ("+ interval '1 week'", "+ interval '8 days'"), ("days => $2", "days => $2 - 1")],
)
async def test_a_calendar_that_is_wrong_is_seen(
    place: Place, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str
) -> None:
    for name in ("_THIN", "_OLD_DAY"):
        monkeypatch.setattr(snapshots, name, getattr(snapshots, name).replace(right, wrong))
    seen = [await snapshots_left(place, seed) for seed in range(6)]
    assert any(left != must for left, must in seen)


async def test_a_month_of_which_something_stays_has_its_last_day(place: Place) -> None:
    left, _ = await snapshots_left(
        place, next(seed for seed in range(99) if Random(seed).choice([0.05, 0.5, 1.0]) == 1)
    )
    whole = {day.replace(day=1) for day in left} - {day.replace(day=1) for day in (min(left), max(left))}
    ends = {day.replace(day=1) for day in left if day.day == monthrange(day.year, day.month)[1]}
    assert len(whole) > 20
    assert whole <= ends


async def test_the_facts_of_a_score_still_add_up_and_turns_go_on_as_they_were(client: Client, world: World) -> None:
    ada, grace = await make_user(client), await make_user(client)
    shares = [{"userId": ada["id"], "weight": 2}, {"userId": grace["id"], "weight": 1}]
    await make_assignment_rule(client, roundRobin=shares)
    visit = behaviour("visit", 30)
    await make_scoring_model(client, rules=[scoring_rule("employees >= 200", 60, "large")], behaviours=[visit])
    leads = [await make_lead(client, employees=500) for _ in range(4)]
    for lead in leads[:2]:
        await behave(client, lead, "visit")
    converted = await client.post(f"/leads/{leads[0]['id']}/convert", json={"opportunity": None})
    assert converted.status_code == 200, converted.text
    for name in ("assignment_decision", "score_change"):
        await run(world.place, OLDER[name], client.tenant_id)
    await purge(world.place, forget_old_decisions)
    await purge(world.place, forget_old_scores)

    for lead, score, frozen in ((leads[0], 90, True), (leads[1], 90, False), (leads[2], 60, False)):
        found = (await client.get("/explain/score", params={"leadId": lead["id"]})).json()
        assert (found["score"], found["recorded"], found["frozen"]) == (score, score, frozen)
        assert sum(one["points"] for one in found["facts"]) == score
        kept = (await client.get(f"/leads/{lead['id']}/scores")).json()["data"]
        assert [one["score"] for one in kept] == [score]
    asked = {"object": "lead", "id": leads[3]["id"]}
    assert (await client.get("/explain/assignment", params=asked)).json()["data"] == []

    leads += [await make_lead(client) for _ in range(5)]
    assert Counter(one["ownerId"] for one in leads) == {ada["id"]: 6, grace["id"]: 3}


async def test_a_snapshot_that_stays_is_read_as_it_was(client: Client, world: World) -> None:
    await make_quota(client, client.user_id, period=f"{utc_now().year}-Q4")
    taken = date.fromisoformat((await client.post("/forecasts/snapshots")).json()["day"])
    for name in ("forecast_figure", "forecast_snapshot"):
        await run(world.place, OLDER[name], client.tenant_id)
    await purge(world.place, thin_old_snapshots)
    asked = {"period": f"{taken.year}-Q4", "asOf": (taken - timedelta(days=500)).isoformat()}
    assert (await client.get("/forecasts", params=asked)).status_code == 200
    trend = (await client.get("/forecasts/trend", params={"period": asked["period"]})).json()["data"]
    assert [one["day"] for one in trend] == [asked["asOf"]]


async def test_what_is_kept_for_ever_is_not_purged(place: Place) -> None:
    given = {"database_url": place.url, "redis_url": place.redis_url}
    usual = {one.name for one in chores(Settings(**given))}
    ever = {"decisions_kept_days": 0, "scores_kept_days": 0, "snapshots_kept_days": 0}
    without = {one.name for one in chores(Settings(**given, **ever))}
    assert usual - without == {"forgetting old decisions", "forgetting old scores", "thinning old snapshots"}
