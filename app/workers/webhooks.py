"""Webhooks: which events an endpoint is told of, and each request until it is answered or given up."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import random
from time import monotonic
from typing import Final
from uuid import UUID

import orjson

from app.domain.governance.service import administrator
from app.domain.kernel.clock import utc_now
from app.domain.kernel.installation import Installation
from app.domain.kernel.schema import Schema
from app.domain.kernel.work import Again, Done, Outcome, Work
from app.domain.records.reader import Reader
from app.domain.webhooks import signing
from app.domain.webhooks.body import body_of
from app.domain.webhooks.choice import Choice
from app.domain.webhooks.kinds import DELIVERY, SUBSCRIBER
from app.domain.webhooks.retrying import Verdict, pause_s, verdict, wish_s
from app.domain.webhooks.rules import place_of
from app.domain.webhooks.schemas import DisabledReason
from app.domain.webhooks.service import WebhookService
from app.repositories import claims, delivering
from app.repositories.delivering import Receiver, Row, Subscribed, Told
from app.repositories.pool import Connection, Pool
from app.repositories.session import Ring, Session, silent
from app.workers.clients.calling import Called, Caller, Failure
from app.workers.line import Ends, Handler

log = logging.getLogger(__name__)
TIMEOUT_S: Final = 15.0
FAILS_FOR_AT_MOST: Final = timedelta(hours=120)
DEEPEST_CAUSE: Final = 8
LONGEST_CLOSED_S: Final = 3_600.0
DEADLINE_S: Final = 5.0
TOO_MANY: Final = 429
SHORTEST_SECRET: Final = 6
_SLOW: Final = frozenset({Failure.TIMEOUT, Failure.CONNECT, Failure.TLS})


@dataclass(slots=True)
class Subscription:
    """The relay's part: what happens to a tenant becomes deliveries of its endpoints."""

    schema: Schema
    ring: Ring = silent
    name: str = SUBSCRIBER

    async def take(self, connection: Connection, tenant_id: UUID, events: Sequence[Row]) -> None:
        """The endpoints are read after the events: whatever was acknowledged before one of these is among them."""
        endpoints = await delivering.endpoints(connection, tenant_id)
        told = [one for endpoint in endpoints for one in _told(endpoint, events, self.schema)]
        if told:
            await delivering.add(connection, DELIVERY, tenant_id, events, sorted(told, key=lambda one: one.place))

    def taken(self, tenant_id: UUID) -> None:
        self.ring(DELIVERY.family, tenant_id)


def _told(endpoint: Subscribed, events: Sequence[Row], schema: Schema) -> Iterator[Told]:
    """A chain of causes that has become too long is a loop: it is shown, and not fed any further."""
    choice = Choice(endpoint, schema)
    for place, event in enumerate(events):
        if event["settle"] >= endpoint.since and choice.takes(event):
            yield Told(
                place, endpoint.id, endpoint.since, "skipped" if event["cause_depth"] > DEEPEST_CAUSE else "pending"
            )


@dataclass(frozen=True, slots=True)
class Letter:
    """All that a request needs."""

    receiver: Receiver
    event: Row


@dataclass(frozen=True, slots=True)
class Attempted:
    """What the log keeps of a request, and what it says of the endpoint; None where nothing was sent."""

    state: str
    attempt: Row | None = None
    well: bool | None = None
    slow: bool = False
    closed_for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The line's part: each delivery is one piece of work until its plan is used up."""

    work_pool: Pool
    app_pool: Pool
    caller: Caller
    installation: Installation
    schema: Schema

    def handler(self) -> Handler:
        return Handler(kind=DELIVERY, act=self.send, prepare=self.prepare, record=self.record)

    async def prepare(self, works: Sequence[Work]) -> Mapping[UUID, Letter]:
        """By id of the work; those whose delivery, endpoint or event is gone, or not wanted any more, are left out."""
        targets = list({(one.tenant_id, UUID(one.target)) for one in works})
        async with self.work_pool.transaction(None, _deadline()) as connection:
            found = await delivering.deliveries(connection, works)
            receivers = await delivering.receivers(connection, targets)
        return {
            UUID(row["id"]): Letter(receiver, row["event"])
            for row in found
            if (receiver := receivers.get(UUID(row["endpoint_id"]))) and _is_open(row, receiver)
        }

    async def send(self, work: Work, letter: Letter | None) -> Outcome:
        if letter is None or letter.receiver.disabled or letter.receiver.actor is None:
            return Done(Attempted("skipped"))
        reader = Reader(letter.receiver.actor, self.schema)
        if not reader.sees(letter.event):
            return Done(Attempted("skipped"))
        at = utc_now()
        headers, called = await self._call(letter, body_of(letter.receiver, letter.event, reader), at)
        return await self._judge(work.attempts, letter, called, _attempt(letter.receiver.url, headers, called, at))

    async def record(self, connection: Connection, ends: Ends) -> None:
        """In the transaction that settles the work: the log, how the endpoints fare, and how much they bear."""
        attempted = [(work, outcome.detail) for work, outcome in ends if isinstance(outcome, Done | Again)]
        known = [(work, one) for work, one in attempted if isinstance(one, Attempted)]
        if not known:
            return
        await delivering.record(connection, [_as_row(work, one) for work, one in known])
        well = {(work.tenant_id, UUID(work.target)): one.well for work, one in known if one.well is not None}
        if well:
            await delivering.fares(connection, well)
        failing = {(work.tenant_id, work.target): one.slow for work, one in known if one.slow != work.failing}
        if failing:
            await claims.mark(connection, DELIVERY, failing)
        for work, one in known:
            if one.closed_for_s:
                await claims.close(connection, DELIVERY, work.tenant_id, work.target, one.closed_for_s)

    def session(self, tenant_id: UUID, user_id: UUID) -> Session:
        """Of the system itself, on behalf of nobody."""
        actor = administrator(tenant_id, user_id)
        return Session(self.app_pool, actor, self.schema, origin="system", installation=self.installation)

    async def try_out(self, tenant_id: UUID, endpoint_id: UUID, event: Row) -> Row | None:
        """What came back, as the log of deliveries has it, which does not learn of this. None without an endpoint."""
        async with self.work_pool.transaction(None, _deadline()) as connection:
            receiver = (await delivering.receivers(connection, [(tenant_id, endpoint_id)])).get(endpoint_id)
        if receiver is None or receiver.actor is None:
            return None
        letter, at = Letter(receiver, event), utc_now()
        headers, called = await self._call(letter, body_of(receiver, event, Reader(receiver.actor, self.schema)), at)
        return _attempt(receiver.url, headers, called, at)

    async def _call(self, letter: Letter, body: bytes, at: datetime) -> tuple[dict[str, str], Called]:
        receiver, event = letter.receiver, letter.event
        secrets, custom = self._opened(receiver)
        headers = {
            "content-type": "application/json",
            "webhook-id": str(event["id"]),
            "webhook-timestamp": signing.timestamp(at),
            "webhook-sequence": str(event["version"]),
        }
        signature = signing.signature_header(secrets, headers["webhook-id"], at, body)
        sent = headers | {"webhook-signature": signature}
        called = await self.caller.post(receiver.url, sent, body, TIMEOUT_S, custom=custom)
        return headers, _without([*custom.values(), *signature.split()], called)

    def _opened(self, receiver: Receiver) -> tuple[list[str], dict[str, str]]:
        secrets, custom = [], {}
        for one in receiver.secrets:
            place = place_of(receiver.tenant_id, receiver.id, UUID(one["id"]))
            plain = self.installation.seal.open(bytes.fromhex(one["sealed"]), place)
            if one["kind"] == "headers":
                custom = orjson.loads(plain)
            else:
                secrets.append(plain.decode())
        return secrets, custom

    async def _judge(self, attempts: int, letter: Letter, called: Called, attempt: Row) -> Outcome:
        """What is next: nothing, another attempt by the plan, or the end of the endpoint."""
        found = verdict(called.status)
        if found is Verdict.DELIVERED:
            return Done(Attempted("delivered", attempt, well=True))
        if found is Verdict.GONE:
            await self._disable(letter.receiver, "gone")
            return Done(Attempted("failed", attempt, well=False))
        if _has_failed_too_long(letter.receiver):
            await self._disable(letter.receiver, "failing")
        wish = wish_s(called.headers.get("retry-after"), utc_now())
        after_s = pause_s(attempts, random(), wish)  # noqa: S311  # spreads load, guards nothing
        slow = called.status is None and called.error in _SLOW
        closed_for_s = min(wish, LONGEST_CLOSED_S) if called.status == TOO_MANY else 0.0
        if after_s is None:
            return Done(Attempted("failed", attempt, well=False, slow=slow, closed_for_s=closed_for_s))
        detail = Attempted("pending", attempt, well=False, slow=slow, closed_for_s=closed_for_s)
        return Again(after_s, str(called.error or called.status), parks=False, detail=detail)

    async def _disable(self, receiver: Receiver, reason: DisabledReason) -> None:
        """Its own event tells everybody who listens; the log tells the operator."""
        assert receiver.actor is not None  # noqa: S101  # nothing is sent without one
        session = self.session(receiver.tenant_id, receiver.actor.id)
        await WebhookService(session).disable(receiver.id, reason)
        log.warning("a webhook endpoint was disabled", extra={"endpoint": str(receiver.id), "reason": reason})


def _is_open(delivery: Row, receiver: Receiver) -> bool:
    """What was left open when the endpoint was disabled is not sent when it is enabled, unless it is asked for."""
    event = delivery["event"]
    if event is None or delivery["state"] == "delivered":
        return False
    return bool(event["settle"] >= receiver.since or delivery["replays"])


def _has_failed_too_long(receiver: Receiver) -> bool:
    since = receiver.failing_since
    return since is not None and utc_now() - datetime.fromisoformat(since) > FAILS_FOR_AT_MOST


def _attempt(url: str, headers: Mapping[str, str], called: Called, at: datetime) -> Row:
    """Without signature and without the endpoint's own headers."""
    return {
        "at": at.isoformat(),
        "url": url,
        "status": called.status,
        "latencyMs": called.latency_ms,
        "error": called.error,
        "requestHeaders": dict(headers),
        "responseHeaders": dict(called.headers),
        "responseBody": _text(called.body_start),
    }


def _without(values: Sequence[str], called: Called) -> Called:
    """Some receivers answer with what they were sent. Values that are too short to be secrets stay as they are."""
    told = [one for one in values if len(one) >= SHORTEST_SECRET]
    headers = {name: _masked(text, told) for name, text in called.headers.items()}
    body = _masked(called.body_start.decode("latin-1"), told).encode("latin-1")
    return replace(called, headers=headers, body_start=body)


def _masked(text: str, values: Sequence[str]) -> str:
    for one in values:
        text = text.replace(one, "****")
    return text


def _text(body: bytes) -> str | None:
    """PostgreSQL keeps no NUL in a text."""
    return body.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}") if body else None


def _as_row(work: Work, one: Attempted) -> Row:
    return {
        "tenant_id": str(work.tenant_id),
        "endpoint_id": work.target,
        "id": str(work.id),
        "state": one.state,
        "attempt": [one.attempt] if one.attempt else None,
    }


def _deadline() -> float:
    return monotonic() + DEADLINE_S
