"""Users, API keys, and what a caller may ask about itself."""

from typing import Literal

import orjson
from pydantic import Field, create_model

from app.api.answer import JSON, Answer, show
from app.api.edge import Call
from app.api.listing import MAX_DEPTH, MAX_LIMIT, MAX_ROWS
from app.api.parameters import KEYED, PREFER
from app.api.records import record_router
from app.api.route import ALWAYS, ANYONE, SENDING, WRITING, ApiRoute, Link
from app.api.shapes import ID, TIME, USER, Shape
from app.domain.governance.schemas import (
    ApiKeyCreate,
    ApiKeyCreated,
    ApiKeyRead,
    TenantRead,
    TenantSettings,
    TenantSettingsUpdate,
)
from app.domain.governance.service import ADMIN, KeyService, TenantService, UserService
from app.domain.kernel.errors import NotFound
from app.domain.kernel.expression.shorthand import MAX_CONDITIONS, MAX_LIST
from app.domain.kernel.query import TO_MANY
from app.domain.records.rules import MAX_SORT_KEYS
from app.domain.registry import CATALOG

SCOPES = (ADMIN, "events:read", *(kind.scope(action) for kind in CATALOG for action in ("read", "write")))
KeyBody = create_model(
    "ApiKeyCreate",
    __base__=ApiKeyCreate,
    scopes=(list[Literal[SCOPES]], Field(min_length=1, max_length=len(SCOPES))),  # type: ignore[valid-type]  # the choices come from the registry
)
KEY = {
    "id": ID,
    "name": "Website",
    "userId": USER,
    "scopes": ["contacts:write"],
    "expiresAt": None,
    "rateLimitPerMinute": None,
    "createdAt": TIME,
    "createdBy": USER,
}


class KeyList(Shape):
    data: list[ApiKeyRead]


class Me(Shape):
    user_id: str
    key_id: str
    role: str
    scopes: list[str]
    tenant: TenantRead


class Limits(Shape):
    rate_limit_per_minute: int = Field(description="Of this key; 0 means none.")
    body_bytes: int
    deadline_seconds: float
    page_size: int
    sort_keys: int
    conditions: int
    listed_values: int
    expand_depth: int
    expanded_records: int = Field(description="Of a list shown inline, before it says hasMore.")
    records_inline: int = Field(description="That one answer may show inline in all.")


async def create_key(call: Call) -> Answer:
    new = await KeyService(call.session, call.settings.environment).create(call.read(KeyBody), call.claim(201))
    body = orjson.loads(new.document.body) | {"key": new.key}
    location = (b"location", f"{call.path}/{new.document.id}".encode())
    return Answer(201, orjson.dumps(body), [*JSON, location, (b"cache-control", b"no-store")], effect=True)


async def list_keys(call: Call) -> Answer:
    call.options()
    return Answer(200, b'{"data":%b}' % await KeyService(call.session, call.settings.environment).all(), JSON)


async def revoke_key(call: Call) -> Answer:
    call.options()
    await KeyService(call.session, call.settings.environment).revoke(call.id, call.claim(204))
    return Answer(204, effect=True)


async def show_me(call: Call) -> Answer:
    call.options()
    actor = call.session.actor
    known = {"userId": str(actor.id), "keyId": str(actor.key_id), "role": actor.role, "scopes": sorted(actor.scopes)}
    tenant = orjson.loads(await TenantService(call.session).own())
    return Answer(200, orjson.dumps(known | {"tenant": tenant}), JSON)


async def get_settings(call: Call) -> Answer:
    call.options()
    found = await TenantService(call.session).settings()
    return Answer(200, found.model_dump_json(by_alias=True).encode(), JSON)


async def change_settings(call: Call) -> Answer:
    data = call.read(TenantSettingsUpdate)
    return show(await TenantService(call.session).change_settings(data, call.claim(200)), 200, call.collection)


async def show_limits(call: Call) -> Answer:
    call.options()
    own = call.session.actor.rate_limit_per_minute
    limits = Limits.model_construct(
        rate_limit_per_minute=call.settings.rate_limit_per_minute if own is None else own,
        body_bytes=call.settings.body_limit_bytes,
        deadline_seconds=call.settings.deadline_s,
        page_size=MAX_LIMIT,
        sort_keys=MAX_SORT_KEYS,
        conditions=MAX_CONDITIONS,
        listed_values=MAX_LIST,
        expand_depth=MAX_DEPTH,
        expanded_records=TO_MANY,
        records_inline=MAX_ROWS,
    )
    return Answer(200, limits.model_dump_json(by_alias=True).encode(), JSON)


users = record_router(UserService, CATALOG)
keys = (
    ApiRoute(
        method="GET",
        path="/api-keys",
        name="list_api_keys",
        summary="List API keys",
        description="All keys of the tenant, oldest first; the keys themselves are shown only when they are made.",
        tag="api-keys",
        permission=ADMIN,
        handler=list_keys,
        errors=ALWAYS,
        shows=KeyList,
        example={"data": [KEY]},
        parameters=(PREFER,),
    ),
    ApiRoute(
        method="POST",
        path="/api-keys",
        name="create_api_key",
        summary="Create an API key",
        description="The key is shown once. It acts as its user, within its scopes; the scope admin narrows nothing.",
        tag="api-keys",
        permission=ADMIN,
        handler=create_key,
        errors=SENDING,
        status=201,
        body=KeyBody,
        body_example={"name": "Website", "scopes": ["contacts:write"]},
        shows=ApiKeyCreated,
        example=KEY | {"key": "crm_live_<id>_<secret>"},
        parameters=KEYED,
        links=[Link("delete_api_key", {"id": "$response.body#/id"})],
    ),
    ApiRoute(
        method="DELETE",
        path="/api-keys/{id}",
        name="delete_api_key",
        summary="Revoke an API key",
        description="It stops working everywhere within a second, and for good.",
        tag="api-keys",
        permission=ADMIN,
        handler=revoke_key,
        errors=(*WRITING, NotFound),
        status=204,
        parameters=KEYED,
    ),
)
about = (
    ApiRoute(
        method="GET",
        path="/me",
        name="get_me",
        summary="Who am I?",
        description="The user and the key behind the call, what they may do, and the tenant they belong to.",
        tag="about",
        permission=ANYONE,
        handler=show_me,
        errors=ALWAYS,
        shows=Me,
        example={
            "userId": USER,
            "keyId": ID,
            "role": "admin",
            "scopes": ["admin"],
            "tenant": {
                "id": "019ad1bf-0001-7d00-a111-5b0a7c9e2f10",
                "name": "Acme",
                "timeZone": "Europe/Berlin",
                "locale": "de",
                "currency": "EUR",
                "country": "DE",
                "schemaVersion": 1,
            },
        },
        parameters=(PREFER,),
    ),
    ApiRoute(
        method="GET",
        path="/limits",
        name="get_limits",
        summary="What is the most I may ask?",
        description="The limits that hold for this key, with their units in the names.",
        tag="about",
        permission=ANYONE,
        handler=show_limits,
        errors=ALWAYS,
        shows=Limits,
        example={
            "rateLimitPerMinute": 6000,
            "bodyBytes": 1_000_000,
            "deadlineSeconds": 5.0,
            "pageSize": MAX_LIMIT,
            "sortKeys": MAX_SORT_KEYS,
            "conditions": MAX_CONDITIONS,
            "listedValues": MAX_LIST,
            "expandDepth": MAX_DEPTH,
            "expandedRecords": TO_MANY,
            "recordsInline": MAX_ROWS,
        },
        parameters=(PREFER,),
    ),
)
tenant_settings = (
    ApiRoute(
        method="GET",
        path="/tenant-settings",
        name="get_tenant_settings",
        summary="Get what holds for the organisation",
        description="The country of its phones.",
        tag="about",
        permission=ANYONE,
        handler=get_settings,
        errors=ALWAYS,
        shows=TenantSettings,
        example={"country": "DE"},
        parameters=(PREFER,),
    ),
    ApiRoute(
        method="PATCH",
        path="/tenant-settings",
        name="change_tenant_settings",
        summary="Change what holds for the organisation",
        description="For administrators. It takes effect within a second. Numbers that are kept already stay as they are.",
        tag="about",
        permission=ADMIN,
        handler=change_settings,
        errors=SENDING,
        body=TenantSettingsUpdate,
        body_example={"country": "DE"},
        shows=TenantSettings,
        example={"country": "DE"},
        parameters=KEYED,
    ),
)
