from typing import Any

from tests.factories.making import make
from tests.world import Client


async def make_product(client: Client, **fields: Any) -> dict[str, Any]:
    defaults = {"name": "GTX Basic", "family": "GTX", "listPrice": {"amount": "550.00", "currency": "EUR"}}
    return await make(client, "products", defaults, fields)


async def make_opportunity(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "opportunities", {"name": "Acme - GTX Basic", "stage": "engaging"}, fields)
