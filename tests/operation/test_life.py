"""What a person sees who starts `crm up`, stops it, kills it, and starts it again."""

import signal
import stat
import time
from collections.abc import Callable

import pytest

from tests.operation.conftest import Started
from tests.operation.crm import Api, Crm, kill, until
from tests.operation.installation import Installation

pytestmark = pytest.mark.own_server
LONG = "a path with spaces that is " + "very " * 16 + "long"


def leaves_nothing(crm: Crm) -> None:
    until(lambda: not crm.processes(), lambda: f"still running: {crm.processes()}")
    assert not crm.ready_file.exists()


@pytest.mark.quick
def test_the_key_of_the_first_start_opens_the_records_of_every_later_one(crm: Started, anyone: Installation) -> None:
    one = crm(LONG if anyone.account.switch else "a path with spaces", anyone)
    first = one.up()
    api = Api(first)

    assert api.call("GET", "/me")[1]["tenant"]["id"] == first["tenantId"]
    assert first.keys() == {"apiUrl", "adminKey", "tenantId", "databaseUrl", "redisUrl", "pids"}
    assert first["pids"].keys() == {"supervisor", "postgres", "valkey", "worker", "api"}
    assert (
        stat.S_IMODE(one.ready_file.stat().st_mode) == stat.S_IMODE((one.state / "admin-key").stat().st_mode) == 0o600
    )
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


def kill_the_supervisor(crm: Crm) -> None:
    assert crm.process is not None
    kill(crm.process.pid)


def kill_everything(crm: Crm) -> None:
    for pid in crm.processes():
        kill(pid)


@pytest.mark.quick
@pytest.mark.parametrize("killing", [kill_the_supervisor, kill_everything])
def test_what_was_acknowledged_before_a_kill_is_there_after_the_next_start(
    crm: Started, somebody: Installation, killing: Callable[[Crm], None]
) -> None:
    one = crm("killed", somebody)
    acknowledged = Api(one.up()).create_account("Kept")

    killing(one)

    assert Api(one.up()).name_of(acknowledged) == "Kept"


def test_a_first_start_that_is_killed_leaves_nothing_half_made(crm: Started) -> None:
    one = crm("cut short")
    one.start()
    until((one.state / "data" / "pg.part").exists, one.printed)
    time.sleep(0.1)
    kill_the_supervisor(one)

    assert Api(one.up()).call("GET", "/me")[0] == 200


def test_two_run_side_by_side(crm: Started, somebody: Installation) -> None:
    one, other = crm("one", somebody), crm("other", somebody)
    one.start()
    other.start()

    apis = [Api(one.ready()), Api(other.ready())]

    created = [api.create_account("Mine") for api in apis]
    assert [api.name_of(account) for api, account in zip(apis, created, strict=True)] == ["Mine", "Mine"]
    assert apis[0].name_of(created[1]) is None
    assert other.stop() == 0
    assert apis[0].name_of(created[0]) == "Mine"
