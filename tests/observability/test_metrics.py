import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from app.api import metrics
from app.repositories.housekeeping import Heartbeat
from tests.observability.scraping import scrape


class Pool:
    in_use = 3
    waiting = 1


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that other tests left running in this process samples its own pool into the same gauges."""
    sample = metrics.Metrics.sample
    monkeypatch.setattr(metrics.Metrics, "sample", lambda self: sample(self) if isinstance(self.pool, Pool) else None)


async def no_worker() -> None:
    return None


async def no_database() -> None:
    raise ConnectionRefusedError


async def lagging() -> Heartbeat:
    return Heartbeat(0.4, 7.5, 4242, "warehouse")


async def steady() -> Heartbeat:
    return Heartbeat(0.4, 0.0, None, None)


@contextmanager
def counting(requests: int, shared: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has counted them and still runs."""
    command = [sys.executable, "-m", "tests.observability.counting", str(requests)]
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(shared)}
    with subprocess.Popen(command, env=environment, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "counted\n"
        yield process
        process.kill()


async def test_requests_are_counted_by_method_route_and_status_and_timed_by_route():
    route = f"/api/v1/{uuid4().hex}/{{id}}"
    for seconds in (0.001, 0.02, 3.0):
        metrics.observe("GET", route, 200, seconds)
    metrics.observe("GET", route, 404, 0.001)
    seen = await scrape(metrics.Metrics(Pool(), no_worker))
    assert seen.value("http_requests_total", method="GET", route=route, status="200") == 3
    assert seen.value("http_requests_total", method="GET", route=route, status="404") == 1
    assert seen.value("http_request_seconds_count", method="GET", route=route) == 4
    assert seen.value("http_request_seconds_bucket", method="GET", route=route, le="0.025") == 3


async def test_methods_that_clients_make_up_are_one_label():
    for number in range(50):
        metrics.observe(f"MADEUP{number}", metrics.UNMATCHED, 405, 0.001)
    seen = await scrape(metrics.Metrics(Pool(), no_worker))
    assert seen.value("http_requests_total", method="other", route="unmatched", status="405") >= 50
    assert not [sample for sample in seen.samples if sample.labels.get("method", "").startswith("MADEUP")]
    assert not [key for key in metrics._records if key[0].startswith("MADEUP")]


async def test_the_pool_is_shown_as_it_is_at_the_scrape():
    seen = await scrape(metrics.Metrics(Pool(), no_worker))
    assert seen.value("database_connections_in_use") == 3
    assert seen.value("database_requests_waiting") == 1


async def test_who_holds_the_horizon_is_named_and_nobody_when_nobody_does():
    seen = await scrape(metrics.Metrics(Pool(), lagging))
    assert seen.value("event_horizon_lag_seconds", pid="4242", database="warehouse") == 7.5
    assert seen.value("worker_heartbeat_age_seconds") == 0.4
    seen = await scrape(metrics.Metrics(Pool(), steady))
    assert seen.value("event_horizon_lag_seconds", pid="", database="") == 0


@pytest.mark.parametrize("last_heartbeat", [no_worker, no_database])
async def test_without_worker_or_database_the_rest_is_still_shown(last_heartbeat):
    seen = await scrape(metrics.Metrics(Pool(), last_heartbeat))
    assert seen.value("worker_heartbeat_age_seconds") == float("inf")
    assert seen.value("database_connections_in_use") == 3


async def test_all_processes_are_summed_and_gauges_of_the_killed_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    app = metrics.Metrics(Pool(), no_worker)
    got = {"method": "GET", "route": "/api/v1/accounts/{id}", "status": "200"}
    with counting(3, tmp_path):
        with counting(4, tmp_path):
            seen = await scrape(app)
            assert seen.value("http_requests_total", **got) == 7
            assert seen.value("database_connections_in_use") == 8
            assert seen.value("rate_limit_refusals_total") == 2
        seen = await scrape(app)
    assert seen.value("http_requests_total", **got) == 7
    assert seen.value("database_connections_in_use") == 4


async def test_the_application_counts_templates_and_shows_nothing_of_what_was_asked(client):
    secret = uuid4().hex
    await client.get(f"/accounts/{uuid4()}?fields={secret}")
    await client.get(f"/nothing/{secret}")
    seen = await scrape(client.app)
    assert seen.value("http_requests_total", method="GET", route="/api/v1/accounts/{id}", status="400") >= 1
    assert seen.value("http_requests_total", method="GET", route="unmatched", status="404") >= 1
    shown = {label for sample in seen.samples for label in sample.labels.values()}
    assert not [label for label in shown if secret in label or str(client.tenant_id) in label]
