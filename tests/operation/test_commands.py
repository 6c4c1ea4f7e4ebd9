"""Commands beside a running `crm up`, in the folder where it was started."""

import json
from pathlib import Path

import pytest

from tests.operation.conftest import Started
from tests.operation.crm import Api, Crm

pytestmark = [pytest.mark.own_server, pytest.mark.timeout(120)]


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
