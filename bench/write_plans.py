"""The statements of create and update, taken from the product itself on their way to PostgreSQL."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg

from app.domain.accounts.objects import CONTACT
from app.domain.accounts.service import ContactService
from app.domain.governance.service import administrator
from app.domain.kernel.actor import as_array
from app.domain.kernel.claim import Claim
from app.domain.kernel.schema import Schema
from app.domain.kernel.schemas import creating
from app.repositories.compile import Statement
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from bench.fill import Tenant


class Taken(Exception):
    """A write that was stopped."""

    def __init__(self, statement: Statement, arguments: list[Any]) -> None:
        self.statement, self.arguments = statement, arguments


class Watched(Session):
    """Reads, and stops at the first write."""

    def _row(self, statement: Statement, parameters: Mapping[str, Any]) -> Awaitable[asyncpg.Record | None]:
        if statement.sql.startswith("WITH"):
            raise Taken(statement, statement.arguments({**self._asking, **parameters}))
        return super()._row(statement, parameters)


async def writes(url: str, tenant: Tenant, schema: Schema) -> dict[str, Taken]:
    pool = Pool(Target(url, "rapport_app", size=1))
    actor = replace(administrator(tenant.id, tenant.user_id), owners=as_array(tenant.owners))
    session = Watched(pool, actor, schema)
    try:
        return {"create": await _create(session, tenant), "change": await _change(session, tenant.contact(1))}
    finally:
        await pool.close()


async def _create(session: Session, tenant: Tenant) -> Taken:
    body = {"lastName": "Created", "phone": "+49301234567", "accountId": str(tenant.account(1))}
    data = creating(CONTACT.create).model_validate(body | {"ownerId": str(tenant.user_id)}, strict=False)
    try:
        await ContactService(session).create(data, Claim("plan", b"plan", 201))
    except Taken as write:
        return write
    raise AssertionError("A create is a statement that begins with WITH.")


async def _change(session: Session, contact: UUID) -> Taken:
    patch = CONTACT.update.model_validate({"phone": "+49307654321"})
    try:
        await ContactService(session).update(contact, patch)
    except Taken as write:
        return write
    raise AssertionError("An update is a statement that begins with WITH.")
