from dataclasses import dataclass
from uuid import UUID

from app.domain.governance.schemas import TenantCreate, UserCreate
from app.domain.governance.service import UserService, administrator
from app.domain.kernel.ids import uuid7
from app.domain.kernel.schema import Schema
from app.domain.kernel.schemas import creating
from app.domain.pipeline.pipelines import found_pipeline
from app.repositories.governance import Tenants
from app.repositories.pool import Pool
from app.repositories.session import Session


@dataclass(frozen=True, slots=True)
class NewTenant:
    tenant_id: UUID
    admin_user_id: UUID


async def create_tenant(pool: Pool, schema: Schema, data: TenantCreate, admin_email: str) -> NewTenant:
    """The tenant, its first administrator and its first pipeline, in one transaction."""
    new = NewTenant(uuid7(), uuid7())
    session = Session(pool, administrator(new.tenant_id, new.admin_user_id), schema, origin="cli")
    user = {"id": new.admin_user_id, "name": "Administrator", "email": admin_email, "role": "admin"}
    async with session.transaction():
        await Tenants(session).create(data)
        await UserService(session).create(creating(UserCreate).model_validate(user))
        await found_pipeline(session)
    return new
