"""PostgreSQL and memory give the same answer to every expression, on rows that hold every trap."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random
from zoneinfo import available_timezones

import pytest

from app.domain.kernel.actor import as_array
from app.domain.kernel.expression.checker import check
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.schema import Schema
from tests.expression import generating
from tests.expression.differential import ACTOR, Differential, connected, generated
from tests.expression.kinds import CATALOG
from tests.expression.planted import FAULTS
from tests.expression.rows import OWNERS, Viewer, fill, id_of, viewer
from tests.expression.traps import TRAPS
from tests.run import Run
from tests.world import Place

FIXED_SEED = 7
COUNT = int(os.environ.get("EXPRESSIONS", "300"))


@pytest.fixture(scope="module")
def place(run: Run) -> Place:
    return run.database()


@pytest.fixture(scope="module")
async def viewers(place: Place) -> list[Viewer]:
    """One who sees all, and one from whom fields and the records of most owners are hidden."""
    await fill(place, Random(FIXED_SEED))
    everything = Schema(CATALOG, custom=generating.CUSTOM)
    narrowed = Schema(
        CATALOG,
        custom=generating.CUSTOM,
        hidden=generating.HIDDEN,
        by_owner=frozenset({"account", "contact", "opportunity"}),
    )
    owners = {"owners": as_array(id_of("user", number) for number in range(OWNERS))}
    return [await viewer(place, everything, {}), await viewer(place, narrowed, owners)]


@pytest.fixture
async def differential(place: Place, viewers: list[Viewer]) -> AsyncIterator[Differential]:
    async with AsyncExitStack() as stack:
        yield Differential(viewers, *await connected(place, stack))


def show(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{line}\n")


async def test_both_back_ends_agree_on_generated_expressions(
    differential: Differential, viewers: list[Viewer], capsys: pytest.CaptureFixture[str]
) -> None:
    report = await differential.ask(generated(FIXED_SEED, COUNT, viewers))
    show(capsys, f"seed {FIXED_SEED}: {report}")
    assert report.differences == []
    assert report.selecting >= 0.4 * report.expressions


async def test_both_back_ends_agree_on_expressions_of_a_new_seed(
    differential: Differential, viewers: list[Viewer], seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    report = await differential.ask(generated(seed, COUNT // 2, viewers))
    show(capsys, f"seed {seed}: {report}")
    assert report.differences == []


async def test_both_back_ends_agree_on_every_trap(differential: Differential) -> None:
    for turn in (TRAPS, TRAPS[1:]):  # every other question goes to the views that show all tenants
        report = await differential.ask(turn)
        assert report.differences == []
        assert not report.codes


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_is_found(
    differential: Differential, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    FAULTS[fault](monkeypatch)
    for turn in (TRAPS, TRAPS[1:]):
        report = await differential.ask(turn, first=True)
        if report.differences:
            return
    raise AssertionError(f"{fault} makes no difference in {report}")


async def test_postgresql_knows_every_time_zone_that_an_expression_may_name(place: Place) -> None:
    async with place.connect("rapport_app") as connection:
        known = {row["name"] for row in await connection.fetch("select name from pg_timezone_names")}
    zones = [one for one in ("UTC", "right/Europe/Berlin", *sorted(available_timezones())) if accepted(one)]
    assert len(zones) > 400
    assert set(zones) <= known


def accepted(zone: str) -> bool:
    try:
        check(f'hour(createdAt, "{zone}") == 1', CATALOG["account"], Schema(CATALOG), ACTOR)
    except ExpressionError:
        return False
    return True
