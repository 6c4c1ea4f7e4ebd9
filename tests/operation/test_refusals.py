"""One clear sentence and nothing started, for everything that can be in the way."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.account import server_account
from app.local.state import SYSTEM, locate
from tests.operation.conftest import MYSELF, Started
from tests.operation.crm import Crm
from tests.operation.installation import Installation

pytestmark = pytest.mark.own_server


@pytest.fixture(scope="module")
def living(somebody: Installation) -> Iterator[Crm]:
    crm = Crm(somebody, "living")
    crm.up()
    yield crm
    crm.end()


def refuses(crm: Crm, sentence: str, *arguments: str) -> None:
    done = crm.run("up", *arguments)
    assert re.fullmatch(f"crm: {sentence}\n", done.stderr), done.stderr
    assert (done.returncode, done.stdout) == (1, "")
    assert not crm.processes()


def test_a_taken_port(crm: Started, living: Crm) -> None:
    port = living.ready()["apiUrl"].rpartition(":")[2]
    one = crm("taken port")
    sentence = rf"Port {port} cannot be used \(address already in use\): choose another with --port, .*\."
    refuses(one, sentence, "--port", port, "--state", str(one.state))


def test_a_taken_folder(crm: Started, living: Crm) -> None:
    assert living.process is not None
    sentence = rf"The folder .* is in use by another crm \(process {living.process.pid}\): stop that one, .*\."
    refuses(crm("taken folder"), sentence, "--port", "0", "--state", str(living.state))


def test_one_address_without_the_other(crm: Started) -> None:
    sentence = "CRM_REDIS_URL is set and CRM_DATABASE_URL is not: set both .*, or neither .*"
    refuses(crm("half", CRM_REDIS_URL="redis://127.0.0.1"), sentence)


def test_a_setting_that_is_none(crm: Started) -> None:
    refuses(crm("setting", CRM_POOL_SIZE="many"), r"The environment is not as it must be: CRM_POOL_SIZE: .*\.")


def test_data_of_another_major_version(crm: Started, somebody: Installation) -> None:
    one = crm("version", somebody)
    for name in ("state", "state/data", "state/data/pg"):
        somebody.folder(f"{one.folder.name}/{name}")
    (one.state / "data" / "pg" / "PG_VERSION").write_text("14\n")
    sentence = r"The data in .* were made by PostgreSQL 14, and installed is 18: .*\."
    refuses(one, sentence, "--port", "0", "--state", str(one.state))


def test_a_folder_that_is_a_file(crm: Started) -> None:
    one = crm("file")
    one.state.touch()
    refuses(one, r"The folder .* cannot be used: .*\.", "--port", "0", "--state", str(one.state))


def test_a_ready_file_that_cannot_be_written(crm: Started) -> None:
    one = crm("ready")
    nowhere = str(one.folder / "none" / "ready.json")
    refuses(
        one,
        r"The folder .*none cannot be used: .*\.",
        "--state",
        str(one.state),
        "--port",
        "0",
        "--ready-file",
        nowhere,
    )


def test_a_folder_of_the_system(crm: Started, somebody: Installation) -> None:
    forbidden = "/proc/1/rapport"
    refuses(
        crm("forbidden", somebody), f"The folder {forbidden} cannot be used: .*", "--port", "0", "--state", forbidden
    )


def test_the_folder_is_the_one_below_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert locate(None, MYSELF) == tmp_path / ".rapport"
    assert locate(Path("elsewhere"), MYSELF) == tmp_path / "elsewhere"


if os.geteuid() == 0:  # only root can be two users

    @pytest.mark.parametrize("name", ["nobody-of-that-name", "root"])
    def test_a_user_that_cannot_run_servers(crm: Started, name: str) -> None:
        refuses(crm("user", CRM_RUN_AS=name), "CRM_RUN_AS .*")

    def test_a_state_of_root(crm: Started, somebody: Installation) -> None:
        one = crm("of root", somebody)
        one.state.mkdir()
        (one.state / "lock").touch(0o600)
        sentence = r"The folder .* was made by root: start crm as root, or choose another with --state\."
        refuses(one, sentence, "--port", "0", "--state", str(one.state))

    def test_data_of_a_user_that_is_not_the_one_of_the_servers(crm: Started) -> None:
        one = crm("of root")
        (one.state / "data").mkdir(parents=True)
        sentence = r"The data in .* belong to root, but the servers would run as nobody: .*\."
        refuses(one, sentence, "--port", "0", "--state", str(one.state))

    def test_a_folder_that_the_user_of_the_servers_cannot_reach(crm: Started) -> None:
        one = crm("private")
        one.folder.chmod(0o700)
        sentence = r"The user nobody, who runs the database servers, cannot reach .*\."
        refuses(one, sentence, "--port", "0", "--state", str(one.state))

    def test_where_the_servers_cannot_go_each_checkout_has_a_folder_of_its_own_elsewhere(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tmp_path.chmod(0o700)
        found = set()
        for checkout in (tmp_path / "one", tmp_path / "other"):
            checkout.mkdir()
            monkeypatch.chdir(checkout)
            found.add(locate(None, server_account()))
        assert len(found) == 2
        assert {folder.parent for folder in found} == {SYSTEM}
