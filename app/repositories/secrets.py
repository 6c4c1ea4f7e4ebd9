"""The upkeep of sealed secrets of all tenants, in the role of the owner."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

_EXPIRED: Final = """
delete from webhook_secret
 where (tenant_id, endpoint_id, id) in (
   select tenant_id, endpoint_id, id from webhook_secret where expires_at <= now() limit $1)
"""
# A sealed value begins with the number of its key, most significant byte first, so that bytes are ordered as numbers are.
_OLDER: Final = """
select tenant_id, endpoint_id, id, sealed from webhook_secret
 where sealed < $1 and (tenant_id, endpoint_id, id) > ($2, $3, $4)
 order by tenant_id, endpoint_id, id limit $5
"""
_REPLACE: Final = """
update webhook_secret set sealed = $5 where tenant_id = $1 and endpoint_id = $2 and id = $3 and sealed = $4
"""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    tenant_id: UUID
    endpoint_id: UUID
    id: UUID


FIRST: Final = Place(UUID(int=0), UUID(int=0), UUID(int=0))


async def forget_expired(connection: asyncpg.Connection, at_most: int) -> int:
    done = await connection.execute(_EXPIRED, at_most)
    return int(done.rpartition(" ")[2])


async def sealed_before(
    connection: asyncpg.Connection, key: int, behind: Place, at_most: int
) -> list[tuple[Place, bytes]]:
    """What is sealed under keys of lower numbers, in order of place."""
    rows = await connection.fetch(_OLDER, key.to_bytes(4), behind.tenant_id, behind.endpoint_id, behind.id, at_most)
    return [(Place(row["tenant_id"], row["endpoint_id"], row["id"]), row["sealed"]) for row in rows]


async def replace(connection: asyncpg.Connection, place: Place, old: bytes, new: bytes) -> None:
    """Unless it has become another meanwhile."""
    await connection.execute(_REPLACE, place.tenant_id, place.endpoint_id, place.id, old, new)
