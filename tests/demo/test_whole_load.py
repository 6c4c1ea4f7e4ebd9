"""All 8,800 rows over a real connection; and a load that is killed again and again."""

import asyncio
import csv
import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.demo import SHIPPED, load
from tests.demo.read_back import counted, everything, records, without_ids
from tests.product import Product
from tests.world import Client, World

pytestmark = [pytest.mark.own_server, pytest.mark.timeout(400)]
CRM = [sys.executable, "-c", "from app.cli import main; main()"]
ROWS = 500  # several times what one request of the load carries
STAGES = {"Won": "closedWon", "Lost": "closedLost", "Engaging": "engaging", "Prospecting": "prospecting"}


@contextmanager
def served(world: World) -> Iterator[str]:
    """An API process of its own; connections wait in the socket until it accepts."""
    environment = os.environ | {
        "CRM_DATABASE_URL": world.place.url,
        "CRM_REDIS_URL": world.place.redis_url,
        "CRM_ENVIRONMENT": "test",
        "CRM_RATE_LIMIT_PER_MINUTE": "0",
    }
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        server = subprocess.Popen([*CRM, "serve", "--fd", str(fd)], env=environment, pass_fds=[fd])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.terminate()
            server.wait(60)


def over(url: str, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=30)


async def test_the_figures_of_the_sample_come_out_of_the_api(seeded: Product):
    with (SHIPPED / "sales_pipeline.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    async with over(f"http://{seeded.address}", seeded.key) as api:
        assert Counter(name for name, _ in await everything(api)) == {
            "users": 41,
            "accounts": 85,
            "products": 7,
            "opportunities": len(rows),
        }
        for stage, number in Counter(row["deal_stage"] for row in rows).items():
            assert await counted(api, "/opportunities", stage=STAGES[stage]) == number
        won = [record["amount"] async for record in records(api, "/opportunities", stage="closedWon")]
        assert sum(float(amount["amount"]) for amount in won) == sum(
            int(row["close_value"]) for row in rows if row["deal_stage"] == "Won"
        )


async def test_a_load_that_is_killed_again_and_again_and_then_run_gives_the_same_database(own_world, tmp_path):
    directory = first_rows(tmp_path, ROWS)
    whole, killed = await own_world.tenant(), await own_world.tenant()
    with served(own_world) as url:
        async with over(url, whole.key) as expected, over(url, killed.key) as api:
            await load(url, whole.key, directory, progress=False)
            await kill_when(url, killed, directory, api, "/users", 10)
            await kill_when(url, killed, directory, api, "/opportunities", ROWS // 10)
            await kill_when(url, killed, directory, api, "/opportunities", ROWS // 3)
            assert await counted(api, "/opportunities") < ROWS
            report = await asyncio.to_thread(report_of_command, url, killed, directory)
            assert report["complete"], report
            assert report["counts"]["opportunities"]["created"] < ROWS
            assert without_ids(await everything(api)) == without_ids(await everything(expected))


async def kill_when(url: str, client: Client, directory: Path, api: httpx.AsyncClient, path: str, number: int) -> None:
    """SIGKILL to `crm demo load` as soon as so many records are there."""
    with loading_apart(url, client, directory) as process:
        process.send_signal(signal.SIGSTOP)  # it gets no further while somebody looks how far it got
        while await counted(api, path) < number:
            assert process.poll() is None, "it ended before it could be killed"
            process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.1)
            process.send_signal(signal.SIGSTOP)


@contextmanager
def loading_apart(url: str, client: Client, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command(url, directory), env=with_key(client), stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


def report_of_command(url: str, client: Client, directory: Path) -> dict:
    done = subprocess.run([*command(url, directory), "--json"], env=with_key(client), capture_output=True, check=True)
    return json.loads(done.stdout)


def command(url: str, directory: Path) -> list[str]:
    return [*CRM, "demo", "load", str(directory), "--url", url]


def with_key(client: Client) -> dict[str, str]:
    return os.environ | {"CRM_KEY": client.key}


def first_rows(tmp_path: Path, number: int) -> Path:
    for name in ("accounts.csv", "products.csv", "sales_teams.csv"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    lines = (SHIPPED / "sales_pipeline.csv").read_text().splitlines(keepends=True)
    (tmp_path / "sales_pipeline.csv").write_text("".join(lines[: number + 1]))
    return tmp_path
