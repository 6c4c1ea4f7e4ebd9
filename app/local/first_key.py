"""The first tenant with its administrator, and the one key that is kept for who runs `crm up`."""

from app.domain.governance.service import create_key, create_tenant
from app.local.state import State
from app.repositories.pool import Pool, Target
from app.repositories.tenants import first_administrator

TENANT = "My company"


async def first_key(state: State, database_url: str) -> tuple[str, bool]:
    """The key, and whether it is new. One is made only where none is kept, whatever tenants there are.

    It is kept before it is shown: a start that is killed in between leaves a key that nobody knows, and makes another.
    """
    kept = state.admin_key()
    if kept:
        return kept, False
    pool = Pool(Target(database_url, "rapport_app", size=1))
    try:
        found = await first_administrator(database_url)
        if found is None:
            tenant = await create_tenant(pool, name=TENANT)
            found = (tenant.tenant_id, tenant.admin_user_id)
        key = await create_key(pool, *found, name="crm up", scopes=("admin",))
    finally:
        await pool.close()
    state.keep_admin_key(key)
    return key, True
