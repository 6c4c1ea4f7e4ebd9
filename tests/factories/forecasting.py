from typing import Any

from tests.factories.making import make
from tests.world import Client


async def make_quota(client: Client, user_id: object, **fields: Any) -> dict[str, Any]:
    defaults = {"userId": str(user_id), "period": "2026-Q4", "amount": {"amount": "1000.00", "currency": "EUR"}}
    return await make(client, "quotas", defaults, fields)


async def make_adjustment(client: Client, **fields: Any) -> dict[str, Any]:
    """Of the caller's own forecast, unless it says another."""
    defaults = {"period": "2026-Q4", "category": "commit", "amount": {"amount": "500.00", "currency": "EUR"}}
    return await make(client, "forecast-adjustments", defaults, fields)
