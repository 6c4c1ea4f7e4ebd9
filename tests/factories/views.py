from typing import Any

from tests.factories.making import make
from tests.world import Client


async def make_view(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "views", {"name": "Finance", "object": "account"}, fields)
