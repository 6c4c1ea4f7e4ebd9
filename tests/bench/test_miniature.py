"""A bench run on a database of a few hundred contacts: both sides do the same, and what differs is refused."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bench.compare import Sides, compare, sides
from bench.expressions import expressions
from bench.fill import Data, Scale, fill
from bench.plans import _plans
from bench.searching import _measured
from bench.servers import Place
from bench.streaming import stream
from bench.works import WORKS, Asking
from tests.run import Run

pytestmark = pytest.mark.own_server
SCALE = Scale(tenants=(4_000, 400), small=3, contacts_of_small=10)


@pytest.fixture(scope="module")
def small(run: Run) -> tuple[Place, Data]:
    given, data = run.database(), Data(SCALE)
    place = Place(given.admin_url, given.url, given.redis_url)
    asyncio.run(fill(place.admin_url, data))
    return place, data


@pytest.fixture(scope="module")
def guarded_and_plain(small: tuple[Place, Data]) -> Iterator[dict[bool, Sides]]:
    place, data = small
    with sides(place, data.tenants, guarded=True) as guarded, sides(place, data.tenants, guarded=False) as plain:
        yield {True: guarded, False: plain}


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "plain"])
def test_every_work_is_measured_on_both_sides_of_the_same_bytes(
    small: tuple[Place, Data], guarded_and_plain: dict[bool, Sides], *, guarded: bool
) -> None:
    by = Asking(small[1].tenants, guarded=guarded)
    lines = [compare(guarded_and_plain[guarded], make(by), 1, 0.01) for make in WORKS.values()]
    assert len(lines) == len(WORKS)
    for line in lines:
        ours, theirs = map(int, line.size.split(" / "))
        assert min(ours, theirs) > 300
        assert 0.1 < line.value < 100


def test_other_bytes_are_no_comparison(small: tuple[Place, Data], guarded_and_plain: dict[bool, Sides]) -> None:
    work = WORKS["get"](Asking(small[1].tenants, guarded=True))
    both = replace(guarded_and_plain[True], limit=guarded_and_plain[False].limit)
    with pytest.raises(SystemExit, match="other bytes"):
        compare(both, work, 1, 0.01)


async def test_the_plans_and_the_search_of_the_bench_are_those_of_the_product(small: tuple[Place, Data]) -> None:
    place, data = small
    plans = dict(await _plans(place, data.tenants[0]))
    assert {"get", "list", "list-money", "plain-list", "search"} <= plans.keys()
    assert all("Execution Time" in text for text in plans.values())
    lines = await _measured(place, data.tenants[0], 5)
    assert {line.work.partition(",")[0] for line in lines} == {"search"}
    assert all(line.value > 0 for line in lines)


def test_an_expression_means_what_its_lambda_does(small: tuple[Place, Data]) -> None:
    (line,) = expressions(*small)
    assert len(line.values) == 3


def test_a_worker_has_many_listeners_that_take_little(small: tuple[Place, Data]) -> None:
    for line in stream(*small, listeners=200):
        assert line.is_met, line
