"""Webhook endpoints; their secrets, their headers, and the log of what was delivered."""

from collections.abc import Iterator
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import MISSING, BaseModel, Field, create_model

from app.api.answer import JSON, Answer, Headers, show
from app.api.edge import Call
from app.api.listing import encoded, id_in, limit_of, timestamp
from app.api.parameters import CURSOR, KEYED, LIMIT, PREFER
from app.api.records import record_router
from app.api.route import READING, SENDING, ApiRoute, Parameter, Told
from app.api.shapes import ID, TIME, USER, EventShape, PageInfo, Shape, page_example
from app.domain.jobs.schemas import JobRead
from app.domain.kernel.errors import BadRequest, NotFound, refused
from app.domain.kernel.ids import parse_id
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schemas import Timestamp
from app.domain.registry import CATALOG
from app.domain.webhooks.kinds import REPLAY
from app.domain.webhooks.objects import WEBHOOK_ENDPOINT
from app.domain.webhooks.schemas import (
    VERBS,
    DeliveryDetail,
    DeliveryFilter,
    DeliveryRead,
    EndpointTest,
    HeadersRead,
    HeaderValues,
    ReplayRequest,
    SecretList,
    SecretRead,
    SecretRotation,
)
from app.domain.webhooks.service import ADMIN, WebhookService

ITEM = f"/{WEBHOOK_ENDPOINT.plural}/{{id}}"
STATES = ("pending", "delivered", "failed", "skipped")
EVENT_TYPES = [f"{kind.name}.{verb}" for kind in CATALOG for verb in VERBS]
UNCACHED: Headers = [*JSON, (b"cache-control", b"no-store")]
SECRET = {
    "id": ID,
    "kind": "symmetric",
    "secret": "whsec_<base64>",
    "publicKey": None,
    "createdAt": TIME,
    "expiresAt": None,
}
DELIVERY = {
    "id": "019ad1c0-7b41-7e55-b1aa-3c5d7e9f1b2c",
    "eventId": "019ad1c0-7b40-7a02-8f31-c0ffee123456",
    "eventType": "opportunity.updated",
    "object": "opportunity",
    "recordId": ID,
    "version": 2,
    "state": "delivered",
    "attempts": [
        {
            "at": TIME,
            "url": "https://example.com/hook",
            "status": 204,
            "latencyMs": 38,
            "error": None,
            "requestHeaders": {"webhook-id": "019ad1c0-7b40-7a02-8f31-c0ffee123456", "webhook-sequence": "2"},
            "responseHeaders": {},
            "responseBody": "",
        }
    ],
    "replays": 0,
    "createdAt": TIME,
    "settledAt": TIME,
}


JOB = {
    "id": "019ad1c2-1f08-7b3a-9d10-6e5f4a3b2c1d",
    "kind": REPLAY,
    "state": "queued",
    "done": 0,
    "total": None,
    "result": None,
    "error": None,
    "createdAt": TIME,
    "createdBy": USER,
    "startedAt": None,
    "finishedAt": None,
}


class Thin(Shape):
    """What is left of a record where only its id is sent."""

    id: UUID


class DeliveryPage(Shape):
    data: list[DeliveryRead]
    page: PageInfo
    meta: dict[str, str]


async def rotate_secret(call: Call) -> Answer:
    new = await WebhookService(call.session).rotate_secret(call.id, call.read(SecretRotation), call.claim(200))
    return Answer(200, new.body, UNCACHED, effect=True)


async def list_secrets(call: Call) -> Answer:
    call.options()
    return Answer(200, await WebhookService(call.session).secrets(call.id), UNCACHED)


async def set_headers(call: Call) -> Answer:
    document = await WebhookService(call.session).set_headers(call.id, call.read(HeaderValues), call.claim(200))
    return show(document, 200, call.collection)


async def get_headers(call: Call) -> Answer:
    call.options()
    return Answer(200, await WebhookService(call.session).headers(call.id), JSON)


async def replay(call: Call) -> Answer:
    document = await WebhookService(call.session).replay(call.id, call.read(ReplayRequest), call.claim(202))
    return show(document, 202, call.collection)


async def test(call: Call) -> Answer:
    document = await WebhookService(call.session).test(call.id, call.read(EndpointTest), call.claim(202))
    return show(document, 202, call.collection)


async def list_deliveries(call: Call) -> Answer:
    options = call.options("state", "eventType", "recordId", "from", "to", "limit", "cursor")
    limit = limit_of(options.get("limit", "50"))
    found = await WebhookService(call.session).deliveries(call.id, _wanted(options), limit)
    cursor = encoded(str(found.last)) if found.last else None
    page = orjson.dumps({"nextCursor": cursor, "hasMore": cursor is not None})
    return Answer(200, b'{"data":%b,"page":%b,"meta":{}}' % (found.deliveries, page), JSON)


def _wanted(options: dict[str, str]) -> DeliveryFilter:
    if options.get("state", STATES[0]) not in STATES:
        raise refused(BadRequest, "state", "unknownState", f"Known states are {', '.join(STATES)}.")
    if options.get("eventType", EVENT_TYPES[0]) not in EVENT_TYPES:
        raise refused(BadRequest, "eventType", "unknownType", "There is no such event.")
    record_id, before = parse_id(options.get("recordId", "")), id_in(options["cursor"]) if "cursor" in options else None
    if "recordId" in options and record_id is None:
        raise refused(BadRequest, "recordId", "wrongType", "This is no id.")
    return DeliveryFilter(
        state=options.get("state"),  # type: ignore[arg-type]  # one of the states, as was just seen
        event_type=options.get("eventType"),
        record_id=record_id,
        start=timestamp("from", options["from"]) if "from" in options else None,
        end=timestamp("to", options["to"]) if "to" in options else None,
        before=before,
    )


async def get_delivery(call: Call) -> Answer:
    call.options()
    delivery_id = parse_id(call.parameters["deliveryId"])
    if delivery_id is None:
        raise NotFound("There is no such record.")
    found = await WebhookService(call.session).delivery(call.id, delivery_id)
    body = orjson.Fragment(found.body) if found.body else None
    return Answer(200, orjson.dumps({**found.shown, "body": body}), JSON)


webhook_endpoints = (
    *record_router(WebhookService, CATALOG),
    ApiRoute(
        method="POST",
        path=f"{ITEM}/rotate-secret",
        name="rotate_webhookEndpoint_secret",
        summary="Give one webhookEndpoint a new secret",
        description="The secret is shown here, and not again when the answer is replayed. The old ones sign beside it "
        "for a day, or as long as you say, so that receivers can change over.",
        tag=WEBHOOK_ENDPOINT.plural,
        permission=WEBHOOK_ENDPOINT.scope("write"),
        handler=rotate_secret,
        errors=(*SENDING, NotFound),
        body=SecretRotation,
        body_example={"expireOldAfterSeconds": 3600},
        shows=SecretRead,
        example=SECRET,
        parameters=KEYED,
    ),
    ApiRoute(
        method="GET",
        path=f"{ITEM}/secret",
        name="get_webhookEndpoint_secret",
        summary="Show what one webhookEndpoint signs with",
        description="The secrets that sign now, newest first. They are in the clear: keep the answer nowhere else.",
        tag=WEBHOOK_ENDPOINT.plural,
        permission=ADMIN,
        handler=list_secrets,
        errors=READING,
        shows=SecretList,
        example={"data": [SECRET]},
        parameters=(PREFER,),
    ),
    ApiRoute(
        method="GET",
        path=f"{ITEM}/headers",
        name="get_webhookEndpoint_headers",
        summary="Show the headers of one webhookEndpoint",
        description="What every request of it carries of its own. Values are masked.",
        tag=WEBHOOK_ENDPOINT.plural,
        permission=WEBHOOK_ENDPOINT.scope("read"),
        handler=get_headers,
        errors=READING,
        shows=HeadersRead,
        example={"headers": {"Authorization": "****9f3c"}},
        parameters=(PREFER,),
    ),
    ApiRoute(
        method="PUT",
        path=f"{ITEM}/headers",
        name="set_webhookEndpoint_headers",
        summary="Set the headers of one webhookEndpoint",
        description="Instead of all that it had. They are kept sealed and never shown again in full; those of the "
        "specification, of the connection and of the content are the system's to set.",
        tag=WEBHOOK_ENDPOINT.plural,
        permission=WEBHOOK_ENDPOINT.scope("write"),
        handler=set_headers,
        errors=(*SENDING, NotFound),
        body=HeaderValues,
        body_example={"headers": {"Authorization": "Bearer 7d1b0a629f3c"}},
        shows=HeadersRead,
        example={"headers": {"Authorization": "****9f3c"}},
        parameters=KEYED,
    ),
    ApiRoute(
        method="POST",
        path=f"{ITEM}/replay",
        name="replay_webhookEndpoint",
        summary="Send events to one webhookEndpoint again",
        description="Those of `eventIds`, those that happened `from` and `to` a time, or with `failedOnly` those whose "
        "delivery has failed; in each case as far as the endpoint is told of such events now. `eventIds` stands alone. "
        "A replayed request keeps its `webhook-id`. The answer is a job; its result says how many are `resent`.",
        tag=WEBHOOK_ENDPOINT.plural,
        permission=WEBHOOK_ENDPOINT.scope("write"),
        handler=replay,
        errors=(*SENDING, NotFound),
        status=202,
        body=ReplayRequest,
        body_example={"from": TIME, "failedOnly": True},
        shows=JobRead,
        example=JOB,
        parameters=KEYED,
        headers=("Location",),
    ),
    ApiRoute(
        method="POST",
        path=f"{ITEM}/test",
        name="test_webhookEndpoint",
        summary="Try one webhookEndpoint out",
        description="Sends one signed request that tells of an event of that type which never happened (`origin` is "
        "`test`), also where the endpoint is disabled. The answer is a job; its result is what the receiver answered. "
        "It is not repeated, and not among the deliveries.",
        tag=WEBHOOK_ENDPOINT.plural,
        permission=WEBHOOK_ENDPOINT.scope("write"),
        handler=test,
        errors=(*SENDING, NotFound),
        status=202,
        body=EndpointTest,
        body_example={"eventType": "contact.created"},
        shows=JobRead,
        example=JOB,
        parameters=KEYED,
        headers=("Location",),
    ),
    ApiRoute(
        method="GET",
        path=f"{ITEM}/deliveries",
        name="list_webhookEndpoint_deliveries",
        summary="List what one webhookEndpoint was told",
        description="A page of its deliveries, newest first, each with its attempts and what the receiver answered.",
        tag=WEBHOOK_ENDPOINT.plural,
        permission=ADMIN,
        handler=list_deliveries,
        errors=READING,
        shows=DeliveryPage,
        example=page_example([DELIVERY]),
        parameters=(
            Parameter("state", "Only deliveries in this state.", {"type": "string", "enum": list(STATES)}),
            Parameter("eventType", "Only of events of this type.", {"type": "string", "enum": EVENT_TYPES}),
            Parameter("recordId", "Only of events of this record.", {"type": "string", "format": "uuid"}),
            Parameter("from", "Only those made at this time or later.", {"type": "string", "format": "date-time"}),
            Parameter("to", "Only those made before this time.", {"type": "string", "format": "date-time"}),
            LIMIT,
            CURSOR,
            PREFER,
        ),
    ),
    ApiRoute(
        method="GET",
        path=f"{ITEM}/deliveries/{{deliveryId}}",
        name="get_webhookEndpoint_delivery",
        summary="Show one delivery of a webhookEndpoint",
        description="With the body that is posted, made anew from the event.",
        tag=WEBHOOK_ENDPOINT.plural,
        permission=ADMIN,
        handler=get_delivery,
        errors=READING,
        shows=DeliveryDetail,
        example=DELIVERY | {"body": None},
        parameters=(PREFER,),
    ),
)


def _header(name: str, description: str, **schema: str) -> Parameter:
    return Parameter(name, description, {"type": "string", **schema}, place="header", required=True)


HEADERS = (
    _header("webhook-id", "The id of the event: the same with every attempt and every replay.", format="uuid"),
    _header("webhook-timestamp", "When this attempt was made, in seconds since 1970.", pattern="^[0-9]+$"),
    _header("webhook-signature", "Signatures between spaces, `v1,` or `v1a,` and base64; one that holds is enough."),
    _header(
        "webhook-sequence", "The version of the record: tells which of two events is the later.", pattern="^[0-9]+$"
    ),
)
ANSWERS = {
    "2XX": "It was received.",
    "410": "Nobody wants it any more: the endpoint is disabled.",
    "default": "It was not received, and is sent again, after `Retry-After` if that is given.",
}


def _body(kind: AnyObject) -> type[BaseModel]:
    fields: dict[str, Any] = {
        "timestamp": (Timestamp, Field(description="As `time`.")),
        "previous": (dict[str, Any] | MISSING, Field(MISSING, description="Not where `data` is thin.")),
        "data": (kind.read | Thin, ...),
        "truncated": (Literal[True] | MISSING, Field(MISSING, description="`data` is thin because it was too large.")),
    }
    return create_model(f"{kind.model.__name__}Told", __base__=EventShape, __doc__=EventShape.__doc__, **fields)


def _told(kind: AnyObject) -> Iterator[Told]:
    body = _body(kind)
    for verb in VERBS:
        yield Told(
            name=f"{kind.name}.{verb}",
            summary=f"One {kind.name} was {verb}",
            tag=WEBHOOK_ENDPOINT.plural,
            body=body,
            parameters=HEADERS,
            answers=ANSWERS,
        )


told = tuple(one for kind in CATALOG for one in _told(kind))
