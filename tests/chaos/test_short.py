"""RELIABILITY R1, R2, R3 and R9 in short: `make chaos` is the long form. A checker that never failed proves nothing."""

from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from tests.chaos.planted import PLANTS, unseen
from tests.chaos.run import Run
from tests.chaos.stage import Stage, staged
from tests.servers import Nursery, Servers

pytestmark = [pytest.mark.own_server, pytest.mark.timeout(300)]

EVENTS, KILLS = 300, 5
BRISK = ["brisk", "hasty"]
PATIENCE_S, LONGEST_PAUSE_S = 2.0, 4.0
PLAINEST = ("marks_before_sending", "minds_no_order", "never_sweeps", "reads_by_number_alone")


@pytest.fixture(scope="module")
def servers(nursery: Nursery) -> Iterator[Servers]:
    made = nursery.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
async def stage(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Both tests play on it, one after the other, with workers of their own."""
    async with staged(servers, tmp_path_factory.mktemp("chaos"), Random(0), workers=0) as made:
        yield made


async def test_whatever_dies_each_acknowledged_write_arrives_in_order_and_the_checker_sees_that(
    stage: Stage, seed: int
) -> None:
    for number in range(2):
        stage.add_worker(f"worker {number}", BRISK)
    result = await Run(stage, Random(seed), EVENTS, KILLS, PATIENCE_S, LONGEST_PAUSE_S).go()
    stage.dismiss_workers()

    assert list(result.breaches()) == []
    assert result.findings.acknowledged >= EVENTS
    assert sum(fault.kind.startswith("kill") for fault in stage.faults) == KILLS


async def test_the_checker_sees_every_planted_bug_for_what_it_is(stage: Stage, seed: int) -> None:
    """Those of which the others are variants; `make chaos` has them all."""
    chosen = [one for one in PLANTS if one.bug in PLAINEST]
    assert len(chosen) == len(PLAINEST)
    assert await unseen(stage, Random(seed), chosen) == []
