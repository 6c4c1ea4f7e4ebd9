from typing import Any

from app.domain.kernel.ids import uuid7
from tests.factories.making import make
from tests.world import Client


async def make_user(client: Client, **fields: Any) -> dict[str, Any]:
    """Emails differ from user to user."""
    return await make(client, "users", {"name": "Grace Hopper", "email": f"{uuid7()}@test.example"}, fields)
