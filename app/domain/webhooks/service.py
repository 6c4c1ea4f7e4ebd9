from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel

from app.domain.jobs.service import By, JobService
from app.domain.kernel.actor import Role
from app.domain.kernel.changes import Change
from app.domain.kernel.claim import Claim
from app.domain.kernel.errors import Conflict, Invalid, NotFound, refused
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.filters import checked, refusal
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.ids import uuid7
from app.domain.kernel.query import Document
from app.domain.kernel.schemas import Input
from app.domain.kernel.sealing import CannotOpen, CannotSeal
from app.domain.records.reader import Reader
from app.domain.records.service import Claims, RecordService, Upserted, Versions
from app.domain.webhooks import signing
from app.domain.webhooks.addresses import RefusedUrl, refuse_url
from app.domain.webhooks.body import body_of
from app.domain.webhooks.kinds import DELIVERY, REPLAY, SUBSCRIBER, TEST, TEST_JOB
from app.domain.webhooks.objects import WEBHOOK_ENDPOINT
from app.domain.webhooks.rules import (
    MOST_ENDPOINTS,
    MOST_SECRETS,
    acts_for,
    masked,
    objects_among,
    place_of,
    refuse_reserved,
    sample_type,
    unknown_types,
)
from app.domain.webhooks.schemas import (
    DeliveryFilter,
    DisabledReason,
    EndpointTest,
    HeadersRead,
    HeaderValues,
    ReplayRequest,
    SecretKind,
    SecretList,
    SecretRead,
    SecretRotation,
    WebhookEndpointRead,
)
from app.repositories.deliveries import Deliveries, Delivery, DeliveryPage
from app.repositories.idempotency import keep
from app.repositories.relay import Subscriptions
from app.repositories.webhooks import Endpoints, Sealed, Secrets
from app.repositories.work import DueWork

ADMIN = "admin"
_MEANING = frozenset({"event_types", "filter"})
_LIMITS = frozenset({"concurrency", "per_second", "disabled"})
D = TypeVar("D", bound=Input)


@dataclass(frozen=True, slots=True)
class NewSecret:
    """`body` shows the secret; `document` is what is stored of the answer, and does not."""

    body: bytes
    document: Document


@dataclass(frozen=True, slots=True)
class Delivered:
    """`body` is what is posted, where that can still be told."""

    shown: Mapping[str, Any]
    body: bytes | None


class WebhookService(RecordService[WebhookEndpointRead]):
    """Endpoints, and what is beside their records: secrets and headers, which are sealed, and the log of deliveries."""

    kind = WEBHOOK_ENDPOINT

    async def check(self, change: Change[WebhookEndpointRead]) -> None:
        """Who writes an endpoint may read what it is told of."""
        if change.before is None and await Endpoints(self.session).count() >= MOST_ENDPOINTS:
            message = f"A tenant has at most {MOST_ENDPOINTS} endpoints: delete one that is not needed."
            raise Conflict(message, code="tooManyEndpoints")
        if "url" in change.fields:
            self._check_url(change.after.url)
        if not _MEANING.isdisjoint(change.fields):
            self._check_events(change.after)

    async def react(self, change: Change[WebhookEndpointRead]) -> None:
        endpoint, is_new = change.after, change.before is None
        if is_new:
            await Subscriptions(self.session).begin(SUBSCRIBER)
            await self._add(endpoint.id, signing.new_shared_secret())
        if is_new or ("disabled" in change.fields and not endpoint.disabled):
            await Endpoints(self.session).begin(endpoint.id)
        if not _LIMITS.isdisjoint(change.fields):
            limits = endpoint.concurrency, endpoint.per_second
            await DueWork(self.session).limit(DELIVERY, str(endpoint.id), *limits)

    async def update(
        self, record_id: UUID, patch: Input, *, versions: Versions = None, claim: Claim | None = None
    ) -> Document:
        return await super().update(record_id, _by_hand(patch), versions=versions, claim=claim)

    async def upsert(self, system: str, value: str, data: Input, claims: Claims) -> Upserted:
        return await super().upsert(system, value, _by_hand(data), claims)

    async def restore(self, record_id: UUID, claim: Claim | None = None) -> Document:
        """What happened while it lay in the bin is not sent later, and neither is what was open by then."""
        return await self._restore(record_id, claim, lambda one: Endpoints(self.session).begin(one.id))

    async def disable(self, endpoint_id: UUID, reason: DisabledReason) -> None:
        """By the system, in a session of that origin. One that is disabled already keeps its reason."""
        endpoint = await self._endpoint(endpoint_id)
        if not endpoint.disabled:
            found = {"disabled": True, "disabled_reason": reason}
            await self._edit(endpoint_id, found, None, None, None)

    async def rotate_secret(self, endpoint_id: UUID, data: SecretRotation, claim: Claim | None = None) -> NewSecret:
        """The new one signs from now on; the old ones beside it, for as long as `data` says."""
        self._may_write()
        secret = _chosen(data)
        async with self.session.transaction():
            await self._endpoint(endpoint_id)
            secrets = Secrets(self.session)
            if data.expire_old_after_seconds and len(await secrets.live(endpoint_id)) >= MOST_SECRETS:
                message = (
                    f"{MOST_SECRETS} secrets sign already: wait until one expires, or let the old ones expire now."
                )
                raise Conflict(message, code="tooManySecrets")
            await secrets.expire(endpoint_id, data.expire_old_after_seconds)
            new = await self._add(endpoint_id, secret)
            document = Document(new.id, 0, _json(new.model_copy(update={"secret": None})), "", fresh=True)
            if claim:
                await keep(self.session, claim, document)
        told = {name: self.session.shown_once(one) for name in ("secret", "public_key") if (one := getattr(new, name))}
        return NewSecret(_json(new.model_copy(update=told)), document)

    async def secrets(self, endpoint_id: UUID) -> bytes:
        """Those that sign now, in the clear."""
        self._may_see_secrets()
        await self._endpoint(endpoint_id)
        live = await Secrets(self.session).live(endpoint_id)
        return _json(SecretList(data=[_told(one, self._opened(endpoint_id, one).decode()) for one in live]))

    async def set_headers(self, endpoint_id: UUID, data: HeaderValues, claim: Claim | None = None) -> Document:
        """Instead of all that were set before."""
        self._may_write()
        refuse_reserved(data.headers)
        async with self.session.transaction():
            await self._endpoint(endpoint_id)
            sealed = self._sealed(endpoint_id, endpoint_id, orjson.dumps(data.headers))
            await Secrets(self.session).set_headers(endpoint_id, sealed)
            document = Document(endpoint_id, 0, _json(_masked(data.headers)), "", fresh=True)
            if claim:
                await keep(self.session, claim, document)
        return document

    async def headers(self, endpoint_id: UUID) -> bytes:
        self._may_read()
        await self._endpoint(endpoint_id)
        found = await Secrets(self.session).headers(endpoint_id)
        return _json(_masked(orjson.loads(self._opened(endpoint_id, found)) if found else {}))

    async def replay(self, endpoint_id: UUID, wanted: ReplayRequest, claim: Claim | None = None) -> Document:
        """The job that tells it once more what it was, or would have been, told."""
        self._may_write()
        given = _replayed(wanted)
        if (await self._endpoint(endpoint_id)).disabled:
            message = "Nothing is sent to an endpoint that is disabled: enable it first."
            raise Conflict(message, code="endpointDisabled")
        return await JobService(self.session).start(REPLAY, {**given, "endpointId": str(endpoint_id)}, claim)

    async def test(self, endpoint_id: UUID, wanted: EndpointTest, claim: Claim | None = None) -> Document:
        """The job that calls it with an event that never happened, and whose result is what came back."""
        self._may_write()
        endpoint, catalog = await self._endpoint(endpoint_id), self.session.catalog
        if wanted.event_type and any(unknown_types([wanted.event_type], catalog)):
            raise refused(Invalid, "/eventType", "unknownType", "There is no such event.")
        event_type = wanted.event_type or sample_type(endpoint.event_types, catalog)
        given = {"endpointId": str(endpoint_id), "eventType": event_type}
        by = By(TEST, str(endpoint_id))
        return await JobService(self.session).start(TEST_JOB, given, claim, total=1, by=by)

    async def deliveries(self, endpoint_id: UUID, wanted: DeliveryFilter, limit: int) -> DeliveryPage:
        self._may_see_secrets()
        await self._endpoint(endpoint_id)
        return await Deliveries(self.session).page(endpoint_id, wanted, limit)

    async def delivery(self, endpoint_id: UUID, delivery_id: UUID) -> Delivered:
        self._may_see_secrets()
        endpoint = await self._endpoint(endpoint_id)
        found = await Deliveries(self.session).one(endpoint_id, delivery_id)
        if found is None:
            raise NotFound("There is no such delivery.")
        return Delivered(found.shown, await self._body(endpoint, found))

    async def _body(self, endpoint: WebhookEndpointRead, delivery: Delivery) -> bytes | None:
        """As it is for the endpoint, less what is not for who asks."""
        user_id = acts_for(endpoint)
        actor = await Endpoints(self.session).actor(user_id) if user_id and delivery.event else None
        if actor is None or delivery.event is None:
            return None
        told, asking = Reader(actor, self.session.schema), Reader(self.session.actor, self.session.schema)
        if not (told.sees(delivery.event) and asking.sees(delivery.event)):
            return None
        return body_of(endpoint, asking.shown(delivery.event), told)

    async def _endpoint(self, endpoint_id: UUID) -> WebhookEndpointRead:
        found = await self.records.load(endpoint_id)
        if found is None:
            raise NotFound("There is no such record.")
        return found

    def _check_url(self, url: str) -> None:
        try:
            refuse_url(url, allow_loopback=self.session.installation.allow_loopback)
        except RefusedUrl as error:
            raise refused(Invalid, "/url", "refusedUrl", str(error)) from error

    def _check_events(self, endpoint: WebhookEndpointRead) -> None:
        schema, actor = self.session.schema, self.session.actor
        if faults := [*unknown_types(endpoint.event_types, schema.catalog)]:
            raise Invalid("The endpoint names events that there are not.", code="unknownType", faults=faults)
        actor.require("events:read")
        for kind in objects_among(endpoint.event_types, schema.catalog):
            actor.require(kind.scope("read"))
            try:
                if endpoint.filter is not None:
                    checked(endpoint.filter, kind, schema, actor, Profile.event)
            except ExpressionError as error:
                raise refusal("/filter", error, Invalid) from error

    async def _add(self, endpoint_id: UUID, secret: str) -> SecretRead:
        secret_id, kind = uuid7(), _kind_of(secret)
        sealed = self._sealed(endpoint_id, secret_id, secret.encode())
        created_at = await Secrets(self.session).add(endpoint_id, secret_id, kind, sealed)
        return _told(Sealed(secret_id, kind, sealed, created_at, None), secret)

    def _sealed(self, endpoint_id: UUID, secret_id: UUID, plain: bytes) -> bytes:
        try:
            return self.session.installation.seal.seal(
                plain, place_of(self.session.actor.tenant_id, endpoint_id, secret_id)
            )
        except CannotSeal as error:
            message = "The operator has set no encryption key (CRM_ENCRYPTION_KEYS), so no secret can be kept."
            raise Conflict(message, code="noEncryptionKey") from error

    def _opened(self, endpoint_id: UUID, one: Sealed) -> bytes:
        try:
            return self.session.installation.seal.open(
                one.sealed, place_of(self.session.actor.tenant_id, endpoint_id, one.id)
            )
        except CannotOpen as error:
            message = "The operator no longer has the encryption key that it was sealed under."
            raise Conflict(message, code="noEncryptionKey") from error

    def _may_see_secrets(self) -> None:
        self.session.actor.require(ADMIN, role=Role.admin)


def _by_hand(data: D) -> D:
    """Who says whether an endpoint is disabled takes back what the system said of it."""
    return data.model_copy(update={"disabled_reason": None}) if "disabled" in data.model_fields_set else data


def _replayed(wanted: ReplayRequest) -> dict[str, Any]:
    """What the job is given."""
    given = wanted.model_dump(mode="json", by_alias=True, exclude_none=True)
    by_id, by_time = "eventIds" in given, bool(given.keys() - {"eventIds"})
    if by_id == by_time or (by_time and "from" not in given and not given.get("failedOnly")):
        message = "Say which: eventIds alone, or from (and to), or failedOnly, perhaps with from and to."
        raise refused(Invalid, "/eventIds", "ambiguous", message)
    return given


def _chosen(data: SecretRotation) -> str:
    if data.secret is None:
        return signing.new_shared_secret() if data.kind == "symmetric" else signing.new_private_key()
    try:
        secret = signing.check_secret(data.secret)
    except ValueError as error:
        raise refused(Invalid, "/secret", "badSecret", f"This can be no secret: {error}.") from error
    if _kind_of(secret) != data.kind:
        raise refused(Invalid, "/kind", "otherKind", f"The secret that is given is {_kind_of(secret)}.")
    return secret


def _kind_of(secret: str) -> SecretKind:
    return "asymmetric" if secret.startswith(signing.PRIVATE) else "symmetric"


def _told(one: Sealed, secret: str) -> SecretRead:
    kind = _kind_of(secret)
    is_private = kind == "asymmetric"
    return SecretRead.model_construct(
        id=one.id,
        kind=kind,
        secret=None if is_private else secret,
        public_key=signing.public_key(secret) if is_private else None,
        created_at=one.created_at,
        expires_at=one.expires_at,
    )


def _masked(headers: Mapping[str, str]) -> HeadersRead:
    return HeadersRead.model_construct(headers={name: masked(value) for name, value in headers.items()})


def _json(shown: BaseModel) -> bytes:
    return orjson.dumps(shown.model_dump(by_alias=True))
