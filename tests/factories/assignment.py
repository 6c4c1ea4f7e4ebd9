from typing import Any

from tests.factories.making import make
from tests.world import Client


async def make_queue(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "queues", {"name": "Inbound"}, fields)


async def make_absence(client: Client, **fields: Any) -> dict[str, Any]:
    defaults = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2036-01-01T00:00:00Z", "reason": "Holiday"}
    return await make(client, "absences", defaults, fields)


async def make_assignment_rule(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "assignment-rules", {"name": "Everybody", "object": "lead"}, fields)
