"""The application with one object more than it ships, on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from app.api.duplicates import duplicate_routes
from app.api.records import record_router
from app.api.v1.routes import ROUTES
from app.domain.kernel.object_type import AnyObject, ObjectType
from app.domain.kernel.schema import Schema
from app.main import create_app
from app.repositories.pool import Pool, Target
from app.settings import Settings
from tests.contract.sample import CATALOG, KINDS, THOROUGHLY_AT
from tests.contract.warranty import WARRANTY, WarrantyService, make_table
from tests.factories.making import make_needed
from tests.run import Run
from tests.world import ENCRYPTION_KEYS, ENVIRONMENT, PATIENT, Client, Place, World, lifespan


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The statements of all objects are made by one code: a few objects show whether another server takes them."""
    for item in items:
        given = getattr(item, "callspec", None)
        if given and "tests/contract/" in item.path.as_posix():
            kinds = [getattr(one, "kind", one) for one in given.params.values()]
            names = {one.name for one in kinds if isinstance(one, ObjectType)}
            if names and not names & THOROUGHLY_AT:
                item.add_marker("portable")


@pytest.fixture(scope="package")
def place(run: Run) -> Place:
    return run.database()


@pytest.fixture(scope="package")
async def world(place: Place) -> AsyncIterator[World]:
    """Gone with the last test of this folder: a server has connections for so many applications only."""
    await make_table(place, WARRANTY, CATALOG)
    given = {"environment": ENVIRONMENT, "encryption_keys": ENCRYPTION_KEYS, **PATIENT}
    settings = Settings(database_url=place.url, redis_url=place.redis_url, **given)
    routes = (*ROUTES, *record_router(WarrantyService, CATALOG), *duplicate_routes(WARRANTY))
    app, pool = (
        create_app(settings, schema=Schema(CATALOG), routes=routes),
        Pool(Target(place.url, "rapport_app", size=2)),
    )
    async with lifespan(app):
        world = World(app, settings, place, pool)
        yield world
        await world.close()
    await pool.close()


@pytest.fixture
async def client(client: Client, request: pytest.FixtureRequest) -> Client:
    return await inhabited(client, request)


@pytest.fixture
async def stranger(stranger: Client, request: pytest.FixtureRequest) -> Client:
    return await inhabited(stranger, request)


async def inhabited(client: Client, request: pytest.FixtureRequest) -> Client:
    """With the records that a body of the object under test cannot do without."""
    callspec = getattr(request.node, "callspec", None)
    for one in callspec.params.values() if callspec else ():
        kind = getattr(one, "kind", one)
        if isinstance(kind, ObjectType):
            await make_needed(client, kind, CATALOG)
    return client


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> AnyObject:
    return request.param
