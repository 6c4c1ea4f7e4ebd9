"""Who administers what is there, asked over all tenants by those who own the database."""

from uuid import UUID

import asyncpg

from app.repositories.pool import dsn

FIRST_ADMINISTRATOR = """
select u.tenant_id, u.id from "user" u join tenant t on t.tenant_id = u.tenant_id
 where u.role = 'admin' and u.status = 'active'
 order by t.created_at, t.tenant_id, u.created_at, u.id limit 1
"""


async def first_administrator(url: str) -> tuple[UUID, UUID] | None:
    """Tenant and user of the oldest tenant that has an active one."""
    connection = await asyncpg.connect(dsn(url), server_settings={"role": "rapport_owner"})
    try:
        row = await connection.fetchrow(FIRST_ADMINISTRATOR)
    finally:
        await connection.close()
    return (row["tenant_id"], row["id"]) if row else None
