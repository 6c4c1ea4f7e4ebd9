"""RELIABILITY S1: the route matrix, with the application's own filters and without them."""

from collections.abc import Sequence

import pytest

from app.api.route import ApiRoute
from app.api.v1.routes import PREFIX, ROUTES
from tests.isolation.matrix import digest, leaks, no_filters_of_our_own
from tests.isolation.probes import probes
from tests.isolation.tenants import Callers, Inhabited
from tests.world import World

INNOCENT = {"limit", "sort", "fields", "count", "expand", "object", "objects", "type", "asOf"}


@pytest.fixture(scope="module")
async def theirs(world: World) -> Inhabited:
    return await Inhabited.new(world, rank=1)


@pytest.fixture
async def ours(world: World) -> Inhabited:
    return await Inhabited.new(world, rank=0)


@pytest.mark.quick
@pytest.mark.parametrize(
    "name", ["admin", "member", "reader", "keyWithoutScope", "revokedKey", "expiredKey", "inactiveUser"]
)
async def test_nothing_of_another_tenant_is_seen_or_changed(
    world: World, ours: Inhabited, theirs: Inhabited, name: str
) -> None:
    caller = (await Callers.of(world, ours.admin)).by_name[name]
    before = await digest(world, theirs)

    assert await leaks(caller, ours, theirs) == []
    assert await digest(world, theirs) == before


@pytest.mark.quick
@pytest.mark.parametrize("name", ["admin", "member"])
async def test_nothing_is_seen_or_changed_when_the_application_forgets_its_filters(
    world: World, ours: Inhabited, theirs: Inhabited, name: str
) -> None:
    caller = (await Callers.of(world, ours.admin)).by_name[name]
    before = await digest(world, theirs)

    with no_filters_of_our_own() as changed:
        found = await leaks(caller, ours, theirs)

    assert found == []
    assert await digest(world, theirs) == before
    for verb in ("UPDATE", "DELETE FROM", "_read"):
        assert any(verb in statement for statement in changed), verb


async def test_every_operation_of_the_document_is_probed_in_every_place(ours: Inhabited, theirs: Inhabited) -> None:
    document = (await ours.admin.get("http://test/openapi.json")).json()
    found = probes(ours, theirs)
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
