"""What lies beside the records of webhook endpoints: sealed secrets, and how they fare."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Float,
    FromClause,
    LargeBinary,
    Select,
    Text,
    Uuid,
    bindparam,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as insert_or
from sqlalchemy.sql.base import Executable

from app.domain.governance.models import Tenant, User
from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.record import table_of
from app.domain.webhooks.models import WebhookEndpoint, WebhookSecret, WebhookState
from app.repositories.compile import CACHE, of_tenant, read_view, tenant
from app.repositories.session import Session

ENDPOINT, SECRET, STATE = table_of(WebhookEndpoint), table_of(WebhookSecret), table_of(WebhookState)
HEADERS: Final = "headers"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A row of the table; `headers` are one row of an endpoint, whose id is that of the endpoint."""

    id: UUID
    kind: str
    sealed: bytes
    created_at: datetime
    expires_at: datetime | None


class Secrets:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def add(self, endpoint_id: UUID, secret_id: UUID, kind: str, sealed: bytes) -> datetime:
        """When it was made."""
        parameters = {"id": secret_id, "endpoint": endpoint_id, "kind": kind, "sealed": sealed}
        row = await self.session.once(CACHE.get("add a webhook secret", _new_secret), parameters)
        assert row is not None  # noqa: S101  # an insert answers its row
        return row["created_at"]  # type: ignore[no-any-return]  # asyncpg does not say what a column holds

    async def live(self, endpoint_id: UUID) -> list[Sealed]:
        """Those that sign now, newest first."""
        row = await self.session.read(CACHE.get("live webhook secrets", _live_secrets), {"endpoint": endpoint_id})
        return [_sealed(one) for one in orjson.loads(row["secrets"])] if row and row["secrets"] else []

    async def expire(self, endpoint_id: UUID, within_s: float) -> None:
        """All that sign now; none lives longer by it. Those whose time is over go for good."""
        of_endpoint = {"endpoint": endpoint_id}
        await self.session.once(CACHE.get("forget webhook secrets", _forget_secrets), of_endpoint)
        statement = CACHE.get("expire webhook secrets", _expire_secrets)
        await self.session.once(statement, of_endpoint | {"seconds": within_s})

    async def set_headers(self, endpoint_id: UUID, sealed: bytes) -> None:
        parameters = {"id": endpoint_id, "endpoint": endpoint_id, "kind": HEADERS, "sealed": sealed}
        await self.session.once(CACHE.get("set webhook headers", _set_headers), parameters)

    async def headers(self, endpoint_id: UUID) -> Sealed | None:
        row = await self.session.read(CACHE.get("webhook headers", _headers), {"endpoint": endpoint_id})
        return Sealed(row["id"], row["kind"], row["sealed"], row["created_at"], None) if row else None


class Endpoints:
    """Of the session's tenant, as far as they are no records."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def count(self) -> int:
        row = await self.session.read(CACHE.get("count webhook endpoints", _number), {})
        return int(row["number"]) if row else 0

    async def begin(self, endpoint_id: UUID) -> None:
        """Events that settle from now on are its own; how it fares is not known as yet, nor that it ever failed."""
        await self.session.once(CACHE.get("begin a webhook", _begin), {"endpoint": endpoint_id})

    async def actor(self, user_id: UUID) -> Actor | None:
        """With whose rights an endpoint is told of events; None for a user that is gone or inactive."""
        row = await self.session.read(CACHE.get("who a webhook acts for", _user), {"id": user_id})
        if row is None:
            return None
        return Actor(
            tenant_id=row["tenant_id"],
            id=user_id,
            key_id=user_id,
            role=Role(row["role"]),
            scopes=frozenset({"admin"}),
            schema_version=row["schema_version"],
            time_zone=row["time_zone"],
        )


def _new_secret() -> Executable:
    return insert(SECRET).values(_of_secret()).returning(SECRET.c.created_at)


def _set_headers() -> Executable:
    same = (SECRET.c.tenant_id, SECRET.c.endpoint_id, SECRET.c.id)
    new = insert_or(SECRET).values(_of_secret())
    return new.on_conflict_do_update(index_elements=same, set_={"sealed": new.excluded.sealed})


def _of_secret() -> dict[str, Any]:
    return {
        "tenant_id": tenant(),
        "endpoint_id": _endpoint(),
        "id": _id("id"),
        "kind": _text("kind"),
        "sealed": bindparam("sealed", type_=LargeBinary(), required=True),
    }


def _live_secrets() -> Select[Any]:
    view = read_view(SECRET)
    rows = (
        select(view.c.id, view.c.kind, func.encode(view.c.sealed, "hex").label("sealed"))
        .add_columns(view.c.created_at, view.c.expires_at)
        .where(of_tenant(view), view.c.endpoint_id == _endpoint(), *_is_live(view))
        .order_by(view.c.created_at.desc(), view.c.id.desc())
        .subquery("live")
    )
    return select(func.json_agg(rows.table_valued(), type_=JSON).label("secrets"))


def _is_live(source: FromClause) -> tuple[ColumnElement[bool], ...]:
    return source.c.kind != HEADERS, or_(source.c.expires_at.is_(None), source.c.expires_at > func.now())


def _expire_secrets() -> Executable:
    seconds = bindparam("seconds", type_=Float(), required=True)
    end = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    soon = func.least(SECRET.c.expires_at, end, type_=DateTime(timezone=True))
    mine = (SECRET.c.tenant_id == tenant(), SECRET.c.endpoint_id == _endpoint())
    return update(SECRET).where(*mine, *_is_live(SECRET)).values(expires_at=soon)


def _forget_secrets() -> Executable:
    mine = (SECRET.c.tenant_id == tenant(), SECRET.c.endpoint_id == _endpoint())
    return delete(SECRET).where(*mine, SECRET.c.expires_at <= func.now())


def _headers() -> Select[Any]:
    view = read_view(SECRET)
    return select(view).where(of_tenant(view), view.c.endpoint_id == _endpoint(), view.c.kind == HEADERS)


def _number() -> Select[Any]:
    view = read_view(ENDPOINT)
    return select(func.count().label("number")).select_from(view).where(of_tenant(view))


def _begin() -> Executable:
    new = insert_or(STATE).values(tenant_id=tenant(), endpoint_id=_endpoint())
    same = (STATE.c.tenant_id, STATE.c.endpoint_id)
    return new.on_conflict_do_update(index_elements=same, set_={"failing_since": null(), "since": func.app_horizon()})


def _user() -> Select[Any]:
    user, own = read_view(table_of(User)), read_view(table_of(Tenant))
    columns = (user.c.tenant_id, user.c.role, own.c.schema_version, own.c.time_zone)
    known = (of_tenant(user), user.c.id == _id("id"), user.c.status == "active")
    return select(*columns).select_from(user.join(own, of_tenant(own))).where(*known)


def _sealed(row: dict[str, Any]) -> Sealed:
    expires_at = datetime.fromisoformat(row["expires_at"]) if row["expires_at"] else None
    sealed, created_at = bytes.fromhex(row["sealed"]), datetime.fromisoformat(row["created_at"])
    return Sealed(UUID(row["id"]), row["kind"], sealed, created_at, expires_at)


def _endpoint() -> ColumnElement[Any]:
    return _id("endpoint")


def _id(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=Uuid(), required=True)


def _text(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=Text(), required=True)
