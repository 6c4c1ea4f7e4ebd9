from collections.abc import Mapping
from typing import Any

from tests.world import Client


async def make(client: Client, plural: str, defaults: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The record as the API answers it; `fields` are in its own words and go before the defaults."""
    answer = await client.post(f"/{plural}", json={**defaults, **fields})
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record
