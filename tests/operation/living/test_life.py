"""What a person sees who starts `crm up`, stops it, kills it, and starts it again."""

import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.operation.conftest import Started
from tests.operation.crm import Api, Crm, kill, until
from tests.operation.installation import Installation

pytestmark = [pytest.mark.own_server, pytest.mark.timeout(300)]


def leaves_nothing(crm: Crm) -> None:
    until(lambda: not crm.processes(), lambda: f"still running: {crm.processes()}")
    assert not crm.ready_file.exists()


def product(facts: dict[str, Any]) -> list[int]:
    return [facts["pids"]["worker"], *facts["pids"]["api"]]


def environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def kill_the_supervisor(crm: Crm) -> None:
    assert crm.process is not None
    crm.process.kill()
    crm.process.wait()


def kill_everything(crm: Crm) -> None:
    processes = crm.processes()
    assert len(processes) > 5
    for pid in processes:
        kill(pid)
    kill_the_supervisor(crm)


def is_private_and_told_once(crm: Crm, first: dict[str, Any]) -> None:
    """What the first start made for the person who started it, and for nobody else."""
    assert first.keys() == {"apiUrl", "adminKey", "tenantId", "databaseUrl", "redisUrl", "pids"}
    assert first["pids"].keys() == {"supervisor", "postgres", "valkey", "worker", "api"}
    assert mode(crm.ready_file) == mode(crm.state / "admin-key") == mode(crm.state / "encryption-key") == 0o600
    encryption_key = (crm.state / "encryption-key").read_text().strip()
    assert all(f"CRM_ENCRYPTION_KEYS={encryption_key}" in environment(pid) for pid in product(first))
    assert encryption_key not in crm.printed()
    assert f"{first['apiUrl']}/docs" in crm.printed()
    assert crm.printed().count(first["adminKey"]) == 1
    assert Api(first).call("GET", "/me")[1]["tenant"]["id"] == first["tenantId"]


def stop(how: signal.Signals) -> Callable[[Crm], None]:
    def stopping(crm: Crm) -> None:
        assert crm.stop(how) == 0
        leaves_nothing(crm)

    return stopping


@pytest.mark.quick
def test_what_was_acknowledged_is_there_whatever_ended_it_and_the_first_key_opens_it_beside_another(
    crm: Started, somebody: Installation, living: Crm
) -> None:
    """For somebody without rights, beginning with a first start that is killed while it makes the database."""
    one = crm("a path that is " + "very " * 20 + "long", somebody)
    one.start()
    until(lambda: [*(one.state / "data").glob("pg*/base")], one.printed)
    kill_the_supervisor(one)

    first, neighbour = one.up(), Api(living.ready())
    is_private_and_told_once(one, first)
    encryption_key = (one.state / "encryption-key").read_text()
    acknowledged, beside = [Api(first).create_account("Kept")], neighbour.create_account("Mine")
    assert [neighbour.name_of(acknowledged[0]), Api(first).name_of(beside)] == [None, None]

    for ending in (stop(signal.SIGINT), kill_the_supervisor, kill_everything):
        ending(one)
        assert neighbour.name_of(beside) == "Mine"
        api = Api(one.up())
        assert [api.name_of(account) for account in acknowledged] == ["Kept"] * len(acknowledged)
        acknowledged.append(api.create_account("Kept"))
        assert api.key == first["adminKey"]
    assert one.printed().count(first["adminKey"]) == 1
    assert (one.state / "encryption-key").read_text() == encryption_key
    stop(signal.SIGTERM)(one)
