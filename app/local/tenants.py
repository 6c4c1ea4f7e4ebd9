"""Tenants and keys made by who may reach the database, where no administrator of the product exists yet."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from app.domain.governance import service
from app.domain.governance.schemas import ApiKeyCreate, TenantCreate
from app.domain.registry import SCHEMA
from app.domain.tenants.service import create_tenant
from app.local.state import KeptSecret
from app.repositories.pool import Pool, Target
from app.repositories.tenants import first_administrator
from app.settings import Settings

FIRST = "My company"
ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Made:
    tenant_id: UUID
    user_id: UUID
    key: str


async def new_tenant(settings: Settings, name: str, email: str, country: str | None = None) -> Made:
    """With an administrator and a key of theirs."""
    async with _pool(settings) as pool:
        new = await create_tenant(pool, SCHEMA, TenantCreate(name=name, country=country), email)
    key = await new_key(settings, new.tenant_id, new.admin_user_id, "First key", [ADMIN])
    return Made(new.tenant_id, new.admin_user_id, key)


async def new_key(settings: Settings, tenant_id: UUID, user_id: UUID, name: str, scopes: Sequence[str]) -> str:
    async with _pool(settings) as pool:
        wanted = ApiKeyCreate(name=name, scopes=list(scopes))
        return await service.create_key(pool, SCHEMA, settings.environment, tenant_id, user_id, wanted)


async def first_key(kept: KeptSecret, settings: Settings) -> tuple[str, bool]:
    """The key, and whether it is new: one is made only where none is kept, whatever tenants there are.

    It is kept before it is shown. A start that is killed in between leaves a key that nobody knows.
    """
    if known := kept.read():
        return known, False
    found = await first_administrator(settings.database_url)
    if found:
        key = await new_key(settings, *found, "crm up", [ADMIN])
    else:
        key = (await new_tenant(settings, FIRST, "admin@rapport.example")).key
    kept.keep(key)
    return key, True


@asynccontextmanager
async def _pool(settings: Settings) -> AsyncIterator[Pool]:
    pool = Pool(Target(settings.database_url, "rapport_app", size=1))
    try:
        yield pool
    finally:
        await pool.close()
