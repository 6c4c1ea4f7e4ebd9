from typing import Any

from tests.factories.making import make
from tests.factories.pipeline import make_opportunity
from tests.world import Client


async def make_opportunity_contact(client: Client, **fields: Any) -> dict[str, Any]:
    """Of an opportunity of its own, unless one is given."""
    if "opportunityId" not in fields:
        fields["opportunityId"] = (await make_opportunity(client))["id"]
    return await make(client, "opportunity-contacts", {"role": "economicBuyer"}, fields)


async def make_member(client: Client, **fields: Any) -> dict[str, Any]:
    """Of an opportunity of its own, unless one is given."""
    if "opportunityId" not in fields:
        fields["opportunityId"] = (await make_opportunity(client))["id"]
    return await make(client, "opportunity-members", {"role": "salesEngineer"}, fields)
