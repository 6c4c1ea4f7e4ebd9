from typing import Any

from tests.factories.making import make
from tests.world import Client


async def make_account(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "accounts", {"name": "Acme", "industry": "Finance", "employees": 120}, fields)


async def make_contact(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "contacts", {"firstName": "Ada", "lastName": "Lovelace"}, fields)


async def make_account_relation(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "account-relations", {"role": "consultant"}, fields)
