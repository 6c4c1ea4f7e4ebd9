"""The application with one object more than it ships, on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from app.api.records import record_router
from app.api.v1.routes import ROUTES
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schema import Schema
from app.main import create_app
from app.repositories.pool import Pool, Target
from app.settings import Settings
from tests.contract.sample import CATALOG, KINDS
from tests.contract.warranty import WARRANTY, WarrantyService, make_table
from tests.run import Run
from tests.world import ENVIRONMENT, Place, World, lifespan


@pytest.fixture(scope="session")
def place(run: Run) -> Place:
    return run.database()


@pytest.fixture(scope="session")
async def world(place: Place) -> AsyncIterator[World]:
    await make_table(place, WARRANTY, CATALOG)
    settings = Settings(database_url=place.url, redis_url=place.redis_url, environment=ENVIRONMENT)
    routes = (*ROUTES, *record_router(WarrantyService, CATALOG))
    app, pool = (
        create_app(settings, schema=Schema(CATALOG), routes=routes),
        Pool(Target(place.url, "rapport_app", size=2)),
    )
    async with lifespan(app):
        yield World(app, settings, place, pool)
    await pool.close()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> AnyObject:
    return request.param
