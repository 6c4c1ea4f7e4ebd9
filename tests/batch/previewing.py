"""Every write that there is, as a request that can be sent, previewed, and compared with what it then does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from app.api.route import ApiRoute
from app.api.v1.routes import ROUTES
from app.domain.kernel.ids import uuid7
from app.domain.registry import CATALOG
from tests.factories.making import make_needed
from tests.isolation.test_roles import body_of, path_to
from tests.readme.page import Normal
from tests.world import Client, World

BY_CHANCE = {"key", "secret", "publicKey", "formKey"}
DRY = {"Prefer": "dry-run"}
EVENTS = """
select object, record_id, version, split_part(type, '.', 2) as change, changes from event
 where tenant_id = $1 and not id = any($2) order by settle, seq
"""
WORK = "select kind, key, nullif(target, '') as target from work where tenant_id = $1 and not id = any($2) order by id"


@dataclass(frozen=True, slots=True)
class Request:
    route: ApiRoute
    path: str
    body: Any

    @property
    def name(self) -> str:
        return f"{self.route.method} {self.route.path}"

    async def send(self, client: Client, **more: Any) -> httpx.Response:
        return await client.request(self.route.method, self.path, json=self.body, **more)


def writes() -> Iterator[ApiRoute]:
    return (route for route in ROUTES if any(one.name == "Idempotency-Key" for one in route.parameters))


async def furnish(client: Client) -> None:
    """With the records that the examples of others refer to."""
    for kind in CATALOG:
        await make_needed(client, kind, CATALOG)


async def request_to(world: World, client: Client, route: ApiRoute) -> Request:
    """With a record of its own, where it is about one; and an edit really changes something."""
    body = body_of(route)
    if route.method == "PATCH" and "external_ids" in getattr(route.body, "model_fields", ()):
        body["externalIds"] = {"previewed": str(uuid7())}
    return Request(route, await path_to(world, client, route, client), body)


@dataclass(frozen=True, slots=True)
class Known:
    """What of a tenant was there before."""

    events: list[UUID]
    work: list[UUID]

    @classmethod
    async def now(cls, world: World, client: Client) -> "Known":
        queries = ("select id from event where tenant_id = $1", "select id from work where tenant_id = $1")
        return cls(*[[row["id"] for row in await world.look(query, client.tenant_id)] for query in queries])

    async def since(self, world: World, client: Client) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The events and the work that have come since."""
        events = await world.look(EVENTS, client.tenant_id, self.events)
        work = await world.look(WORK, client.tenant_id, self.work)
        return [dict(row) for row in events], [dict(row) for row in work]


def comparable(answer: Any, writes: Any, work: Any) -> str:
    """The same text for the same answer and effects, but for new ids, times and secrets."""
    return Normal()(json.dumps(_plain([answer, writes, work]), default=str, sort_keys=True))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        by_chance = {name for name in value if name in BY_CHANCE or name.endswith("Seconds")}
        return {name: _plain(one) for name, one in value.items() if name not in by_chance}
    return [_plain(one) for one in value] if isinstance(value, list) else value
