"""The load through the real API, on the first rows of the files."""

import asyncio
import csv
from datetime import datetime
from functools import partial
from pathlib import Path

import httpx
import pytest

from app import main
from app.api.limits import RateLimiter
from app.demo import LoadFailed, Report, load
from tests.demo.read_back import counted, everything, records, without_ids
from tests.world import Client, running


async def load_through(client: Client, directory: Path) -> Report:
    """In a task of its own, as a process has: a failed group leaves its mark on a task, and a timeout before Python
    3.11.3 takes it for a cancellation.
    """
    transport = httpx.ASGITransport(client.app)
    (report,) = await asyncio.gather(load("http://test", client.key, directory, progress=False, transport=transport))
    return report


def rows_of(directory: Path, file: str) -> list[dict[str, str]]:
    with (directory / file).open(newline="") as opened:
        return list(csv.DictReader(opened))


def iso(american: str) -> str | None:
    return datetime.strptime(american, "%m/%d/%Y").date().isoformat() if american else None  # noqa: DTZ007  # a date


async def test_every_opportunity_can_be_read_as_its_row_says(client, sample):
    report = await load_through(client, sample)
    assert report.complete, report.as_text()
    found = without_ids(await everything(client))
    stages = {"Won": "closedWon", "Lost": "closedLost", "Engaging": "engaging", "Prospecting": "prospecting"}
    for row in rows_of(sample, "sales_pipeline.csv"):
        record = found["opportunities", row["opportunity_id"]]
        product = row["product"].replace("GTXPro", "GTX Pro")
        assert record["name"] == f"{row['account'] or 'No account'} - {product}"
        assert (record["accountId"], record["productId"]) == (row["account"] or None, product)
        assert (record["ownerId"], record["stage"]) == (row["sales_agent"], stages[row["deal_stage"]])
        assert (record["engageDate"], record["closeDate"]) == (iso(row["engage_date"]), iso(row["close_date"]))
        value = row["close_value"]
        assert record["amount"] == ({"amount": f"{value}.00", "currency": "USD"} if value else None)


async def test_every_account_and_user_can_be_read_as_its_row_says(client, sample):
    await load_through(client, sample)
    found = without_ids(await everything(client))
    corrected = {"technolgy": "technology", "Philipines": "Philippines"}
    for row in rows_of(sample, "accounts.csv"):
        record = found["accounts", row["account"]]
        assert record["industry"] == corrected.get(row["sector"], row["sector"])
        assert record["country"] == corrected.get(row["office_location"], row["office_location"])
        assert (record["foundedYear"], record["employees"]) == (int(row["year_established"]), int(row["employees"]))
        assert float(record["annualRevenue"]["amount"]) == round(float(row["revenue"]) * 1_000_000, 2)
        assert record["parentId"] == (row["subsidiary_of"] or None)
        assert record["ownerId"] == "not loaded"
    for row in rows_of(sample, "sales_teams.csv"):
        record = found["users", row["sales_agent"]]
        assert (record["managerId"], record["region"]) == (row["manager"], row["regional_office"])
        assert record["role"] == "member"


async def test_accounts_belong_to_the_first_administrator_whoever_loads(world, client, sample):
    second = await world.member_of(client, role="admin")
    await load_through(second, sample)
    assert {account["ownerId"] async for account in records(client, "/accounts")} == {str(client.user_id)}


async def test_a_second_load_changes_nothing_at_all(client, sample):
    await load_through(client, sample)
    before = await everything(client)
    again = await load_through(client, sample)
    assert await everything(client) == before
    assert {name: count["unchanged"] for name, count in again.counts.items()} == {
        "users": 41,
        "accounts": 85,
        "products": 7,
        "opportunities": 40,
        "stage histories": 40,
    }


async def test_a_corrected_row_is_updated_once(client, sample, change_cell):
    await load_through(client, sample)
    change_cell("sales_pipeline.csv", 2, "account", "")
    again = await load_through(client, sample)
    record = (await everything(client))["opportunities", "1C1I7A6R"]
    assert again.counts["opportunities"] == {"created": 0, "updated": 1, "unchanged": 39, "notLoaded": 0}
    assert (record["name"], record["accountId"], record["version"]) == ("No account - GTX Plus Basic", None, 3)


async def test_the_dates_of_a_row_are_the_history_of_its_deal(client, sample):
    await load_through(client, sample)
    found = await everything(client)
    for row in rows_of(sample, "sales_pipeline.csv"):
        record = found["opportunities", row["opportunity_id"]]
        stays = (await client.get(f"/opportunities/{record['id']}/stage-history")).json()["data"]
        shown = [(stay["stage"], stay["enteredAt"][:10], (stay["leftAt"] or "")[:10]) for stay in stays]
        engaged, closed = iso(row["engage_date"]), iso(row["close_date"])
        ended = [("engaging", engaged, closed or "")] + [(record["stage"], closed, "")] * bool(closed)
        assert shown == ended
        assert record["stageChangedAt"][:10] == (closed or engaged)
        assert (record["closedAt"] or "")[:10] == (closed or "")


async def test_a_deal_that_has_moved_since_keeps_its_own_history(client, sample):
    await load_through(client, sample)
    record = (await everything(client))["opportunities", "1C1I7A6R"]
    await client.post(f"/opportunities/{record['id']}/reopen", json={})
    again = await load_through(client, sample)
    assert again.counts["stage histories"]["notLoaded"] == 1
    [note] = [note.text for row in again.listed for note in row.notes if "history" in note.text]
    assert note.startswith("stage history refused: 409 notCurrent")


async def test_a_row_that_the_api_refuses_is_listed_with_its_problem(client, sample, change_cell):
    change_cell("sales_pipeline.csv", 2, "close_value", "12.34567")
    report = await load_through(client, sample)
    (row,) = [row for row in report.listed if row.not_loaded]
    assert (row.file, row.line) == ("sales_pipeline.csv", 2)
    assert row.notes[-1].value == "1C1I7A6R"
    assert row.notes[-1].text.startswith("refused in opportunities: 422")
    assert "/amount" in row.notes[-1].text
    assert await counted(client, "/opportunities") == 39


async def test_a_load_obeys_the_limit_of_its_key_and_is_whole_in_the_end(place, sample, monkeypatch):
    monkeypatch.setattr(main, "RateLimiter", partial(RateLimiter, window_s=3))
    async with running(place) as world:
        client = await world.tenant()
        limited = await world.key_of(client, rateLimitPerMinute=100)
        report = await load_through(limited, sample)
        assert 1 <= report.repeated <= 4 * 8
        assert report.seconds >= 3
        assert (report.complete, await counted(client, "/opportunities")) == (True, 40)


async def test_a_key_without_the_scopes_is_told_so(world, client, sample):
    reader = await world.key_of(client, scopes=["users:read", "accounts:read", "products:read", "opportunities:read"])
    with pytest.raises(LoadFailed, match=r"may not write \w+: 403"):
        await load_through(reader, sample)
    assert await counted(client, "/accounts") == 0
