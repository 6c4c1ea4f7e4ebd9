"""Figures of the sample pipeline against its CSV files, which another program has written."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from tests.architecture.source import ROOT
from tests.product import Product

FILES = ROOT / "demo" / "sales-opportunities"
pytestmark = [pytest.mark.own_server, pytest.mark.timeout(400)]  # the sample may be loaded for it


def rows(file: str) -> list[dict[str, str]]:
    with (FILES / file).open(newline="") as opened:
        return list(csv.DictReader(opened))


def closed() -> Iterator[tuple[dict[str, str], date]]:
    for row in rows("sales_pipeline.csv"):
        if row["close_date"]:
            month, day, year = map(int, row["close_date"].split("/"))
            yield row, date(year, month, day)


@pytest.fixture
def api(seeded: Product) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {seeded.key}"}
    with httpx.Client(base_url=f"http://{seeded.address}/api/v1/sales-figures", headers=headers) as made:
        yield made


def test_the_win_rate_of_each_agent_is_that_of_the_file(api: httpx.Client) -> None:
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows("sales_pipeline.csv"):
        outcomes[row["sales_agent"]][row["deal_stage"]] += 1

    shown = {one["label"]: one for one in api.get("/win-rates?by=owner").json()["data"]}

    assert shown.keys() == outcomes.keys()
    for agent, number in outcomes.items():
        won, lost = number["Won"], number["Lost"]
        found = shown[agent]
        assert [found[name]["count"] for name in ("won", "lost", "open")] == [won, lost, number.total() - won - lost]
        assert abs(float(found["winRatePercent"]) - 100 * won / (won + lost)) < 0.0051, agent


def test_what_each_manager_won_in_each_quarter_is_that_of_the_file(api: httpx.Client) -> None:
    manager = {row["sales_agent"]: row["manager"] for row in rows("sales_teams.csv")}
    sums: Counter[tuple[str, str]] = Counter()
    for row, day in closed():
        if row["deal_stage"] == "Won":
            quarter = date(day.year, (day.month + 2) // 3 * 3 - 2, 1)
            sums[quarter.isoformat(), manager[row["sales_agent"]]] += int(row["close_value"])

    shown = api.get("/won?by=manager&per=quarter").json()["data"]

    found = {(one["begins"], one["label"]): one["corporate"] for one in shown}
    assert found == {key: {"amount": f"{value}.00", "currency": "USD"} for key, value in sums.items()}
    assert sum(sums.values()) == 10_005_534
