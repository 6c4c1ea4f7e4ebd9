"""RELIABILITY S4: what each caller gets from each route, kept in a file that a change of rights changes visibly."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from app.api.route import ANYONE, ApiRoute
from app.api.v1.routes import ROUTES
from app.domain.kernel.ids import uuid7
from tests.factories.making import make
from tests.isolation.tenants import Callers
from tests.world import Client, World

GOLDEN = Path(__file__).with_name("roles.golden.json")
REFUSED = {"revokedKey": 401, "expiredKey": 401, "inactiveUser": 401, "nobody": 401}


async def statuses(callers: Callers, admin: Client, route: ApiRoute) -> dict[str, int]:
    """Each caller asks something that is right but perhaps for who asks it."""
    found = {}
    for name, caller in callers.by_name.items():
        path, body = await _path(admin, route, caller), _body(route)
        query = {one.name: one.schema["examples"][0] for one in route.parameters if one.required}
        answer = await caller.request(route.method, path, params=query, json=body)
        found[name] = answer.status_code
    answer = await admin.request(route.method, await _path(admin, route, admin), headers={"Authorization": ""})
    return found | {"nobody": answer.status_code}


async def _path(admin: Client, route: ApiRoute, caller: Client) -> str:
    """To a record of the caller's, made for this one request, for every request may be the last of its record."""
    path = route.path.replace("{system}", "erp")
    if "{id}" in path or (route.method == "GET" and "{externalId}" in path):
        known: dict[str, Any] = {}
        if route.tag != "api-keys":
            known = {"externalIds": {"erp": str(uuid7())}, "ownerId": str(caller.user_id)}
        record = await make(admin, route.tag, {**_body(_creation(route.tag)), **known}, {})
        if path.endswith("/restore"):
            assert (await admin.delete(f"/{route.tag}/{record['id']}")).status_code == 204
        path = path.replace("{id}", record["id"]).replace("{externalId}", known.get("externalIds", {}).get("erp", ""))
    needed = {one.name: one.schema["examples"][0] for one in route.parameters if one.place == "query" and one.required}
    return path.replace("{externalId}", str(uuid7())) + (f"?{urlencode(needed)}" if needed else "")


def _creation(tag: str) -> ApiRoute:
    return next(one for one in ROUTES if one.method == "POST" and one.path == f"/{tag}")


def _body(route: ApiRoute) -> Any:
    body = dict(route.body_example) if route.body_example else None
    return body | {"email": f"{uuid7()}@a.example"} if body and "email" in body else body


@pytest.fixture
async def callers(world: World, client: Client) -> Callers:
    return await Callers.of(world, client)


@pytest.mark.quick
async def test_every_caller_gets_from_every_route_what_the_golden_file_says(callers: Callers, client: Client) -> None:
    """With GOLDEN=write the file is written anew: look at the difference before it is committed."""
    found = {f"{one.method} {one.path}": await statuses(callers, client, one) for one in ROUTES}
    text = "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in found.items()) + "\n}\n"
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text(text)

    assert text == GOLDEN.read_text()


def test_the_golden_file_follows_what_the_routes_declare() -> None:
    """Who is refused is no accident of the moment: it is derived again from scope and role."""
    golden = json.loads(GOLDEN.read_text())
    for route in ROUTES:
        row = golden[f"{route.method} {route.path}"]
        assert {name: row[name] for name in REFUSED} == REFUSED
        assert row["admin"] < 300
        for_admins = route.permission in {"admin", "users:write"}
        assert (row["member"] == 403) == for_admins, route.path
        reads = route.permission == ANYONE or route.permission.endswith(":read")
        assert (row["reader"] == 403) != reads, route.path
        assert (row["keyWithoutScope"] == 403) == (route.permission != ANYONE), route.path
