"""RELIABILITY S4: what each caller gets from each route, kept in a file that a change of rights changes visibly."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from app.api.route import ANYONE, ApiRoute
from app.api.v1.routes import ROUTES
from app.domain.kernel.actor import Role
from app.domain.kernel.ids import uuid7
from app.domain.registry import CATALOG
from app.domain.webhooks import service as webhooks
from tests.capture.web import make_pending
from tests.factories.assignment import make_assignment_rule, make_queue
from tests.factories.leads import make_lead
from tests.factories.making import fresh, make, make_needed
from tests.factories.quoting import present
from tests.factories.webhooks import log_delivery
from tests.factories.work import BESIDE
from tests.isolation.probes import ending
from tests.isolation.tenants import Callers
from tests.world import Client, World

GOLDEN = Path(__file__).with_name("roles.golden.json")
REFUSED = {"revokedKey": 401, "expiredKey": 401, "inactiveUser": 401, "nobody": 401}

OF_THE_OBJECT = {"/explain/duplicates"}  # needs the scope of the object that the request names


async def statuses(world: World, callers: Callers, admin: Client, route: ApiRoute) -> dict[str, int]:
    """Each caller asks something that is right but perhaps for who asks it."""
    found = {}
    for name, caller in callers.by_name.items():
        path, body = await path_to(world, admin, route, caller), body_of(route)
        query = await _query(admin, route) | ending(route)
        answer = await caller.request(route.method, path, params=query, json=body)
        found[name] = answer.status_code
    answer = await admin.request(route.method, await path_to(world, admin, route, admin), headers={"Authorization": ""})
    return found | {"nobody": answer.status_code}


async def path_to(world: World, admin: Client, route: ApiRoute, caller: Client) -> str:
    """To a record of the caller's, made for this one request, for every request may be the last of its record."""
    path = route.path.replace("{system}", "erp")
    if "{id}" in path and route.tag in BESIDE:
        return path.replace("{id}", await BESIDE[route.tag](world, caller, ""))
    if "{id}" in path or (route.method == "GET" and "{externalId}" in path):
        known: dict[str, Any] = {}
        if route.tag != "api-keys":
            known = {"externalIds": {"erp": str(uuid7())}, "ownerId": str(caller.user_id)}
        record = await make(admin, route.tag, {**body_of(_creation(route.tag)), **known}, {})
        if (verb := path.rpartition("/")[2]) in IN_A_STATE:
            record = await IN_A_STATE[verb](world, admin, caller)
        if path.endswith("/restore"):
            assert (await admin.delete(f"/{route.tag}/{record['id']}")).status_code == 204
        if path.endswith("/reopen"):
            assert (await admin.post(f"/{route.tag}/{record['id']}/lose", json={})).status_code == 200
        if "{deliveryId}" in path:
            path = path.replace("{deliveryId}", await log_delivery(world, admin, record["id"], record["id"]))
        path = path.replace("{id}", record["id"]).replace("{externalId}", known.get("externalIds", {}).get("erp", ""))
    needed = {one.name: one.schema["examples"][0] for one in route.parameters if one.place == "query" and one.required}
    return path.replace("{externalId}", str(uuid7())) + (f"?{urlencode(needed)}" if needed else "")


async def _waiting(admin: Client, member: Client) -> dict[str, Any]:
    """A lead in a queue, which it comes to by a rule only; and which no other lead is to come to."""
    queue = await make_queue(admin, members=[str(member.user_id)])
    rule = await make_assignment_rule(admin, queueId=queue["id"])
    lead = await make_lead(admin)
    assert (await admin.delete(f"/assignment-rules/{rule['id']}")).status_code == 204
    return lead


IN_A_STATE: dict[str, Callable[[World, Client, Client], Awaitable[dict[str, Any]]]] = {
    "take": lambda _, admin, caller: _waiting(admin, caller),
    **dict.fromkeys(("accept", "reject", "revise"), lambda _, admin, __: present(admin)),
    "confirmation": lambda world, admin, _: make_pending(world, admin),
}
"""By the verb that only does something in that state."""


async def _query(admin: Client, route: ApiRoute) -> dict[str, str]:
    """What must be given. Records that are named beside the path are of the object that is named, too."""
    needed = {one.name: one.schema["examples"][0] for one in route.parameters if one.required}
    if "leadId" in needed:
        needed["leadId"] = (await make_lead(admin, ownerId=str(admin.user_id)))["id"]
    for name in needed.keys() & {"id", "other"}:
        plural = CATALOG[needed["object"]].plural
        needed[name] = (await make(admin, plural, body_of(_creation(plural)), {}))["id"]
    return needed


def _creation(tag: str) -> ApiRoute:
    return next(one for one in ROUTES if one.method == "POST" and one.path == f"/{tag}")


def body_of(route: ApiRoute) -> Any:
    return fresh(route.body_example) if route.body_example else None


@pytest.fixture
async def callers(world: World, client: Client) -> Callers:
    for kind in CATALOG:
        await make_needed(client, kind, CATALOG)
    return await Callers.of(world, client)


@pytest.mark.quick
async def test_every_caller_gets_from_every_route_what_the_golden_file_says(
    world: World, callers: Callers, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With GOLDEN=write the file is written anew: look at the difference before it is committed."""
    monkeypatch.setattr(webhooks, "MOST_ENDPOINTS", 1_000)
    found = {f"{one.method} {one.path}": await statuses(world, callers, client, one) for one in ROUTES}
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
        for_admins = route.permission in {
            "admin",
            *(one.scope("write") for one in CATALOG if one.written_by is Role.admin),
        }
        assert (row["member"] == 403) == for_admins, route.path
        reads = route.permission == ANYONE or route.permission.endswith(":read")
        assert (row["reader"] == 403) != reads, route.path
        needs_scope = route.permission != ANYONE or route.path in OF_THE_OBJECT
        assert (row["keyWithoutScope"] == 403) == needs_scope, route.path
