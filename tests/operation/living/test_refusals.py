"""One clear sentence and nothing started, for everything that can be in the way."""

import os
import re
import shutil
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.local.account import server_account
from app.local.errors import CannotStart
from app.local.state import SYSTEM, locate
from app.local.up import Options, up
from app.settings import Settings
from tests.operation.conftest import MYSELF, Started
from tests.operation.crm import Crm
from tests.operation.installation import Installation

pytestmark = pytest.mark.own_server


def refuses(sentence: str, **options: Any) -> None:
    said: list[str] = []
    mask = os.umask(0o022)
    try:
        with pytest.raises(CannotStart, match=sentence):
            up(Options(**{"port": 0, **options}), said.append, said.append)
    finally:
        os.umask(mask)
    assert not said


@pytest.fixture(autouse=True)
def no_servers_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run may use servers of its caller's; what is refused here is refused to who has none."""
    for name in ("CRM_DATABASE_URL", "CRM_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(reachable: Path) -> Path:
    return reachable / "state"


def test_a_refusal_is_one_sentence_and_an_exit_code(crm: Started, living: Crm) -> None:
    port = living.ready()["apiUrl"].rpartition(":")[2]
    one = crm("taken port")
    done = one.run("up", "--port", port, "--state", str(one.state))
    assert re.fullmatch(rf"crm: Port {port} cannot be used \(address already in use\): .* --port.*\.\n", done.stderr)
    assert (done.returncode, done.stdout) == (1, "")
    assert not one.processes()


def test_a_taken_folder(living: Crm) -> None:
    assert living.process is not None
    refuses(rf"folder .* is in use by another crm \(process {living.process.pid}\): stop that one", state=living.state)


def test_one_address_without_the_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_DATABASE_URL", raising=False)
    monkeypatch.setenv("CRM_REDIS_URL", "redis://127.0.0.1")
    refuses("CRM_REDIS_URL is set and CRM_DATABASE_URL is not: set both .*, or neither", state=folder)


def test_a_setting_that_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_POOL_SIZE", "many")
    refuses(r"The environment is not as it must be: CRM_POOL_SIZE: .*", state=folder)


KEY = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "keys", ["canary", "1:canary", f"0:{KEY}", f"1{KEY}", f"-1:{KEY}", f"1:{KEY},1:{KEY}", f"1:{KEY},", f"1:{KEY}x"]
)
def test_an_encryption_key_that_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("CRM_ENCRYPTION_KEYS", keys)
    refuses(
        r"CRM_ENCRYPTION_KEYS: Value error, key [12] must (begin with a number|be 32 bytes in base64)", state=folder
    )
    with pytest.raises(ValidationError) as refused:
        Settings(database_url="", redis_url="")
    assert "canary" not in str(refused.value)
    assert KEY not in str(refused.value)


def test_data_of_another_major_version(folder: Path) -> None:
    data = folder / "data"
    (data / "pg").mkdir(parents=True)
    (data / "pg" / "PG_VERSION").write_text("14\n")
    os.chown(data, server_account().uid, server_account().gid)
    refuses(r"The data in .* were made by PostgreSQL 14, and installed is 18", state=folder)


def test_a_folder_that_is_a_file(folder: Path) -> None:
    folder.touch()
    refuses(r"The folder .* cannot be used: ", state=folder)


def test_a_ready_file_that_cannot_be_written(folder: Path) -> None:
    refuses(r"The folder .*none cannot be used: ", state=folder, ready_file=folder / "none" / "ready.json")


def test_a_folder_of_the_system(crm: Started, somebody: Installation) -> None:
    done = crm("forbidden", somebody).run("up", "--state", "/proc/1/rapport")
    assert re.fullmatch("crm: The folder /proc/1/rapport cannot be used: .*\n", done.stderr)


def test_the_folder_is_the_one_below_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate(None, MYSELF) == tmp_path / ".rapport"
    assert locate(Path("elsewhere"), MYSELF) == tmp_path / "elsewhere"


if os.geteuid() == 0:  # only root can be two users

    @pytest.mark.parametrize("name", ["nobody-of-that-name", "root"])
    def test_a_user_that_cannot_run_servers(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.setenv("CRM_RUN_AS", name)
        refuses("CRM_RUN_AS ", state=folder)

    def test_a_state_of_root(crm: Started, somebody: Installation) -> None:
        one = crm("of root", somebody)
        one.state.mkdir()
        (one.state / "lock").touch(0o600)
        done = one.run("up", "--state", str(one.state))
        sentence = r"crm: The folder .* was made by root: start crm as root, or choose another with --state\.\n"
        assert re.fullmatch(sentence, done.stderr)

    def test_data_of_a_user_that_is_not_the_one_of_the_servers(folder: Path) -> None:
        (folder / "data").mkdir(parents=True)
        refuses(r"The data in .* belong to root, but the servers would run as nobody", state=folder)

    def test_a_folder_that_the_user_of_the_servers_cannot_reach(folder: Path) -> None:
        folder.parent.chmod(0o700)
        refuses(r"The user nobody, who runs the database servers, cannot reach ", state=folder)

    def test_where_the_servers_cannot_go_each_checkout_has_a_folder_of_its_own_elsewhere(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tmp_path.chmod(0o700)
        found = set()
        for checkout in (tmp_path / "one", tmp_path / "other"):
            checkout.mkdir()
            monkeypatch.chdir(checkout)
            found.add(locate(None, server_account()))
            assert locate(None, server_account()) == (checkout / ".rapport").readlink()
        assert len(found) == 2

        shutil.copytree(checkout, tmp_path / "copy", symlinks=True)
        monkeypatch.chdir(tmp_path / "copy")
        assert locate(None, server_account()) not in found
        assert {folder.parent for folder in found} == {SYSTEM}
