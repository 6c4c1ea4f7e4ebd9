"""What /metrics of an API process tells of workers that share its folder, by kind and by no tenant."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.api import metrics
from app.domain.kernel.ids import uuid7
from app.workers import counting
from app.workers.housekeeping import sample_work
from tests.factories.work import park_work
from tests.observability.scraping import Scrape, scrape
from tests.observability.test_metrics import Pool, no_worker
from tests.work.engine import Engine, engine, kind
from tests.work.test_relay import Follower, begin, write
from tests.world import Client, Place, World

OLD = "update work set due_at = now() - interval '90 seconds' where kind = $1"


@contextmanager
def sampling(place: Place, shared: Path) -> Iterator[None]:
    """A worker that has sampled and still runs."""
    command = [sys.executable, "-m", "tests.observability.sampling", place.url]
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(shared)}
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sampled\n"
        yield
        process.kill()


async def scraped_beside_a_worker(place: Place, shared: Path, patch: pytest.MonkeyPatch) -> tuple[Scrape, Scrape]:
    """While the worker lives, and when it has been killed."""
    patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(shared))
    with sampling(place, shared):
        alive = await scrape(metrics.Metrics(Pool(), no_worker))
    return alive, await scrape(metrics.Metrics(Pool(), no_worker))


async def test_depth_age_and_parked_work_are_shown_by_kind_and_forgotten_with_their_worker(
    place: Place, client: Client, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some, follower, tenant_id = kind(), Follower(), uuid7()
    async with engine(place) as work:
        await work.backlog(client.tenant_id, some, 7, targets=3)
        await work.run(OLD, some.name)
        await park_work(world, client)
        await begin(work, follower, tenant_id)
        await write(work, tenant_id, 1)
        await world.settled()
        alive, dead = await scraped_beside_a_worker(place, tmp_path, monkeypatch)
        await work.run("delete from work where tenant_id = $1", client.tenant_id)

    assert alive.value("work_due", kind=some.name) == 7
    assert 90 <= alive.value("work_oldest_due_seconds", kind=some.name) < 120
    assert alive.value("work_parked", kind=some.name) == 0
    assert alive.value("work_parked", kind="test.parked") >= 1
    assert 0 < alive.value("relay_lag_seconds", subscriber=follower.name) < 60
    assert str(client.tenant_id) not in repr(alive.samples)
    for seen in (alive, dead):
        assert seen.value("work_done_total", kind="test.counted", outcome="done") == 1
        assert seen.value("work_seconds_count", kind="test.counted") == 1
    assert dead.series("work_due") == dead.series("relay_lag_seconds") == []


async def test_a_kind_that_has_nothing_left_is_shown_with_nothing(place: Place, client: Client) -> None:
    some = kind()
    async with engine(place) as work:
        await work.backlog(client.tenant_id, some, 3)
        assert await sampled(work, some.name) == 3
        await work.run("delete from work where kind = $1", some.name)
        assert await sampled(work, some.name) == 0


async def sampled(work: Engine, name: str) -> float | None:
    async with work.work.transaction(None, float("inf")) as connection:
        await sample_work(connection)
    return counting.REGISTRY.get_sample_value("work_due", {"kind": name})
