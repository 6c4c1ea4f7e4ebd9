"""Random organisations: what the API shows is what the plain reference counts, and planted faults are seen."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from app.domain.forecasting import rules, service
from app.repositories import forecast_sums, forecasting
from app.repositories.compile import StatementCache
from tests.factories.forecasting import make_adjustment, make_quota
from tests.factories.pipeline import make_pipeline
from tests.forecasting.asking import Json, forecast
from tests.forecasting.reference import CORPORATE, ORDER, Deal, Model, exact
from tests.world import Client, World

LONG_AGO = date(2000, 1, 1)
KNOWN_DAY = date(2026, 11, 22)
BORDERS = (date(2026, 12, 31), date(2027, 1, 1), date(2028, 2, 29))
CURRENCIES = ["EUR", "EUR", "GBP", "JPY", "CHF", "KWD"]
STAGES = [("engaging", "open"), ("prospecting", "open"), ("closedWon", "won"), ("closedLost", "lost")]


async def batch(client: Client, path: str, bodies: list[Json]) -> list[Json]:
    made: list[Json] = []
    for start in range(0, len(bodies), 50):
        operations = [{"method": "POST", "path": path, "body": one} for one in bodies[start : start + 50]]
        answer = await client.post("/batch", json={"operations": operations})
        assert answer.status_code == 200, answer.text
        made += [one["body"] for one in answer.json()["results"]]
    return made


async def people(client: Client, random: Random, number: int) -> dict[str, str | None]:
    managers: dict[str, str | None] = {str(client.user_id): None}
    for n in range(number):
        above = random.choice([None, *managers])
        user = {"name": f"{random.randrange(9)}", "email": f"{n}@model.example", "managerId": above}
        (made,) = await batch(client, "/users", [user])
        managers[made["id"]] = above
    return managers


def amount(random: Random, *places: int) -> str:
    """Often such that a conversion comes to the half of a cent."""
    return f"{Decimal(random.choice([random.randrange(1, 9), random.randrange(1, 10**9)])) / 10 ** random.choice(places):f}"


async def add_deals(client: Client, random: Random, model: Model, number: int) -> None:
    default = (await client.get("/pipelines?isDefault=true")).json()["data"][0]["id"]
    pipelines = [default, (await make_pipeline(client))["id"]]
    bodies = []
    for n in range(number):
        stage, _ = random.choice(STAGES)
        money = {"amount": amount(random, 0, 2, 4), "currency": random.choice(CURRENCIES)}
        day = date(model.today.year, random.randrange(1, 13), random.randrange(1, 29)) + timedelta(
            days=random.randrange(-200, 400)
        )
        body = {
            "name": f"{n}",
            "ownerId": random.choice([None, *model.managers]),
            "pipelineId": random.choice(pipelines),
            "stage": stage,
            "closeDate": day.isoformat(),
            "amount": random.choice([money, money, money, None]),
        }
        bodies.append(body | ({"forecastCategory": "commit"} if stage == "engaging" and n % 2 else {}))
    for one in await batch(client, "/opportunities", [*bodies, *traps(str(client.user_id), model.today.year)]):
        money, weighted = (one[name] or {"amount": None, "currency": "EUR"} for name in ("amount", "expectedAmount"))
        day, category = date.fromisoformat(one["closeDate"]), one["forecastCategory"]
        known = money["amount"], weighted["amount"], money["currency"]
        model.deals.append(Deal(one["ownerId"], one["pipelineId"], day, category, *known))


def traps(owner: str, year: int) -> list[Json]:
    """Two ties that are none together, a rate that has changed, and none at all."""
    deals = [("0.02", "SEK", "01-15"), ("0.02", "SEK", "02-15"), ("7", "NOK", "01-01"), ("7", "NOK", "12-31")]
    return [
        {
            "name": currency,
            "ownerId": owner,
            "stage": "closedWon",
            "closeDate": f"{year}-{day}",
            "amount": {"amount": value, "currency": currency},
        }
        for value, currency, day in [*deals, ("5", "CHF", "03-01")]
    ]


async def add_plans(client: Client, random: Random, model: Model) -> None:
    def money() -> tuple[str, str]:
        return amount(random, 0, 2), random.choice(["EUR", "GBP", "JPY"])

    year = model.today.year
    periods = [f"{year}-Q{n}" for n in range(1, 5)] + [f"{year}-{n:02}" for n in range(1, 13)]
    for _ in range(25):
        key = random.choice([*model.managers]), random.choice(["own", "own", "team"]), random.choice(periods)
        if key not in model.quotas:
            user, scope, period = key
            value, currency = model.quotas[key] = money()
            given = {"amount": value, "currency": currency}
            await make_quota(client, user, scope=scope, period=period, amount=given)
    me = str(client.user_id)
    for of in model.managers:
        period, category = random.choice(periods[:4]), random.choice(ORDER)
        value, currency = model.words[me, of, period, category] = money()
        given = {"amount": value, "currency": currency}
        await make_adjustment(client, userId=of, period=period, category=category, amount=given)


def set_today(patch: pytest.MonkeyPatch, today: date) -> None:
    """It is noon of that day whenever a forecast is asked for."""
    patch.setattr(service, "utc_now", lambda: datetime.combine(today, time(12), UTC))


async def organisation(world: World, random: Random, today: date) -> tuple[Client, Model]:
    client, begins = await world.tenant(), random.choice([1, 4, 10])
    await client.patch("/forecast-settings", json={"startsInMonth": begins})
    model = Model(today, begins, await people(client, random, 7))
    rates = {(random.choice(["GBP", "JPY", "KWD"]), today - timedelta(random.randrange(-40, 250))) for _ in range(12)}
    for currency, since in rates:
        rate = random.choice(["1.25", "0.0625", "3", "0.333", "1.1462"])
        model.rates.append((currency, since, rate))
    model.rates += [("SEK", LONG_AGO, "1.25"), ("NOK", LONG_AGO, "2"), ("NOK", today, "3")]
    bodies = [{"currency": one, "validFrom": since.isoformat(), "rate": rate} for one, since, rate in model.rates]
    await batch(client, "/exchange-rates", bodies)
    await add_deals(client, random, model, 90)
    await add_plans(client, random, model)
    return client, model


def check(model: Model, shown: Json, period: str, into: str, user: str | None, pipeline: str | None) -> None:
    rows: dict[Any, list[str | None]] = {("own", user): [user]} if user else {("unassigned", None): [None]}
    rows |= {("report", one): [*model.below(one)] for one, above in model.managers.items() if above == user}
    assert {(one["kind"], one["userId"]) for one in shown["rows"]} == set(rows)
    everybody = [*model.below(user), *([] if user else [None])]
    for one in (*shown["rows"], shown["total"]):
        among = everybody if one["kind"] == "total" else rows[one["kind"], one["userId"]]
        expected, surer = model.sums(among, period, into, pipeline), 0
        for name in reversed(ORDER):
            found = one["categories"][name]
            surer += expected[name][1]
            assert (found["count"], exact(found["amount"]), exact(found["weighted"])) == expected[name], (one, name)
            assert exact(found["cumulative"]) == surer
            if one["kind"] == "report" and pipeline is None:
                word = model.word(one["userId"], period, name, into)
                assert exact(found["adjusted"]) == (expected[name][1] if word is None else word)
        if one["kind"] in ("own", "report") and pipeline is None:
            scope = "own" if one["kind"] == "own" else "team"
            assert exact(one["quota"]) == model.quota(one["userId"], period, into, scope)
    missing = [one for one in shown["unconverted"] if one["object"] == "opportunity"]
    assert {one["currency"]: one["count"] for one in missing} == model.left_out(everybody, period, into, pipeline)


async def compare(client: Client, model: Model, random: Random, questions: int) -> None:
    year = model.today.year
    periods = [
        f"{year}",
        f"{year + 1}",
        *(f"{year}-Q{n}" for n in range(1, 5)),
        f"{year}-{model.today.month:02}",
        f"{year}-03",
    ]
    pipelines = sorted({one.pipeline for one in model.deals})
    everybody = [(period, CORPORATE, None, None) for period in periods]
    asked = [
        (
            random.choice(periods),
            random.choice([CORPORATE, "GBP", "JPY", "KWD"]),
            random.choice([None, *model.managers]),
            random.choice([None, None, *pipelines]),
        )
        for _ in range(questions)
    ]
    for period, into, user, pipeline in [*everybody, *asked]:
        params = {"userId": user, "pipelineId": pipeline} if user or pipeline else {}
        given = {name: value for name, value in params.items() if value}
        shown = await forecast(client, period=period, currency=into, **given)
        check(model, shown, period, into, user, pipeline)


async def test_a_forecast_shows_what_plain_counting_comes_to(
    world: World, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    today = random.choice([*BORDERS, BORDERS[0] - timedelta(random.randrange(365))])
    set_today(monkeypatch, today)
    client, model = await organisation(world, random, today)
    await compare(client, model, random, 12)


def swapped(where: Any, name: str, old: str, new: str) -> Callable[[pytest.MonkeyPatch], None]:
    def plant(patch: pytest.MonkeyPatch) -> None:
        assert old in getattr(where, name)
        patch.setattr(where, name, getattr(where, name).replace(old, new))

    return plant


def only_direct(patch: pytest.MonkeyPatch) -> None:
    def branches(staff: rules.Staff) -> dict[Any, Any]:
        found = {one.id: one.id for one in staff.reports(staff.root)}
        return found if staff.root is None else {**found, staff.root: staff.root}

    patch.setattr(rules.Staff, "branches", property(branches))


def own_word_first(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "_word", lambda person, said: said[0].amount if said and person.manager_id is None else None)


FAULTS = {
    "rates of today for all": swapped(forecast_sums, "PART", "least(seen.close_date, :today)", ":today"),
    "rates of the first day": swapped(forecast_sums, "RATE", "order by valid_from desc", "order by valid_from"),
    "what has no rate is dropped": swapped(forecast_sums, "PART", "from seen\n  left join", "from seen\n  join"),
    "a deal is counted with what is missing": swapped(forecast_sums, "LEAF", "part.missing is not true", "true"),
    "rounded by owner": swapped(
        forecast_sums, "LEAF", ", part.pipeline_id, part.month, part.category", ", part.category"
    ),
    "half away from zero": swapped(forecast_sums, "FOUND", "% 1 = 0.5", "% 1 = 0.7"),
    "weighted as amount": swapped(forecast_sums, "PART", "sum(seen.expected_amount * ", "sum(seen.amount * "),
    "only who reports directly": only_direct,
    "the word of the manager does not count": own_word_first,
}


@pytest.fixture(scope="module")
async def known(world: World) -> tuple[Client, Model]:
    return await organisation(world, Random(7), KNOWN_DAY)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_is_seen(
    known: tuple[Client, Model], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, model = known
    set_today(monkeypatch, KNOWN_DAY)
    FAULTS[fault](monkeypatch)
    monkeypatch.setattr(forecasting, "CACHE", StatementCache())
    with pytest.raises(AssertionError):
        await compare(client, model, Random(7), 25)


async def test_without_a_fault_nothing_is_seen(known: tuple[Client, Model], monkeypatch: pytest.MonkeyPatch) -> None:
    set_today(monkeypatch, KNOWN_DAY)
    await compare(*known, Random(7), 25)
