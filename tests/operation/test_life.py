"""What a person sees who starts `crm up`, stops it, kills it, and starts it again."""

import signal
import stat
from pathlib import Path

import pytest

from tests.operation.conftest import Started
from tests.operation.crm import Api, Crm, kill, until
from tests.operation.installation import Installation

pytestmark = [pytest.mark.own_server, pytest.mark.timeout(300)]


def leaves_nothing(crm: Crm) -> None:
    until(lambda: not crm.processes(), lambda: f"still running: {crm.processes()}")
    assert not crm.ready_file.exists()


def test_the_key_of_the_first_start_opens_the_records_of_every_later_one(crm: Started) -> None:
    one = crm("a path with spaces")
    first = one.up()
    api = Api(first)

    assert api.call("GET", "/me")[1]["tenant"]["id"] == first["tenantId"]
    assert first.keys() == {"apiUrl", "adminKey", "tenantId", "databaseUrl", "redisUrl", "pids"}
    assert first["pids"].keys() == {"supervisor", "postgres", "valkey", "worker", "api"}
    assert mode(one.ready_file) == mode(one.state / "admin-key") == 0o600
    assert f"{first['apiUrl']}/docs" in one.printed()
    assert one.printed().count(first["adminKey"]) == 1
    acknowledged = api.create_account("Kept")

    assert one.stop(signal.SIGINT) == 0
    leaves_nothing(one)

    second = one.up()
    assert second["adminKey"] == first["adminKey"]
    assert one.printed().count(first["adminKey"]) == 1
    assert Api(second).name_of(acknowledged) == "Kept"
    assert one.stop(signal.SIGTERM) == 0
    leaves_nothing(one)


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
    until((one.state / "data" / "pg.part" / "base").exists, one.printed)
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


def test_two_run_side_by_side(crm: Started, living: Crm) -> None:
    other = crm("other")
    apis = [Api(living.ready()), Api(other.up())]

    created = [api.create_account("Mine") for api in apis]
    assert [api.name_of(account) for api, account in zip(apis, created, strict=True)] == ["Mine", "Mine"]
    assert apis[0].name_of(created[1]) is None
    assert other.stop() == 0
    assert apis[0].name_of(created[0]) == "Mine"
