from typing import Any

from tests.factories.making import make
from tests.world import Client


async def make_exchange_rate(client: Client, **fields: Any) -> dict[str, Any]:
    """What a pound is worth in the currency of the tenant."""
    return await make(client, "exchange-rates", {"currency": "GBP", "rate": "1.25", "validFrom": "2026-01-01"}, fields)
