from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.domain.kernel.schemas import MAX_TEXT, Input, Limits, Name, RecordInput, RecordRead, Text, Timestamp

MAX_CONCURRENCY = 20
MAX_HEADERS = 20
DAY_S = 86_400
VERBS = ("created", "updated", "deleted", "restored")

CONCRETE = rf"^[a-z][A-Za-z0-9]*\.({'|'.join(VERBS)})$"

EventType = Annotated[str, Limits(100, pattern=rf"^(\*|[a-z][A-Za-z0-9]*\.(\*|{'|'.join(VERBS)}))$")]
Origin = Annotated[str, Limits(60, pattern=r"^([a-z][A-Za-z0-9-]*|user:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
HeaderName = Annotated[str, Limits(60, pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}$")]
# No controls, no blank at either end (RFC 9110 5.5), and no other text than every receiver reads alike.
HeaderValue = Annotated[str, Limits(1_000, pattern=r"^[!-~]([ -~]*[!-~])?$")]
Payload = Literal["full", "thin"]
ApiVersion = Literal["v1"]
SecretKind = Literal["symmetric", "asymmetric"]
DeliveryState = Literal["pending", "delivered", "failed", "skipped"]
DisabledReason = Literal["gone", "failing"]


class WebhookEndpointCreate(RecordInput):
    owner_id: UUID | None = Field(
        None, description="The user with whose rights it is told what happens; left out, it is who made the endpoint."
    )
    name: Name | None = None
    url: Annotated[str, Limits(2_000, min_length=1)] = Field(
        description="Where events are posted to. Nothing is sent when it is saved.",
        examples=[
            "https://example.com/hook",
            "https://crm.example.org:8443/in?from=rapport",
            "https://warehouse.example/7",
            "https://a.example",
            "https://b.example/hooks/",
            "https://hooks.example.net/t/019ad1bf",
        ],
    )
    description: Text | None = None
    event_types: list[EventType] = Field(
        min_length=1,
        max_length=100,
        description="The events to be told, such as `contact.created`; `contact.*` is every event of contacts, "
        "`*` every event there is.",
        examples=[["contact.created", "account.*"], ["opportunity.updated"]],
    )
    filter: Annotated[str, Limits(MAX_TEXT)] | None = Field(
        None,
        description="An expression over the record as the event left it, what it was before, and the change; only "
        "events that fulfil it are sent. It holds for every object among the types.",
        examples=["isNew()", "version < 100", "changed(ownerId) || isNew()", "createdAt <= now()"],
    )
    payload: Payload = Field("full", description="`thin` leaves all fields of the record but its id out.")
    api_version: ApiVersion = Field("v1", description="The version of the API in whose form events are sent.")
    skip_origins: list[Origin] = Field(
        default_factory=list,
        max_length=20,
        description="Events that came this way are not sent: an origin such as `api`, or `user:<id>` for what that user "
        "wrote. A receiver that writes back names itself here.",
        examples=[["import"], ["user:019ad1bf-02aa-7f04-8c1d-2b7a90c4d5e6", "system"]],
    )
    disabled: bool = Field(default=False, description="Nothing is sent, and what happens meanwhile is not sent later.")
    concurrency: int = Field(
        10, ge=1, le=MAX_CONCURRENCY, description="Requests that may be under way at once.", examples=[1, 20]
    )
    per_second: float | None = Field(
        None,
        gt=0,
        le=1_000,
        allow_inf_nan=False,
        description="At most so many requests a second, and after a pause at once; null sets no limit.",
        examples=[5, 0.5],
    )


class WebhookEndpointRead(RecordRead):
    name: str | None
    url: str
    description: str | None
    event_types: list[str]
    filter: str | None
    payload: Payload
    api_version: ApiVersion
    skip_origins: list[str]
    disabled: bool
    disabled_reason: DisabledReason | None = Field(
        description="Why the system disabled it: the receiver answered 410, or failed for five days. Null when it is "
        "enabled, or when somebody disabled it."
    )
    concurrency: int
    per_second: float | None


class Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class SecretRotation(Input):
    """All may be left out: a new symmetric secret then takes the place of the old one, which lives on for a day."""

    kind: SecretKind = Field("symmetric", description="`symmetric` signs as v1, `asymmetric` as v1a (Ed25519).")
    secret: Annotated[str, Limits(200, min_length=1)] | None = Field(
        None, description="A secret of your own, `whsec_` or `whsk_` with base64; left out, one is made."
    )
    expire_old_after_seconds: int = Field(
        DAY_S, ge=0, le=7 * DAY_S, description="As long every request is signed by the old secrets as well."
    )


class SecretRead(Shown):
    id: UUID
    kind: SecretKind
    secret: str | None = Field(description="Of a symmetric one. The private half of an asymmetric one is never shown.")
    public_key: str | None = Field(description="`whpk_` with base64: what v1a is verified by.")
    created_at: Timestamp
    expires_at: Timestamp | None = Field(description="Until then it signs beside the newest one.")


class SecretList(Shown):
    """Those that sign now, newest first."""

    data: list[SecretRead]


class ReplayRequest(Input):
    """Either `eventIds`, or a span of time that may be open at one end, or all that have failed."""

    event_ids: list[UUID] | None = Field(
        None, min_length=1, max_length=500, description="These events, where the endpoint is told of such events."
    )
    start: Timestamp | None = Field(None, alias="from", description="Events that happened at this time or later.")
    end: Timestamp | None = Field(None, alias="to", description="Events that happened at this time or before.")
    failed_only: bool | None = Field(None, description="Only deliveries that have failed.", examples=[True])


class EndpointTest(Input):
    event_type: Annotated[str, Limits(100, pattern=CONCRETE)] | None = Field(
        None,
        description="What the request tells of; left out, it is the first type of the endpoint.",
        examples=["contact.created", "account.deleted", None],
    )


class HeaderValues(Input):
    headers: dict[HeaderName, HeaderValue] = Field(
        max_length=MAX_HEADERS, description="All that every request carries beside those of the specification."
    )


class HeadersRead(Shown):
    headers: dict[str, str] = Field(description="By name; of the values only the end is shown.")


class Attempt(Shown):
    """One request and what came of it. Texts are cut, and hold no signature and no value of a header of your own."""

    at: Timestamp
    url: str
    status: int | None = Field(description="Null where no answer came.")
    latency_ms: int
    error: str | None
    request_headers: dict[str, str]
    response_headers: dict[str, str]
    response_body: str | None


class DeliveryRead(Shown):
    """One event for the endpoint. The id of its requests, `webhook-id`, is `eventId`."""

    id: UUID
    event_id: UUID
    event_type: str
    object: str
    record_id: UUID
    version: int
    state: DeliveryState
    attempts: list[Attempt]
    replays: int = Field(description="How often it was asked for again.")
    created_at: Timestamp
    settled_at: Timestamp | None


class DeliveryDetail(DeliveryRead):
    body: dict[str, Any] | None = Field(
        description="What is posted, made anew from the event; null when the log no longer holds it, or when it is not "
        "for the owner of the endpoint to see."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """`start` and `end` bound the time at which the delivery was made; the page goes on below the id `before`."""

    state: DeliveryState | None = None
    event_type: str | None = None
    record_id: UUID | None = None
    start: datetime | None = None
    end: datetime | None = None
    before: UUID | None = None
