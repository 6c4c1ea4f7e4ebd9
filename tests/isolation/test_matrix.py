"""RELIABILITY S1: the route matrix, with the application's own filters and without them."""

from collections.abc import Iterator, Sequence

import pytest

from app.api.route import ApiRoute
from app.api.v1.routes import PREFIX, ROUTES
from app.domain.registry import OBJECT_TYPES
from tests.fuzz.shared import OBJECTS, THOROUGHLY_AT, is_repeated
from tests.isolation.matrix import digest, leaks, no_filters_of_our_own, room_for_every_statement
from tests.isolation.probes import probes
from tests.isolation.tenants import Callers, Inhabited
from tests.world import World

THOUSANDS_OF_REQUESTS_S = 600
INNOCENT = {"limit", "sort", "fields", "count", "expand", "object", "objects", "type", "asOf", "for"}
INNOCENT |= {"state", "eventType", "from", "to", "depth", "amount", "period"}
UNSHARED = {kind.plural for kind in OBJECT_TYPES if kind.shared_by}
# The administrator tries every route of every object. The statements of the others are the same, but for objects whose
# owners decide; the golden file of roles says for each route which of them is let through.
NARROWER = [route for route in ROUTES if not is_repeated(route) or route.tag in UNSHARED]
REFUSED = ("keyWithoutScope", "revokedKey", "expiredKey", "inactiveUser")


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> Iterator[None]:
    with room_for_every_statement():
        yield


@pytest.fixture(scope="module")
async def theirs(world: World) -> Inhabited:
    return await Inhabited.new(world, rank=1)


@pytest.fixture
async def ours(world: World) -> Inhabited:
    return await Inhabited.new(world, rank=0)


def routes_for(name: str) -> Sequence[ApiRoute]:
    return ROUTES if name == "admin" else NARROWER


@pytest.mark.quick
@pytest.mark.timeout(THOUSANDS_OF_REQUESTS_S)
@pytest.mark.parametrize("name", ["admin", "member", "reader"])
async def test_nothing_of_another_tenant_is_seen_or_changed(
    world: World, ours: Inhabited, theirs: Inhabited, name: str
) -> None:
    caller = (await Callers.of(world, ours.admin)).by_name[name]
    before = await digest(world, theirs.admin)

    assert await leaks(caller, ours, theirs, routes_for(name)) == []
    assert await digest(world, theirs.admin) == before


@pytest.mark.quick
@pytest.mark.timeout(THOUSANDS_OF_REQUESTS_S)
async def test_who_is_refused_sees_and_changes_nothing_of_another_tenant(
    world: World, ours: Inhabited, theirs: Inhabited
) -> None:
    callers = (await Callers.of(world, ours.admin)).by_name
    before = await digest(world, theirs.admin)

    for name in REFUSED:
        assert await leaks(callers[name], ours, theirs, NARROWER) == [], name
    assert await digest(world, theirs.admin) == before


@pytest.mark.quick
@pytest.mark.timeout(THOUSANDS_OF_REQUESTS_S)
@pytest.mark.parametrize("name", ["admin", "member"])
async def test_nothing_is_seen_or_changed_when_the_application_forgets_its_filters(
    world: World, ours: Inhabited, theirs: Inhabited, name: str
) -> None:
    caller = (await Callers.of(world, ours.admin)).by_name[name]
    before = await digest(world, theirs.admin)

    with no_filters_of_our_own() as changed:
        found = await leaks(caller, ours, theirs, routes_for(name))

    assert found == []
    assert await digest(world, theirs.admin) == before
    for verb in ("UPDATE", "DELETE FROM", "_read"):
        assert any(verb in statement for statement in changed), verb


def test_who_is_narrower_still_tries_every_route_of_one_object_and_what_is_of_one_object_only() -> None:
    tried, everything = ({route.name for route in routes} for routes in (NARROWER, ROUTES))
    tags = {route.tag for route in NARROWER}
    assert {route.name for route in ROUTES if route.tag in {THOROUGHLY_AT, *UNSHARED}} <= tried < everything
    assert {route.tag for route in ROUTES} - OBJECTS <= tags


async def test_every_operation_of_the_document_is_probed_in_every_place(theirs: Inhabited) -> None:
    document = (await theirs.admin.get("http://test/openapi.json")).json()
    found = probes(theirs, theirs)  # none is sent, and to make another tenant takes seconds
    probed = {(probe.route.method, PREFIX + probe.route.path) for probe in found}
    documented = {(method.upper(), path) for path, item in document["paths"].items() for method in item}

    assert probed == documented
    assert len(documented) >= len(ROUTES)
    assert unprobed(ROUTES, [probe.name for probe in found]) == []


def unprobed(routes: Sequence[ApiRoute], names: Sequence[str]) -> list[str]:
    """Places that can name a record, and that no probe names one in."""
    missed = []
    for route in routes:
        of_route = " ".join(name for name in names if name.startswith(f"{route.method} {route.path} "))
        places = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
        places = ["external id" if part == "externalId" else part for part in places if part != "system"]
        places += [one.name for one in route.parameters if one.place == "query" and one.name not in INNOCENT]
        if route.body and "query" not in route.path:
            properties = route.body.model_json_schema()["properties"].items()
            places += [name for name, schema in properties if "uuid" in str(schema)]
        missed += [f"{route.method} {route.path} {place}" for place in places if place_name(place) not in of_route]
    return missed


def place_name(place: str) -> str:
    """How a probe calls it: the cursor of the event log has a name of its own."""
    return "cursor" if place == "after" else place


async def test_a_place_without_a_probe_is_seen() -> None:
    route = next(one for one in ROUTES if one.path == "/accounts/{id}" and one.method == "GET")

    assert unprobed([route], []) == ["GET /accounts/{id} id"]


async def test_what_everybody_may_read_shows_nothing_of_anybody(world: World, theirs: Inhabited) -> None:
    for path in ("/openapi.json", "/docs", "/health/live", "/health/ready", "/metrics"):
        answer = await theirs.admin.get(f"http://test{path}", headers={"Authorization": ""})

        assert answer.status_code == 200, path
        assert not [secret for secret in theirs.secrets if secret in answer.text], path
