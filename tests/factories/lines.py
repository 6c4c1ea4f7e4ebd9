from typing import Any

from tests.factories.making import make
from tests.factories.pipeline import make_opportunity
from tests.world import Client


async def make_line(client: Client, **fields: Any) -> dict[str, Any]:
    """Of an opportunity of its own, unless one is given."""
    if "opportunityId" not in fields:
        fields["opportunityId"] = (await make_opportunity(client))["id"]
    defaults = {} if "productId" in fields else {"unitPrice": {"amount": "520.00", "currency": "USD"}}
    return await make(client, "opportunity-lines", defaults, fields)
