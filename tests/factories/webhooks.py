from typing import Any
from uuid import UUID

from app.domain.kernel.ids import uuid7
from tests.factories.making import make
from tests.world import Client, World

LOGGED = """
insert into webhook_delivery (tenant_id, id, endpoint_id, event_id, event_settle, event_seq, event_type, object,
                              record_id, version, state)
select tenant_id, $1, $2, id, settle, seq, type, object, record_id, version, $5 from event
 where tenant_id = $3 and record_id = $4 order by version desc limit 1
returning id
"""


async def make_endpoint(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "webhook-endpoints", {"url": "https://example.com/hook", "eventTypes": ["*"]}, fields)


async def log_delivery(
    world: World,
    client: Client,
    endpoint_id: str,
    record_id: str,
    state: str = "pending",
    delivery_id: UUID | None = None,
) -> str:
    """As the relay writes it: the last event of the record, for that endpoint. Answers its id."""
    given = (delivery_id or uuid7(), UUID(endpoint_id), client.tenant_id, UUID(record_id), state)
    async with world.place.connect() as administrator:
        return str(await administrator.fetchval(LOGGED, *given))
