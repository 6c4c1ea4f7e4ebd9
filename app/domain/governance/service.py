from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from uuid import UUID

from app.domain.governance.objects import USER
from app.domain.governance.schemas import ApiKeyCreate, TenantSettings, TenantSettingsUpdate, UserRead
from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.claim import Claim
from app.domain.kernel.errors import NotFound
from app.domain.kernel.ids import uuid7
from app.domain.kernel.query import Document
from app.domain.kernel.schema import Schema
from app.domain.records.service import RecordService
from app.repositories.governance import Keys, Tenants
from app.repositories.idempotency import keep
from app.repositories.pool import Pool
from app.repositories.session import Session

ADMIN = "admin"


class UserService(RecordService[UserRead]):
    kind = USER


@dataclass(frozen=True, slots=True)
class NewKey:
    """`key` is shown once; `document` is what is stored of it."""

    key: str
    document: Document


class KeyService:
    """API keys of the tenant: only administrators make, see and revoke them."""

    def __init__(self, session: Session, environment: str) -> None:
        self.session = session
        self.environment = environment
        self.keys = Keys(session)

    async def create(self, data: ApiKeyCreate, claim: Claim | None = None) -> NewKey:
        """Raises `Invalid` when there is no such user."""
        self._require()
        key_id = uuid7()
        key = f"crm_{self.environment}_{key_id.hex}_{token_hex(32)}"
        values = data.model_dump() | {"user_id": data.user_id or self.session.actor.id}
        document = await self.keys.create(key_id, values, digest_of(key), claim)
        return NewKey(self.session.shown_once(key), document)

    async def all(self) -> bytes:
        """A JSON array, oldest first."""
        self._require()
        return await self.keys.all()

    async def revoke(self, key_id: UUID, claim: Claim | None = None) -> Document:
        """The key stops working everywhere within a second."""
        self._require()
        document = await self.keys.delete(key_id, claim)
        if document is None:
            raise NotFound("There is no such record.")
        return document

    def _require(self) -> None:
        self.session.actor.require(ADMIN, role=Role.admin)


class TenantService:
    """The organisation that the session belongs to."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.tenants = Tenants(session)

    async def own(self) -> bytes:
        """The tenant as JSON; everybody in it may know."""
        return await self.tenants.own()

    async def settings(self) -> TenantSettings:
        """Everybody in it may know."""
        return TenantSettings.model_validate_json(await self.tenants.own())

    async def change_settings(self, data: TenantSettingsUpdate, claim: Claim | None = None) -> Document:
        """For administrators. What is written stays as it was read; the next write is read by the new ones."""
        self.session.actor.require(ADMIN, role=Role.admin)
        async with self.session.transaction():
            values = await self.tenants.set(data.values())
            body = TenantSettings.model_validate(values).model_dump_json(by_alias=True).encode()
            document = Document(self.session.actor.tenant_id, 0, body, "", fresh=True)
            if claim:
                await keep(self.session, claim, document)
        return document


def digest_of(key: str) -> bytes:
    return sha256(key.encode()).digest()


def administrator(tenant_id: UUID, user_id: UUID) -> Actor:
    """Who acts where no credential does: at the command line, and when a tenant begins."""
    return Actor(tenant_id, user_id, user_id, Role.admin, frozenset({ADMIN}), schema_version=1)


async def create_key(
    pool: Pool, schema: Schema, environment: str, tenant_id: UUID, user_id: UUID, data: ApiKeyCreate
) -> str:
    """A key of the tenant, made at the command line. Raises `Invalid` when there is no such user."""
    session = Session(pool, administrator(tenant_id, user_id), schema, origin="cli")
    return (await KeyService(session, environment).create(data)).key
