"""Of which fields a forecast tells, and how far down it goes."""

import pytest

from app.domain.forecasting.rules import DEEPEST
from app.domain.kernel.clock import utc_now
from tests.contract.convention import is_problem
from tests.factories.forecasting import make_adjustment, make_quota
from tests.factories.pipeline import make_opportunity
from tests.forecasting.asking import Json, eur, forecast
from tests.isolation.narrowing import seeing_less
from tests.world import Client, World

YEAR = utc_now().year + 1  # which a snapshot has whenever it is taken
PERIOD, CLOSES = {"period": f"{YEAR}-Q4"}, f"{YEAR}-11-10"
HIDDEN = {
    "opportunity": ("owner_id", "close_date", "forecast_category", "amount", "expected_amount"),
    "quota": ("user_id", "period", "scope", "amount"),
    "forecastAdjustment": ("user_id", "by_user_id", "period", "category", "amount", "note"),
    "user": ("name", "manager_id", "status"),
}


@pytest.mark.parametrize("kind", HIDDEN)
async def test_who_does_not_see_a_field_gets_no_forecast_made_of_it(world: World, client: Client, kind: str) -> None:
    amount = eur("7310.50")
    await make_opportunity(client, ownerId=str(client.user_id), amount=amount, closeDate=CLOSES)
    await make_quota(client, client.user_id, amount=amount, **PERIOD)
    await make_adjustment(client, amount=amount, note=amount["amount"], **PERIOD)
    assert (await client.post("/forecasts/snapshots")).status_code == 200
    (day,) = (await client.get("/forecasts/trend", params=PERIOD)).json()["data"]

    for field in HIDDEN[kind]:
        async with seeing_less(world, client, hidden={kind: frozenset({field})}) as viewer:
            for path, more in (("/forecasts", {}), ("/forecasts", {"asOf": day["day"]}), ("/forecasts/trend", {})):
                told = is_problem(await viewer.get(path, params=PERIOD | more), 403, "fieldHidden")
                assert "7310.5" not in str(told)


async def test_a_field_that_no_forecast_tells_of_may_be_hidden(world: World, client: Client) -> None:
    hidden = {"opportunity": frozenset({"next_step"}), "user": frozenset({"region", "email"})}
    async with seeing_less(world, client, hidden=hidden) as viewer:
        assert (await forecast(viewer))["total"] == (await forecast(client))["total"]


async def chain(client: Client, length: int) -> list[Json]:
    """Each manages the next."""
    operations = [
        {
            "id": f"u{place}",
            "method": "POST",
            "path": "/users",
            "body": {
                "name": f"U{place}",
                "email": f"u{place}@b.example",
                "managerId": {"$ref": f"u{place - 1}.id"} if place else None,
            },
        }
        for place in range(length)
    ]
    answer = await client.post("/batch", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    return [one["body"] for one in answer.json()["results"]]


async def test_a_forecast_goes_down_a_hundred_managers_and_refuses_to_go_deeper(client: Client) -> None:
    people = await chain(client, DEEPEST + 2)
    await make_opportunity(client, ownerId=people[-1]["id"], amount=eur("5.00"), closeDate=CLOSES)

    shown = await forecast(client, userId=people[1]["id"], **PERIOD)
    assert (shown["total"]["people"], shown["total"]["categories"]["bestCase"]["amount"]) == (DEEPEST + 1, "5.00")
    for above in ({"userId": people[0]["id"]}, {}):
        told = is_problem(await client.get("/forecasts", params=PERIOD | above), 422, "hierarchyTooDeep")
        assert (told["errors"][0]["pointer"], told["errors"][0]["params"]) == ("userId", {"deepest": DEEPEST})
