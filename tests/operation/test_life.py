"""What a person sees who starts `crm up`, stops it, kills it, and starts it again."""

import signal
import stat
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


def test_the_key_of_the_first_start_opens_the_records_of_every_later_one_beside_another(
    crm: Started, living: Crm
) -> None:
    one = crm("a path with spaces")
    first = one.up()
    api, neighbour = Api(first), Api(living.ready())

    assert api.call("GET", "/me")[1]["tenant"]["id"] == first["tenantId"]
    assert first.keys() == {"apiUrl", "adminKey", "tenantId", "databaseUrl", "redisUrl", "pids"}
    assert first["pids"].keys() == {"supervisor", "postgres", "valkey", "worker", "api"}
    assert mode(one.ready_file) == mode(one.state / "admin-key") == mode(one.state / "encryption-key") == 0o600
    encryption_key = (one.state / "encryption-key").read_text().strip()
    assert all(f"CRM_ENCRYPTION_KEYS={encryption_key}" in environment(pid) for pid in product(first))
    assert encryption_key not in one.printed()
    assert f"{first['apiUrl']}/docs" in one.printed()
    assert one.printed().count(first["adminKey"]) == 1
    acknowledged, beside = api.create_account("Kept"), neighbour.create_account("Mine")
    assert [neighbour.name_of(acknowledged), api.name_of(beside)] == [None, None]

    assert one.stop(signal.SIGINT) == 0
    leaves_nothing(one)
    assert neighbour.name_of(beside) == "Mine"

    second = one.up()
    assert second["adminKey"] == first["adminKey"]
    assert one.printed().count(first["adminKey"]) == 1
    assert (one.state / "encryption-key").read_text().strip() == encryption_key
    assert Api(second).name_of(acknowledged) == "Kept"
    assert one.stop(signal.SIGTERM) == 0
    leaves_nothing(one)


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


@pytest.mark.quick
def test_what_was_acknowledged_before_a_kill_is_there_after_the_next_start(
    crm: Started, somebody: Installation
) -> None:
    """For somebody without rights, beginning with a first start that is killed while it makes the database."""
    one = crm("a path that is " + "very " * 20 + "long", somebody)
    one.start()
    until(lambda: [*(one.state / "data").glob("pg*/base")], one.printed)
    kill_the_supervisor(one)

    acknowledged, keys = [], set()
    for killing in (kill_the_supervisor, kill_everything):
        facts = one.up()
        keys.add(facts["adminKey"])
        acknowledged.append(Api(facts).create_account("Kept"))
        killing(one)

    api = Api(one.up())
    assert keys == {api.key}
    assert [api.name_of(account) for account in acknowledged] == ["Kept", "Kept"]
    assert one.stop() == 0
    leaves_nothing(one)
