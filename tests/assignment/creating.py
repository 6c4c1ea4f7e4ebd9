"""One process of several that create leads of one tenant at the same time, each on a pool of its own."""

import asyncio
import sys
import time
from uuid import UUID

from app.domain.governance.service import administrator
from app.domain.kernel.schemas import creating
from app.domain.leads.schemas import LeadCreate
from app.domain.leads.service import LeadService
from app.domain.registry import SCHEMA
from app.repositories.pool import Pool, Target
from app.repositories.session import Session

AT_ONCE = 3
LONGEST_S = 90.0


async def create(url: str, tenant_id: UUID, user_id: UUID, number: int) -> None:
    pool, actor = Pool(Target(url, "rapport_app", size=AT_ONCE)), administrator(tenant_id, user_id)
    new = creating(LeadCreate).model_validate({"lastName": "Hopper"})

    async def some(share: int) -> None:
        for _ in range(share):
            await LeadService(Session(pool, actor, SCHEMA, deadline=time.monotonic() + LONGEST_S)).create(new)

    try:
        async with asyncio.TaskGroup() as group:
            for place in range(AT_ONCE):
                group.create_task(some(number // AT_ONCE + (place < number % AT_ONCE)))
    finally:
        await pool.close()


if __name__ == "__main__":
    asyncio.run(create(sys.argv[1], UUID(sys.argv[2]), UUID(sys.argv[3]), int(sys.argv[4])))
