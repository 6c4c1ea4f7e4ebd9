"""The route matrix is worth something because it fails: on each of these leaks, planted in a database or a route."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace

import pytest

from app.api.answer import Answer
from app.api.edge import Call, Handler
from app.api.route import ApiRoute
from app.api.v1.routes import ROUTES
from app.domain.kernel.errors import Conflict, NotFound
from app.main import create_app
from app.repositories.pool import Pool, Target
from app.settings import Settings
from tests.isolation.matrix import digest, leaks, no_filters_of_our_own
from tests.isolation.tenants import Inhabited, read_once
from tests.run import Run
from tests.world import ENCRYPTION_KEYS, ENVIRONMENT, PATIENT, Client, Place, World, lifespan

pytestmark = pytest.mark.portable

Tenants = tuple[Inhabited, Inhabited]
OPEN_EVENTS = "create or replace view event_read as select * from event"
OPEN_ACCOUNTS = "create or replace view account_read as select * from account"


@asynccontextmanager
async def serving(place: Place, routes: Sequence[ApiRoute] = ROUTES) -> AsyncIterator[World]:
    given = {"environment": ENVIRONMENT, "encryption_keys": ENCRYPTION_KEYS, **PATIENT}
    settings = Settings(database_url=place.url, redis_url=place.redis_url, **given)
    app, pool = create_app(settings, routes=routes), Pool(Target(place.url, "rapport_app", size=2))
    async with lifespan(app):
        world = World(app, settings, place, pool)
        yield world
        await world.close()
    await pool.close()


@pytest.fixture(scope="module")
def unspoiled(run: Run) -> Place:
    return run.database()


@pytest.fixture(scope="module")
async def tenants(unspoiled: Place) -> Tenants:
    """Ours and theirs, in a database that is copied: nobody is connected to it."""
    async with serving(unspoiled) as world:
        return await Inhabited.new(world, rank=0), await Inhabited.new(world, rank=1)


@pytest.fixture
def spoiled(run: Run, unspoiled: Place, tenants: Tenants) -> Place:
    return run.copy_of(unspoiled)


async def is_caught(
    world: World,
    tenants: Tenants,
    tag: str,
    filters: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> bool:
    """By the probes of the routes with this tag."""
    ours, theirs = (_behind(world, one) for one in tenants)
    if tag in theirs.records:
        await read_once(theirs.admin, {tag: theirs.records[tag]}, {tag: theirs.spare[tag]})
    before = await digest(world, theirs.admin)
    with filters():
        found = await leaks(ours.admin, ours, theirs, [route for route in ROUTES if route.tag == tag])
    return bool(found) or await digest(world, theirs.admin) != before


def _behind(world: World, tenant: Inhabited) -> Inhabited:
    was = tenant.admin
    return replace(tenant, admin=Client(world.app, was.tenant_id, was.user_id, was.key))


async def test_without_a_leak_nothing_is_caught(spoiled: Place, tenants: Tenants) -> None:
    async with serving(spoiled) as world:
        assert not await is_caught(world, tenants, "products", no_filters_of_our_own)


@pytest.mark.parametrize(
    ("plural", "hole"),
    [
        ("contacts", "create or replace view contact_read as select * from contact"),
        ("events", OPEN_EVENTS),
        ("products", "alter policy tenant on product using (true) with check (true)"),
        ("opportunities", "alter table opportunity disable row level security"),
        ("bin", "create or replace view bin_read as select * from bin;" + OPEN_EVENTS),
        ("accounts", "create or replace view external_id_read as select * from external_id;" + OPEN_ACCOUNTS),
        ("api-keys", "create or replace view api_key_read as select * from api_key"),
    ],
)
async def test_a_hole_in_the_database_is_caught(spoiled: Place, tenants: Tenants, plural: str, hole: str) -> None:
    async with spoiled.connect() as administrator:
        await administrator.execute(hole)
    async with serving(spoiled) as world:
        assert await is_caught(world, tenants, plural, no_filters_of_our_own)


def remembering_for_everybody(handler: Handler) -> Handler:
    """Keeps what was answered by path, whoever asked."""
    kept: dict[str, Answer] = {}

    async def handle(call: Call) -> Answer:
        kept[call.path] = answer = kept.get(call.path) or await handler(call)
        return answer

    return handle


def telling_what_exists(handler: Handler) -> Handler:
    """Refuses otherwise what somebody else has asked for with success."""
    known: set[str] = set()

    async def handle(call: Call) -> Answer:
        try:
            answer = await handler(call)
        except NotFound as error:
            raise Conflict("This is not yours.") if call.path in known else error from error
        known.add(call.path)
        return answer

    return handle


@pytest.mark.parametrize("bug", [remembering_for_everybody, telling_what_exists])
async def test_a_route_that_ignores_the_tenant_is_caught(
    spoiled: Place, tenants: Tenants, bug: Callable[[Handler], Handler]
) -> None:
    routes = [replace(one, handler=bug(one.handler)) if one.name == "get_product" else one for one in ROUTES]
    async with serving(spoiled, routes) as world:
        assert await is_caught(world, tenants, "products")
