"""Tenants and API keys: tables of their own shape, read and written by named statements."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from sqlalchemy import ColumnElement, FromClause, Select, Table, bindparam, delete, func, insert, null, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.sql.base import Executable

from app.domain.governance.models import ApiKey, Tenant
from app.domain.governance.schemas import ApiKeyRead, TenantCreate, TenantRead
from app.domain.kernel.claim import Claim
from app.domain.kernel.query import Document
from app.domain.kernel.record import table_of
from app.repositories.compile import CACHE, Statement, of_tenant, read_view, tenant
from app.repositories.idempotency import keep
from app.repositories.reading import record_id
from app.repositories.refusals import unknown_reference
from app.repositories.session import Session

TENANT, KEY = table_of(Tenant), table_of(ApiKey)
_SET = Statement(
    """
    update tenant
       set country = case when $2::jsonb ? 'country' then $2::jsonb ->> 'country' else country end,
           modified_at = clock_timestamp(), modified_by = $3
     where tenant_id = $1
    returning country
    """,
    ("tenant", "values", "me"),
    {},
)


class Tenants:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def create(self, data: TenantCreate) -> None:
        """The tenant of the session itself."""
        await self.session.once(CACHE.get("create tenant", _new_tenant), data.model_dump())

    async def own(self) -> bytes:
        """The session's tenant as JSON."""
        row = await self.session.read(CACHE.get("own tenant", _own_tenant), {})
        return bytes(row["body"]) if row else b"null"

    async def set(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is not among the values stays."""
        row = await self.session.once(_SET, {"values": dict(values)})
        return dict(row) if row else {}


class Keys:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def create(self, key_id: UUID, values: Mapping[str, Any], digest: bytes, claim: Claim | None) -> Document:
        actor = {"created_by": self.session.actor.id}
        parameters = {"id": key_id, "digest": digest, **actor, **values}
        try:
            return await self._write(CACHE.get("create key", _new_key), parameters, claim)
        except asyncpg.ForeignKeyViolationError as error:
            raise unknown_reference("user_id") from error

    async def all(self) -> bytes:
        row = await self.session.read(CACHE.get("all keys", _all_keys), {})
        return bytes(row["keys"]) if row and row["keys"] else b"[]"

    async def delete(self, key_id: UUID, claim: Claim | None) -> Document | None:
        """None when there is no such key."""
        document = await self._write(CACHE.get("delete key", _no_key), {"id": key_id}, claim)
        return document if document.fresh else None

    async def _write(self, statement: Any, parameters: Mapping[str, Any], claim: Claim | None) -> Document:
        async with self.session.transaction():
            row = await self.session.once(statement, parameters)
            document = Document(parameters["id"], 0, bytes(row["body"]) if row else b"", "", fresh=row is not None)
            if claim and row:
                await keep(self.session, claim, document)
        return document


def _new_tenant() -> Executable:
    columns = ("name", "time_zone", "locale", "currency", "country")
    return insert(TENANT).values(tenant_id=tenant(), **{name: _value(TENANT, name) for name in columns})


def _own_tenant() -> Select[Any]:
    view = read_view(TENANT)
    columns = [view.c.tenant_id.label("id"), *_shown(TenantRead, view)]
    return _as_json(select(*columns).where(of_tenant(view)))


def _new_key() -> Select[Any]:
    columns = [name for name in KEY.c.keys() if name not in ("tenant_id", "created_at")]  # noqa: SIM118  # a collection of columns, not a dict
    record = insert(KEY).values(tenant_id=tenant(), **{name: _value(KEY, name) for name in columns}).returning(*KEY.c)
    return _as_json(select(*_shown(ApiKeyRead, record.cte("rec")), null().label("key")))


def _all_keys() -> Select[Any]:
    view = read_view(KEY)
    rows = select(*_shown(ApiKeyRead, view)).where(of_tenant(view)).order_by(view.c.id).subquery("doc")
    return select(func.json_agg(rows.table_valued(), type_=JSON).label("keys"))


def _no_key() -> Select[Any]:
    gone = delete(KEY).where(KEY.c.tenant_id == tenant(), KEY.c.id == record_id()).returning(*KEY.c)
    return _as_json(select(*_shown(ApiKeyRead, gone.cte("gone"))))


def _as_json(row: Select[Any]) -> Select[Any]:
    doc = row.subquery("doc")
    return select(func.row_to_json(doc.table_valued(), type_=JSON).label("body"))


def _shown(read: type[BaseModel], source: FromClause) -> list[ColumnElement[Any]]:
    return [source.c[name].label(to_camel(name)) for name in read.model_fields if name in source.c]


def _value(table: Table, name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=table.c[name].type, required=True)
