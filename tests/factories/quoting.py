from typing import Any

from app.domain.quoting.schemas import LINES
from tests.factories.making import make
from tests.factories.pipeline import make_opportunity
from tests.world import Client


async def make_quote(client: Client, **fields: Any) -> dict[str, Any]:
    """Of an opportunity of its own, unless one is given."""
    if "opportunityId" not in fields:
        fields["opportunityId"] = (await make_opportunity(client))["id"]
    return await make(client, "quotes", {"validUntil": "2099-12-31", "lines": LINES}, fields)


async def present(client: Client, **fields: Any) -> dict[str, Any]:
    """One that the customer has."""
    made = await make_quote(client, **fields)
    answer = await client.post(f"/quotes/{made['id']}/present")
    assert answer.status_code == 200, answer.text
    presented: dict[str, Any] = answer.json()
    return presented
