"""Commands beside a running `crm up`, in the folder where it was started."""

import json
from base64 import b64encode
from pathlib import Path

import pytest

from app.local.environment import settings_with_servers
from app.local.errors import CannotStart
from tests.operation.conftest import Started
from tests.operation.crm import Api, Crm

pytestmark = pytest.mark.own_server


@pytest.fixture
def beside(living: Crm) -> Crm:
    """Its state where a person has it who gave no `--state`."""
    here: Path = living.folder / ".rapport"
    if not here.exists():
        here.symlink_to(living.state)
    return living


def test_a_command_uses_the_servers_of_the_running_product(beside: Crm) -> None:
    made = beside.run("tenant", "create", "--name", "Second")
    assert made.returncode == 0, made.stderr
    answer = json.loads(made.stdout)
    api = Api({"apiUrl": beside.ready()["apiUrl"], "adminKey": answer["adminKey"]})
    status, me = api.call("GET", "/me")
    assert (status, me["tenant"]["name"], me["tenant"]["id"]) == (200, "Second", answer["tenantId"])


def test_the_running_product_can_be_verified(beside: Crm) -> None:
    done = beside.run("verify")
    assert (done.returncode, done.stdout) == (0, "Everything is as it should be.\n"), done.stderr


def test_without_servers_a_command_says_where_it_looked(crm: Started) -> None:
    done = crm("nothing runs here").run("verify")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("crm: CRM_DATABASE_URL and CRM_REDIS_URL are not set, and no `crm up`")


def test_the_tour_finds_the_running_product_and_says_that_it_has_no_sample(beside: Crm) -> None:
    done = beside.run("demo", "tour")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert done.stderr.startswith("crm: The tour ends here. The sample is not there: start with `crm up --seed demo`")


def test_where_nothing_runs_the_tour_says_where_it_looked(crm: Started) -> None:
    done = crm("nothing runs here").run("demo", "tour", "--state", "elsewhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("crm: No `crm up` that you started runs in elsewhere: start one, or name its folder")


class TestTheEncryptionKey:
    @pytest.fixture(autouse=True)
    def here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("CRM_DATABASE_URL", "CRM_REDIS_URL", "CRM_ENCRYPTION_KEYS"):
            monkeypatch.delenv(name, raising=False)
        (tmp_path / ".rapport" / "run").mkdir(parents=True)
        (tmp_path / ".rapport" / "run" / "addresses.json").write_text('{"database_url": "d", "redis_url": "r"}')
        (tmp_path / ".rapport" / "encryption-key").write_text(f"1:{b64encode(bytes(32)).decode()}\n")

    def test_of_the_folder_is_used_by_its_commands(self) -> None:
        assert settings_with_servers().keys == {1: bytes(32)}

    def test_of_the_environment_comes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CRM_ENCRYPTION_KEYS", f"2:{b64encode(b'2' * 32).decode()}")
        assert settings_with_servers().keys == {2: b"2" * 32}

    def test_that_cannot_be_read_is_refused_unseen(self, tmp_path: Path) -> None:
        (tmp_path / ".rapport" / "encryption-key").write_text("1:canary")
        with pytest.raises(
            CannotStart, match=r"encryption-key does not hold encryption keys: key 1 must be"
        ) as refused:
            settings_with_servers()
        assert "canary" not in str(refused.value)
