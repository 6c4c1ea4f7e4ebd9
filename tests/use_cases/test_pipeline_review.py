"""Pipeline review and forecasting: one meeting of a sales team, and the look back in the next."""

from typing import Any

import pytest

from app.domain.kernel.clock import utc_now
from tests.factories.accounts import make_account
from tests.factories.forecasting import make_adjustment, make_quota
from tests.factories.making import make
from tests.world import Client, World

STAGES: list[dict[str, Any]] = [
    {
        "key": "prospecting",
        "label": "Prospecting",
        "probability": 10,
        "forecastCategory": "pipeline",
        "outcome": "open",
    },
    {"key": "proposal", "label": "Proposal", "probability": 50, "forecastCategory": "bestCase", "outcome": "open"},
    {
        "key": "negotiation",
        "label": "Negotiation",
        "probability": 75,
        "forecastCategory": "commit",
        "outcome": "open",
        "requires": ["amount", "closeDate"],
        "next": ["proposal", "won", "lost"],
    },
    {"key": "won", "label": "Won", "probability": 100, "forecastCategory": "closed", "outcome": "won"},
    {"key": "lost", "label": "Lost", "probability": 0, "forecastCategory": "omitted", "outcome": "lost"},
]


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


@pytest.fixture
async def pipeline(client: Client) -> dict[str, Any]:
    """As an administrator has set it up: a deal in negotiation may fall back to the proposal, and no further."""
    return await make(client, "pipelines", {"name": "Projects", "stages": STAGES}, {})


async def test_the_weekly_review(client: Client, world: World, pipeline: dict[str, Any]) -> None:
    rep = await world.member_of(client)
    account = await make_account(client, name="XYZ Corp")

    async def deal(name: str, stage: str, amount: str) -> dict[str, Any]:
        given = {
            "name": name,
            "stage": stage,
            "amount": eur(amount),
            "closeDate": "2026-12-15",
            "accountId": account["id"],
        }
        return await make(rep, "opportunities", given | {"pipelineId": pipeline["id"], "ownerId": str(rep.user_id)}, {})

    xyz = await deal("Deal with XYZ Corp", "negotiation", "200000.00")
    sure = await deal("Extension", "negotiation", "80000.00")
    await deal("Pilot", "prospecting", "40000.00")

    # The manager looks at the funnel, and then at what is in negotiation.
    board = (await client.get(f"/pipelines/{pipeline['id']}/board")).json()
    columns = {one["key"]: one for one in board["data"]}
    assert {key: one["count"] for key, one in columns.items()} == {
        "prospecting": 1,
        "proposal": 0,
        "negotiation": 2,
        "won": 0,
        "lost": 0,
    }
    (in_euros,) = columns["negotiation"]["sums"]
    assert (in_euros["currency"], in_euros["amount"], in_euros["expectedAmount"]) == ("EUR", "280000.00", "210000.00")
    assert {one["id"] for one in columns["negotiation"]["opportunities"]} == {xyz["id"], sure["id"]}

    # The client reads the proposal again: back it goes, and the weighted amount with it.
    assert xyz["expectedAmount"] == eur("150000.00")
    too_far = await rep.post(f"/opportunities/{xyz['id']}/move", json={"stage": "prospecting"})
    assert (too_far.status_code, too_far.json()["code"]) == (409, "stageNotAllowed")
    moved = (await rep.post(f"/opportunities/{xyz['id']}/move", json={"stage": "proposal"})).json()
    assert (moved["probability"], moved["forecastCategory"], moved["expectedAmount"]) == (
        50,
        "bestCase",
        eur("100000.00"),
    )

    # The other one is won, and stays so.
    won = (await rep.post(f"/opportunities/{sure['id']}/win", json={})).json()
    assert (won["status"], won["stage"], won["probability"]) == ("won", "won", 100)
    closed = await rep.patch(f"/opportunities/{sure['id']}", json={"stage": "negotiation"})
    assert (closed.status_code, closed.json()["code"]) == (409, "opportunityClosed")

    stays = (await client.get(f"/opportunities/{xyz['id']}/stage-history")).json()["data"]
    assert [one["stage"] for one in stays] == ["negotiation", "proposal"]


async def test_the_forecast_of_the_month(
    client: Client, world: World, pipeline: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = utc_now()
    monkeypatch.setattr("app.domain.forecasting.service.utc_now", lambda: now)
    manager, rep = await world.member_of(client), await world.member_of(client)
    assert (await client.patch(f"/users/{rep.user_id}", json={"managerId": str(manager.user_id)})).status_code == 200
    today, month = now.date().isoformat(), f"{now:%Y-%m}"
    await make_quota(client, rep.user_id, period=month, amount=eur("100000.00"))

    async def deal(name: str, amount: str) -> dict[str, Any]:
        given = {"name": name, "stage": "negotiation", "amount": eur(amount), "closeDate": today}
        return await make(rep, "opportunities", given | {"pipelineId": pipeline["id"], "ownerId": str(rep.user_id)}, {})

    async def report(**asked: str) -> dict[str, Any]:
        shown = (await manager.get("/forecasts", params={"period": month, **asked})).json()
        (row,) = [one for one in shown["rows"] if one["kind"] == "report"]
        return dict(row)

    xyz, sure = await deal("Deal with XYZ Corp", "200000.00"), await deal("Extension", "80000.00")
    commit = (await report())["categories"]["commit"]
    assert (commit["count"], commit["amount"], commit["weighted"]) == (2, "280000.00", "210000.00")
    taken = (await client.post("/forecasts/snapshots")).json()

    # One falls back, and the weighted forecast with it at once; the manager trusts in less than the rest.
    await rep.post(f"/opportunities/{xyz['id']}/move", json={"stage": "proposal"})
    await make_adjustment(manager, userId=str(rep.user_id), period=month, amount=eur("70000.00"))
    categories = (await report())["categories"]
    assert (categories["bestCase"]["weighted"], categories["commit"]["weighted"]) == ("100000.00", "60000.00")
    assert (categories["commit"]["amount"], categories["commit"]["adjusted"]) == ("80000.00", "70000.00")

    # The other one is won, and counts against the quota.
    await rep.post(f"/opportunities/{sure['id']}/win", json={"closeDate": today})
    row = await report()
    assert (row["categories"]["closed"]["amount"], row["attainmentPercent"], row["gap"]) == (
        "80000.00",
        "80.00",
        "20000.00",
    )

    # In the next meeting they look what it was in this one.
    then = (await report(asOf=taken["day"]))["categories"]["commit"]
    assert (then["amount"], then["adjusted"], then["adjustments"]) == ("280000.00", "280000.00", [])
