"""The figures of the tour in README.md, computed from the files by nothing but the standard library."""

import csv
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal

import pytest

from tests.architecture.source import ROOT

FILES = ROOT / "demo" / "sales-opportunities"
SHOWN = 6
pytestmark = pytest.mark.quick


def rows(file: str) -> list[dict[str, str]]:
    with (FILES / file).open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def deals() -> list[dict[str, str]]:
    return rows("sales_pipeline.csv")


def shows(lines: list[str]) -> bool:
    return "```text\n" + "".join(f"{line}\n" for line in lines) + "```" in (ROOT / "README.md").read_text()


def won_by(deals: list[dict[str, str]], above: dict[str, str]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for deal in deals:
        if deal["deal_stage"] == "Won":
            sums[above.get(deal["sales_agent"], deal["sales_agent"])] += int(deal["close_value"])
    return sums


def test_the_win_rates_are_those_of_the_files(deals: list[dict[str, str]]) -> None:
    ended: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for deal in deals:
        ended[deal["sales_agent"]][deal["deal_stage"]] += 1
    lines = []
    for agent, _ in won_by(deals, {}).most_common(SHOWN):
        rate = Decimal(100 * ended[agent]["Won"]) / (ended[agent]["Won"] + ended[agent]["Lost"])
        lines.append(f'"label":"{agent}" "winRatePercent":"{rate.quantize(Decimal("0.01"), ROUND_HALF_UP)}"')
    assert shows(lines)


def test_what_each_manager_won_in_the_last_quarter_is_that_of_the_files(deals: list[dict[str, str]]) -> None:
    manager = {row["sales_agent"]: row["manager"] for row in rows("sales_teams.csv")}
    last = [deal for deal in deals if deal["close_date"].partition("/")[0] in {"10", "11", "12"}]
    sums = won_by(last, manager).most_common()
    assert shows([f'"label":"{name}" "begins":"2017-10-01" "corporate":{{"amount":"{sum_}.00"' for name, sum_ in sums])


def test_what_is_open_by_stage_is_that_of_the_files(deals: list[dict[str, str]]) -> None:
    number = Counter(deal["deal_stage"] for deal in deals)
    assert shows([f'"label":"{name}","outcome":"open","count":{number[name]}' for name in ("Prospecting", "Engaging")])
