"""With servers of one's own: `crm up` starts none, and the other commands need nothing else."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from uvicorn import Config

from app.local import serving
from app.local.life import Life
from app.local.state import KeptSecret, State
from app.local.tenants import first_key
from app.repositories.privileges import ExcessivePrivileges, refuse_excessive_privileges
from app.settings import Settings
from tests.conftest import RUN
from tests.operation.conftest import Started
from tests.operation.crm import Api, Crm, free_port, until
from tests.operation.installation import Installation
from tests.servers import Servers

pytestmark = [pytest.mark.own_server, pytest.mark.timeout(300)]
Using = Callable[[str], Crm]


@pytest.fixture(scope="module")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Of this module alone; what a test changes in the cluster it changes back."""
    started = request.config.stash[RUN].nursery.start()
    yield started
    started.stop()


@pytest.fixture
def using(crm: Started, somebody: Installation, servers: Servers) -> Using:
    place = servers.place
    return lambda name: crm(name, somebody, CRM_DATABASE_URL=place.url, CRM_REDIS_URL=place.redis_url)


async def as_administrator(servers: Servers, *statements: str) -> None:
    connection = await asyncpg.connect(servers.place.admin_url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


@pytest.fixture(scope="module")
def external(somebody: Installation, servers: Servers) -> Iterator[Crm]:
    place = servers.place
    one = Crm(somebody, "external", CRM_DATABASE_URL=place.url, CRM_REDIS_URL=place.redis_url)
    one.up()
    yield one
    one.end()


def test_up_uses_them_and_starts_none(external: Crm, servers: Servers) -> None:
    facts = external.ready()
    assert facts["pids"].keys() == {"supervisor", "worker", "api"}
    assert (facts["databaseUrl"], facts["redisUrl"]) == (servers.place.url, servers.place.redis_url)
    assert not (external.state / "data").exists()


async def test_a_key_is_made_only_where_none_is_kept(external: Crm, servers: Servers, tmp_path: Path) -> None:
    facts = external.ready()
    settings = Settings(database_url=servers.place.url, redis_url=servers.place.redis_url)
    assert await first_key(KeptSecret(external.state / "admin-key"), settings) == (facts["adminKey"], False)

    key, is_new = await first_key(KeptSecret(tmp_path / "admin-key"), settings)
    assert is_new
    assert key != facts["adminKey"]
    assert Api(facts | {"adminKey": key}).call("GET", "/me")[1]["tenant"]["id"] == facts["tenantId"]


async def test_a_kept_key_that_opens_nothing_is_said_and_not_replaced(
    external: Crm, servers: Servers, tmp_path: Path
) -> None:
    settings = Settings(database_url=servers.place.url, redis_url=servers.place.redis_url)
    (tmp_path / "run").mkdir()
    said: list[str] = []
    life = Life(State(tmp_path), settings, external.ready()["apiUrl"], None, said.append, said.append)
    life.state.admin_key.keep("crm_live_0_0")
    life.admin_key, life.key_is_new = await first_key(life.state.admin_key, settings)
    await life.identify()
    life.announce()
    assert life.admin_key is None
    assert "does not open this database" in said[0]
    assert "Admin key" not in said[1]
    assert life.state.admin_key.read() == "crm_live_0_0"


def test_tenants_and_keys_are_made_at_the_command_line(external: Crm) -> None:
    made = json.loads(external.run("tenant", "create", "--name", "Acme").stdout)
    assert made.keys() == {"tenantId", "userId", "adminKey"}
    given = ["--tenant", made["tenantId"], "--user", made["userId"], "--scope", "accounts:read"]
    key = external.run("key", "create", *given).stdout.strip()

    facts = external.ready()
    reader, admin = Api(facts | {"adminKey": key}), Api(facts | {"adminKey": made["adminKey"]})
    assert admin.call("GET", "/me")[1]["tenant"]["id"] == made["tenantId"]
    assert reader.call("GET", "/accounts")[0] == 200
    assert reader.call("POST", "/accounts", {"name": "No"})[0] == 403

    missing = external.run("key", "create", *given[:3], made["tenantId"], *given[4:])
    assert missing.returncode == 1
    assert re.fullmatch(r"crm: .*\n", missing.stderr)


def test_serve_alone_runs_several_processes_on_one_port_until_it_is_told_to_stop(using: Using) -> None:
    one = using("serve")
    port = free_port()
    one.begin("serve", "--port", str(port), "--workers", "2")
    api = Api({"apiUrl": f"http://127.0.0.1:{port}", "adminKey": "none"})
    until(lambda: api.call("GET", "/me")[0] == 401, one.printed)
    until(lambda: one.printed().count("Application startup complete") == 2, one.printed)
    assert one.stop() == 0
    assert api.call("GET", "/me")[0] == 0


def test_a_process_of_several_that_loads_slowly_is_not_taken_for_dead(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who starts them asks them whether they live, and kills who does not say so in time."""
    patience = []

    class Several:
        def __init__(self, config: Config, _: object) -> None:
            patience.append(config.timeout_worker_healthcheck)

        def run(self) -> None:
            pass

    monkeypatch.setattr(serving, "Multiprocess", Several)
    monkeypatch.setattr(serving.signal, "signal", lambda *_: None)
    monkeypatch.setenv(serving.METRICS, str(tmp_path))
    with socket.socket() as listener:
        serving.serve_on(listener, 2)
    assert patience == [60]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("give", "take", "excess"),
    [
        ("alter role rapport_app superuser", "alter role rapport_app nosuperuser", "is superuser"),
        ("alter role rapport_app bypassrls", "alter role rapport_app nobypassrls", "has BYPASSRLS"),
        ("create table mine (); alter table mine owner to rapport_app", "drop table mine", "owns tables"),
        ("grant rapport_owner to rapport_app", "revoke rapport_owner from rapport_app", "owns tables"),
    ],
)
async def test_the_server_refuses_to_run_as_a_role_that_isolation_does_not_hold_for(
    servers: Servers, give: str, take: str, excess: str
) -> None:
    await as_administrator(servers, give)
    try:
        with pytest.raises(ExcessivePrivileges, match=f"The database role rapport_app {excess}"):
            await refuse_excessive_privileges(servers.place.url)
    finally:
        await as_administrator(servers, take)
    await refuse_excessive_privileges(servers.place.url)


async def test_a_refusal_to_serve_is_one_sentence_and_an_exit_code(using: Using, servers: Servers) -> None:
    await as_administrator(servers, "alter role rapport_app superuser")
    done = using("privileged").run("serve", "--port", "0")
    await as_administrator(servers, "alter role rapport_app nosuperuser")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"crm: The database role rapport_app is superuser.*\n", done.stderr)


async def test_migrate_prints_the_sql_that_only_an_administrator_may_run(using: Using, servers: Servers) -> None:
    statements = "create role weak login", "create database empty"
    await as_administrator(servers, *statements)
    one = using("migrate")
    one.environment["CRM_DATABASE_URL"] = servers.place.url.replace("crm@/crm", "weak@/empty")
    done = one.run("migrate")
    assert done.returncode == 3
    assert "grant rapport_app to weak" in done.stdout
    assert len(done.stderr.splitlines()) == 1


async def test_verify_fails_when_something_is_wrong(using: Using, servers: Servers) -> None:
    """Where nothing is, `test_the_running_product_can_be_verified` sees it succeed."""
    await as_administrator(servers, "alter table account no force row level security")
    done = using("verify").run("verify")
    await as_administrator(servers, "alter table account force row level security")
    assert done.returncode == 1
    assert "account" in done.stdout


def test_a_database_that_cannot_be_reached_is_named_in_one_sentence(crm: Started, somebody: Installation) -> None:
    nowhere = f"postgresql://crm@/crm?host={Path('/nowhere')}"
    one = crm("nowhere", somebody, CRM_DATABASE_URL=nowhere, CRM_REDIS_URL="redis://127.0.0.1:1")
    for command in ("up", "serve"):
        done = one.run(command)
        assert (done.returncode, done.stdout) == (1, "")
        assert re.fullmatch(r"crm: The database cannot be used: .*\n", done.stderr), done.stderr
