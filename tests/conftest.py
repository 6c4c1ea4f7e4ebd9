"""One PostgreSQL and one Redis per run, a database per worker, a tenant per test. Nothing is ever rolled back.

With CRM_DATABASE_URL (the login of an administrator) and CRM_REDIS_URL the run uses those servers, else its own.
"""

import gc
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from app.memory import spare_what_stays
from app.repositories.compile import Statement
from app.repositories.session import Session
from tests.product import Product, up
from tests.run import Run
from tests.servers import Nursery, Servers
from tests.world import PATIENT, Client, Place, World, running

RUN = pytest.StashKey[Run]()

# What an example takes is the machine's, which may be at something else meanwhile.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(100_000, 20, 50)  # what is imported and collected stays
    given = getattr(config, "workerinput", {})
    run = Run(given.get("rapport"), given.get("workerid", "master"))
    config.stash[RUN] = run
    config.add_cleanup(run.close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by xdist in the controller, for each worker."""
    node.workerinput["rapport"] = node.config.stash[RUN].hand_over()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for no server needs to be seen on one kind of them only."""
    for item in items:
        if "run" not in getattr(item, "fixturenames", ()):
            item.add_marker("portable")
    # Who uses the product with the sample comes last, one after the other: it runs only while somebody does.
    items.sort(key=lambda item: not {"seeded", "started"}.isdisjoint(getattr(item, "fixturenames", ())))


def pytest_collection_finish() -> None:
    """As a server does: all modules and tests would be looked at again and again."""
    spare_what_stays()


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest) -> Run:
    return request.config.stash[RUN]


@pytest.fixture(scope="session")
def place(run: Run) -> Place:
    """The database and the Redis of this worker, without an application."""
    return run.database()


@pytest.fixture
def database_copy(run: Run) -> Place:
    """A migrated database that this test may spoil."""
    return run.database()


@pytest.fixture
def empty_database(run: Run) -> Place:
    return run.empty_database()


@pytest.fixture(scope="session")
async def world(place: Place) -> AsyncIterator[World]:
    async with running(place, **PATIENT) as started:
        yield started


@pytest.fixture
async def client(world: World) -> Client:
    """The administrator of a tenant of this test's own."""
    return await world.tenant()


@pytest.fixture
async def stranger(world: World) -> Client:
    """Somebody of another tenant."""
    return await world.tenant()


@pytest.fixture
def settled(world: World) -> Callable[[], Awaitable[None]]:
    """Wait until every committed event can be read."""
    return world.settled


@pytest.fixture(scope="session")
def nursery(run: Run) -> Nursery:
    return run.nursery


@pytest.fixture
def own_server(nursery: Nursery) -> Iterator[Servers]:
    """PostgreSQL and Redis of this test alone: to kill, to stop, to hold transactions open on."""
    servers = nursery.start()
    yield servers
    servers.stop()


@pytest.fixture
async def own_world(own_server: Servers) -> AsyncIterator[World]:
    """The application on servers of its own."""
    async with running(own_server.place) as started:
        yield started


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The SQL that sessions have read with."""
    sent: list[str] = []
    read = Session.read

    async def counting(self: Session, statement: Statement, parameters: Mapping[str, Any]) -> Any:
        sent.append(statement.sql)
        return await read(self, statement, parameters)

    monkeypatch.setattr(Session, "read", counting)
    return sent


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What a random test begins with; shown when it fails, and repeated by setting SEED."""
    value = int(os.environ.get("SEED", secrets.randbits(32)))
    request.node.add_report_section("setup", "seed", f"SEED={value}")
    return value


@pytest.fixture(scope="session")
def seeded() -> Iterator[Product]:
    """The product with the whole sample in it, for all who read it: loading it takes about a minute."""
    with up(seed="demo") as product:
        yield product
