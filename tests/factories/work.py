from collections.abc import Awaitable, Callable
from uuid import UUID

from app.domain.kernel.ids import uuid7
from tests.world import Client, World

# Its work is due tomorrow, so that nobody begins it.
JOB = """
with job as (
  insert into job (tenant_id, id, kind, input, total, created_by)
  values ($1, $2, 'test', jsonb_build_object('text', $4::text), 5, $3) returning tenant_id, id)
insert into work (tenant_id, id, kind, key, due_at) select tenant_id, id, 'job', id::text, now() + interval '1 day' from job
"""
PARKED = """
insert into work (tenant_id, id, kind, key, target, state, attempts, last_error, order_key, order_seq, payload)
values ($1, $2, 'test.parked', $2::uuid::text, $3, 'parked', 3, $3, $4, $5, jsonb_build_object('text', $3::text))
"""


async def make_job(world: World, client: Client, text: str = "") -> str:
    """Queued, by that client."""
    job_id = uuid7()
    async with world.place.connect() as administrator:
        await administrator.execute(JOB, client.tenant_id, job_id, client.user_id, text)
    return str(job_id)


async def park_work(
    world: World, client: Client, text: str = "", order_key: str | None = None, order_seq: int = 0
) -> str:
    work_id: UUID = uuid7()
    async with world.place.connect() as administrator:
        await administrator.execute(PARKED, client.tenant_id, work_id, text, order_key, order_seq)
    return str(work_id)


BESIDE: dict[str, Callable[[World, Client, str], Awaitable[str]]] = {"jobs": make_job, "work": park_work}
"""By tag of the routes: what is no record, and no request makes."""
