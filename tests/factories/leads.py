from typing import Any

from tests.factories.making import make
from tests.world import Client


async def make_lead(client: Client, **fields: Any) -> dict[str, Any]:
    defaults = {"firstName": "Grace", "lastName": "Hopper", "company": "Acme", "email": "grace@acme.example"}
    return await make(client, "leads", defaults, fields)
