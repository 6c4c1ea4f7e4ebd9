"""Quotes: what they are made from, their way to the customer, and what becomes of them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from pydantic import MISSING

from app.domain.accounts.objects import ACCOUNT
from app.domain.governance.service import TenantService
from app.domain.kernel.changes import Change
from app.domain.kernel.claim import Claim
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import AppError, Conflict, Forbidden, Invalid, NotFound, Stale, refused
from app.domain.kernel.query import Document
from app.domain.kernel.schemas import Input
from app.domain.kernel.work import NewWork, Work
from app.domain.lines.objects import OPPORTUNITY_LINE
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.pipeline.rules import overdue_at
from app.domain.pipeline.service import OpportunityService
from app.domain.quoting.objects import QUOTE
from app.domain.quoting.paper import PRINTED, Paper, paper
from app.domain.quoting.rules import (
    DRAFT,
    EXPIRY,
    refuse_edit,
    refuse_late,
    refuse_unready,
    turned,
    worth,
)
from app.domain.quoting.schemas import MOST_LINES, QuoteCreate, QuoteLine, QuoteRead, Rejection, stored
from app.domain.records.service import Derived, RecordService, Versions
from app.repositories.quoting import Quotes
from app.repositories.refusals import unknown_reference
from app.repositories.work import DueWork

_TAKEN_OVER = ("name", "contact_id", "locale", "billing_name", "billing_address", "lines")
_BEGINNING = {"status": DRAFT, "revision": 1}


class QuoteService(RecordService[QuoteRead]):
    kind = QUOTE
    reacts_to = frozenset({"status"})

    async def check(self, change: Change[QuoteRead]) -> Derived:
        """What is left out comes from the opportunity, and what it costs from its lines."""
        before, after = change.before, change.after
        if before is not None:
            refuse_edit(before, set(change.fields).intersection(self.kind.writable))
        missing = [name for name in _TAKEN_OVER if getattr(after, name) is MISSING]
        derived = await self._taken_over(after.opportunity_id, missing) if missing else {}
        if before is None or "lines" in change.fields:
            lines = await self._named(derived.get("lines", after.lines))
            derived |= {"lines": stored(lines), **worth(lines)}
        return derived

    async def react(self, change: Change[QuoteRead]) -> None:
        quote, work, actor = change.after, DueWork(self.session), self.session.actor
        if quote.status != "presented":
            await work.cancel(EXPIRY, str(quote.id))
            return
        due_at = overdue_at(quote.valid_until, 0, ZoneInfo(actor.time_zone))
        if due_at is not None and not await work.postpone(EXPIRY, str(quote.id), due_at):
            payload = {"userId": str(actor.id), "timeZone": actor.time_zone}
            await work.add(NewWork(kind=EXPIRY, key=str(quote.id), payload=payload, due_at=due_at))

    async def present(self, quote_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """To the customer. The number comes last, so that others wait for it as briefly as can be."""
        self._may_write()
        async with self.session.transaction():
            quote, now, quotes = await self._locked(quote_id), utc_now(), Quotes(self.session)
            today = self._day(now)
            values: dict[str, Any] = {"status": turned(quote.status, "present")}
            refuse_unready(quote, today)
            seller = orjson.loads(await TenantService(self.session).own())["name"]
            values |= {"seller": seller, "presented_on": today, "presented_at": now}
            if quote.number is None:
                values["number"] = f"Q-{today.year}-{await quotes.next_number(today.year):05}"
            else:
                await self._supersede(quote.number, quote.revision)
            return await self._edit(quote_id, values, None, versions, claim)

    async def accept(self, quote_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """The opportunity is worth what the customer agrees to. Of its quotes one is accepted: the database decides."""
        self._may_write()
        async with self.session.transaction():
            quote = await self._locked(quote_id)
            now = utc_now()
            values = {"status": turned(quote.status, "accept"), "decided_at": now}
            refuse_late(quote, self._day(now))
            try:
                document = await self._edit(quote_id, values, None, versions, claim)
            except Conflict as error:
                raise _one_accepted(error) from error
            if quote.net is not None:
                await OpportunityService(self.session).agree(quote.opportunity_id, quote.net)
            return document

    async def reject(
        self, quote_id: UUID, why: Rejection, *, versions: Versions = None, claim: Claim | None = None
    ) -> Document:
        self._may_write()
        async with self.session.transaction():
            quote = await self._locked(quote_id)
            values = {"status": turned(quote.status, "reject"), "rejected_reason": why.reason, "decided_at": utc_now()}
            return await self._edit(quote_id, values, None, versions, claim)

    async def revise(self, quote_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """A new draft of the same number. This one holds until the draft is presented."""
        self._may_write()
        async with self.session.transaction():
            quote = await self._locked(quote_id)
            if versions is not None and quote.version not in versions:
                raise Stale("The record has another version by now: read it and edit again.")
            turned(quote.status, "revise")
            given = {name: getattr(quote, name) for name in self.kind.writable} | {"external_ids": {}}
            beside = {**_BEGINNING, "number": quote.number, "revision": quote.revision + 1}
            try:
                return await self._create(QuoteCreate.model_construct(**given), beside, claim)
            except Conflict as error:
                raise _one_revision(error) from error

    async def refresh(self, quote_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """The lines of the opportunity as they are now."""
        self._may_write()
        async with self.session.transaction():
            quote = await self._locked(quote_id)
            refuse_edit(quote, ("lines",))
            lines = await self._taken_over(quote.opportunity_id, ("lines",))
            return await self._edit(quote_id, lines, None, versions, claim)

    async def expire(self, quote_id: UUID, work: Work) -> None:
        """By the system, on the morning after its last day."""
        async with self.session.transaction():
            await Quotes(self.session).lock(quote_id)
            await DueWork(self.session).done(EXPIRY, work)
            quote = await self.records.load(quote_id)
            if quote is not None and quote.status == "presented":
                values = {"status": turned(quote.status, "expire"), "decided_at": utc_now()}
                await self._edit(quote_id, values, None, None, None)

    async def paper(self, quote_id: UUID) -> Paper:
        """What its PDF says."""
        self._may_read()
        if hidden := self.session.schema.unseen(QUOTE, PRINTED):
            raise Forbidden(f"The paper prints {', '.join(hidden)}, which you do not see.", code="fieldHidden")
        quote = await self.records.load(quote_id)
        if quote is None:
            raise NotFound("There is no such record.")
        seller = quote.seller or orjson.loads(await TenantService(self.session).own())["name"]
        return paper(quote, seller, self._day(utc_now()))

    async def delete(self, record_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """An accepted one is what was agreed on: it stays."""
        self._may_write()
        async with self.session.transaction():
            quote = await self._locked(record_id)
            if quote.status == "accepted":
                raise Conflict("It is accepted: it is what was agreed on, and stays.", code="quoteAccepted")
            return await super().delete(record_id, versions=versions, claim=claim)

    async def restore(self, record_id: UUID, claim: Claim | None = None) -> Document:
        """What would have expired meanwhile does so now."""
        return await self._restore(
            record_id, claim, lambda quote: self.react(Change(None, quote, tuple(self.reacts_to)))
        )

    async def _create(self, data: Input, beside: Mapping[str, Any], claim: Claim | None) -> Document:
        return await super()._create(data, {**_BEGINNING, **beside}, claim)

    async def _supersede(self, number: str, revision: int) -> None:
        """The one before. One that is superseded already, or was deleted, stays so."""
        before = await Quotes(self.session).lock_before(number, revision)
        quote = await self.records.load(before) if before else None
        if quote is not None and quote.status != "superseded":
            values = {"status": turned(quote.status, "supersede"), "decided_at": quote.decided_at or utc_now()}
            await self._edit(quote.id, values, None, None, None)

    async def _taken_over(self, opportunity_id: UUID, names: Sequence[str]) -> dict[str, Any]:
        """By column, what the opportunity says of these. Needs the right to read what it is taken from."""
        for kind in (OPPORTUNITY, OPPORTUNITY_LINE, ACCOUNT):
            self.session.actor.require(kind.scope("read"))
        row = await Quotes(self.session).source(OPPORTUNITY, ACCOUNT, opportunity_id)
        if row is None:
            raise unknown_reference("opportunity_id")
        lines = row["lines"] or []
        if "lines" in names and len(lines) > MOST_LINES:
            raise refused(Invalid, "/lines", "tooManyLines", f"A quote has at most {MOST_LINES} lines: give those.")
        found = {
            "name": row["name"],
            "contact_id": row["primary_contact_id"],
            "locale": row["locale"],
            "billing_name": row["account"],
            "billing_address": _billing(row["addresses"] or []),
            "lines": stored([QuoteLine.model_validate(one) for one in lines]),
        }
        return {name: found[name] for name in names}

    async def _named(self, lines: Sequence[Any]) -> list[QuoteLine]:
        """With the names and units of their products, where they have none of their own."""
        read = [QuoteLine.model_validate(one) for one in lines]
        ids = {one.product_id for one in read if one.product_id is not None}
        known = await Quotes(self.session).products(sorted(ids)) if ids else {}
        for place, line in enumerate(read):
            if line.product_id is None:
                continue
            if str(line.product_id) not in known:
                error = unknown_reference("product_id")
                error.put_inside(f"lines/{place}")
                raise error
            name, unit = known[str(line.product_id)]
            read[place] = line.model_copy(update={"name": line.name or name, "unit": line.unit or unit})
        return read

    async def _locked(self, quote_id: UUID) -> QuoteRead:
        await Quotes(self.session).lock(quote_id)
        quote = await self.records.load(quote_id)
        if quote is None:
            raise NotFound("There is no such record.")
        return quote

    def _day(self, now: datetime) -> date:
        return now.astimezone(ZoneInfo(self.session.actor.time_zone)).date()


def _billing(addresses: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    labelled = (one for one in addresses if str(one.get("label", "")).casefold() == "billing")
    return next(labelled, addresses[0] if addresses else None)


def _one_accepted(error: Conflict) -> AppError:
    if error.code != "taken":
        return error
    return Conflict("Another quote of the opportunity is accepted: there is one for each.", code="anotherAccepted")


def _one_revision(error: Conflict) -> AppError:
    if error.code != "taken":
        return error
    return Conflict("There is a newer revision: go on with that one.", code="alreadyRevised")
