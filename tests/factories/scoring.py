from typing import Any

from tests.factories.making import make
from tests.world import Client


async def make_scoring_model(client: Client, **fields: Any) -> dict[str, Any]:
    """In use, unless `active` says otherwise."""
    return await make(client, "scoring-models", {"name": "Inbound", "active": True}, fields)


def scoring_rule(when: str, points: int, key: str = "rule", **more: Any) -> dict[str, Any]:
    return {"key": key, "label": key.capitalize(), "when": when, "points": points, **more}


def behaviour(key: str, points: int, **more: Any) -> dict[str, Any]:
    return {"key": key, "label": key.capitalize(), "points": points, **more}


async def behave(client: Client, lead: dict[str, Any], key: str, **more: Any) -> dict[str, Any]:
    """The lead did it, now or when `occurredAt` says."""
    answer = await client.post(f"/leads/{lead['id']}/behaviours", json={"behaviour": key, **more})
    assert answer.status_code == 201, answer.text
    recorded: dict[str, Any] = answer.json()
    return recorded
