"""The product as it is deployed, plus stand-ins for what later issues bring.

There are three hundred more routes; and guarded, a caller sees the contacts and opportunities of fifty owners only,
without three of their fields.
"""

import os
from dataclasses import replace
from typing import Any
from uuid import UUID

from app.api import auth
from app.api.answer import JSON, Answer
from app.api.edge import Call
from app.api.route import READING, ApiRoute
from app.api.v1.routes import ROUTES
from app.domain.kernel.actor import as_array
from app.domain.registry import SCHEMA
from app.main import create_app
from app.memory import spare_what_stays
from app.repositories.access import Credential, find_credential
from app.repositories.pool import Pool
from app.settings import Settings
from bench.fill import Tenant
from bench.guard import GUARDED

STAND_INS = 300


async def _never(_: Call) -> Answer:
    return Answer(200, b"{}", JSON)


def _stand_in(number: int) -> ApiRoute:
    """Two routes of each object of the future: its list, and one of it."""
    what: dict[str, Any] = {"summary": "Stand-in", "description": "Stand-in.", "tag": "stand-ins", "handler": _never}
    item = "/{id}" if number % 2 else ""
    path = f"/stand-ins-{number // 2}{item}"
    return ApiRoute(method="GET", path=path, name=f"stand_in_{number}", permission="anyone", errors=READING, **what)


async def _with_owners(pool: Pool, key_id: UUID, deadline: float) -> Credential | None:
    """What grants will say of an actor, looked up as often as the key itself."""
    found = await find_credential(pool, key_id, deadline)
    if found is None:
        return None
    number = int(found.actor.tenant_id.hex[13:16], 16)
    return replace(found, actor=replace(found.actor, owners=as_array(Tenant(number, 0, "").owners)))


def _application() -> Any:
    guarded = "BENCH_GUARDED" in os.environ
    if guarded:
        auth.find_credential = _with_owners  # type: ignore[attr-defined]  # a stand-in for what grants will do there
    routes = (*ROUTES, *(_stand_in(number) for number in range(STAND_INS)))
    made = create_app(Settings(), schema=GUARDED if guarded else SCHEMA, routes=routes)
    spare_what_stays()
    return made


app = _application()
