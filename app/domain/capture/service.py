from collections.abc import Mapping
from datetime import datetime
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from app.domain.capture.kinds import EXPIRY
from app.domain.capture.objects import LEAD_FORM, LEAD_SUBMISSION
from app.domain.capture.rules import (
    CONFIRMED_WITHIN,
    answered,
    blanks,
    lead_of,
    refuse_rewriting,
    refuse_unusable,
)
from app.domain.capture.schemas import (
    Confirmation,
    LeadFormRead,
    LeadSubmissionCreate,
    LeadSubmissionRead,
    Posted,
)
from app.domain.capture.tickets import Link, Ticket, link_text
from app.domain.kernel.actor import Role
from app.domain.kernel.changes import Change
from app.domain.kernel.claim import Claim
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import AppError, Conflict, Gone, NotFound, Stale, refused
from app.domain.kernel.query import Document
from app.domain.kernel.schemas import Input
from app.domain.kernel.work import NewWork, Work
from app.domain.leads.schemas import LeadCreate
from app.domain.leads.service import LeadService
from app.domain.records.service import ATTEMPTS, RecordService
from app.repositories.capture import Forms, OpenLeads, Unconfirmed
from app.repositories.work import DueWork

ADMIN, KEY_BYTES = "admin", 18


class LeadFormService(RecordService[LeadFormRead]):
    kind = LEAD_FORM
    reacts_to = frozenset({"form_key"})

    async def check(self, change: Change[LeadFormRead]) -> None:
        refuse_unusable(change.after)

    async def react(self, change: Change[LeadFormRead]) -> None:
        """To its creation alone: the key stays what it is."""
        await Forms(self.session).begin(change.after.id)

    async def shown(self, form_id: UUID) -> LeadFormRead:
        self._may_read()
        form = await self.records.load(form_id)
        if form is None or form.disabled:
            raise NotFound("There is no such form, or no longer.")
        return form

    async def _create(self, data: Input, beside: Mapping[str, Any], claim: Claim | None) -> Document:
        return await super()._create(data, {**beside, "form_key": token_urlsafe(KEY_BYTES)}, claim)


class CapturedLeads(LeadService):
    """A lead as a form makes it: one for each address, as long as that is open."""

    async def capture(self, new: LeadCreate, proof: Mapping[str, Any]) -> UUID:
        """Of an open lead with the same address only what is blank is filled. `proof` is of consent, and the latest."""
        try:
            known = await OpenLeads(self.session).of_email(new.email) if new.email else None
            if known is None:
                return (await self._create(new, proof, None)).id
            await self._fill(known, new, proof)
            return known
        except AppError as error:
            error.put_inside("answers")
            raise

    async def _fill(self, lead_id: UUID, new: LeadCreate, proof: Mapping[str, Any]) -> None:
        """Onto the version it has read, so that nothing that somebody writes meanwhile is replaced."""
        for _ in range(ATTEMPTS):
            found = await self.records.load(lead_id)
            if found is None:
                raise Conflict("Others keep changing this lead.", code="busy")
            try:
                await self._edit(lead_id, {**blanks(found, new), **proof}, None, frozenset({found.version}), None)
                return
            except Stale:
                continue
        raise Conflict("Others keep changing this lead.", code="busy")


class LeadSubmissionService(RecordService[LeadSubmissionRead]):
    """What was sent by forms, and the consent to it. Each makes a lead, or finds the one that it is of."""

    kind = LEAD_SUBMISSION

    async def check(self, change: Change[LeadSubmissionRead]) -> None:
        if change.before is not None:
            refuse_rewriting(change.before, change.fields)
        if "answers" in change.fields:
            lead_of(change.after.answers, self.session.actor.country)

    async def _create(self, data: Input, beside: Mapping[str, Any], claim: Claim | None) -> Document:
        consent_at = utc_now() if getattr(data, "consent_text", None) else None
        return await super()._create(data, {"state": "accepted", "consent_at": consent_at, **beside}, claim)

    async def receive(self, form: LeadFormRead, ticket: Ticket, posted: Posted) -> Document:
        """By a form: the answers and the consent that it asks for, once for each ticket."""
        self._may_write()
        answers = answered(form, posted, self.session.actor.country)
        sent = {"source": form.source, "utm": posted.utm, "referrer": posted.referrer, "page": posted.page}
        known = {"answers": answers, "consentText": form.consent_text, "ownerId": form.owner_id}
        data = LeadSubmissionCreate.model_validate({**sent, **known})
        beside = {"form_id": form.id, "form_version": form.version}
        async with self.session.transaction():
            if not await Forms(self.session).use(form.id, ticket.text, ticket.expires_at):
                message = "This was sent already. Send it again only if you have changed something."
                raise refused(Conflict, "/ticket", "ticketUsed", message)
            return await (self._hold(data, beside) if form.double_opt_in else self._accept(data, beside))

    async def confirm(self, submission_id: UUID) -> None:
        """Makes the lead of it, once; one that was confirmed before stays as it is. Raises `Gone` when it is too late."""
        self._may_write()
        async with self.session.transaction():
            now = utc_now()
            answers = await Unconfirmed(self.session).take(submission_id, now)
            found = await self.records.load(submission_id)
            if found is None or (answers is None and found.confirmed_at is None):
                raise Gone("This link has expired: please fill in the form again.")
            if answers is None:
                return
            country = self.session.actor.country
            new = lead_of(answers, country, source=found.source, utm=found.utm, owner_id=found.owner_id)
            proof = {**_proof(found.consent_text, found.consent_at), "confirmed_at": now}
            lead_id = await CapturedLeads(self.session).capture(new, proof)
            accepted = {"answers": answers, "state": "accepted", "lead_id": lead_id, "confirmed_at": now}
            await self._edit(submission_id, accepted, None, None, None)
            await DueWork(self.session).cancel(EXPIRY, str(submission_id))

    async def expire(self, work: Work) -> None:
        """By the system: what was never confirmed is erased, in the transaction that settles the work."""
        submission_id = UUID(work.key)
        async with self.session.transaction():
            await DueWork(self.session).done(EXPIRY, work)
            await Unconfirmed(self.session).erase(submission_id)
            found = await self.records.load(submission_id)
            if found is not None and found.state == "pending":
                await self._edit(submission_id, {"state": "expired"}, None, None, None)

    async def confirmation(self, submission_id: UUID, public_url: str) -> Confirmation:
        """For who sends the mail: the address, and the link. It opens the lead's door, so only administrators see it."""
        self.session.actor.require(ADMIN, role=Role.admin)
        found = await self.records.load(submission_id)
        answers = await Unconfirmed(self.session).show(submission_id, utc_now())
        if found is None:
            raise NotFound("There is no such record.")
        if answers is None or found.form_id is None or found.expires_at is None:
            raise Conflict("It is not, or no longer, waiting for a confirmation.", code="notPending")
        signing = await Forms(self.session).signing(found.form_id)
        if signing is None:
            raise NotFound("There is no such record.")
        text = link_text(signing.secret, Link(submission_id, found.expires_at))
        url = f"{public_url}/forms/{signing.form_key}/confirm/{text}"
        return Confirmation(email=answers["email"], url=url, expiresAt=found.expires_at)

    async def _accept(self, data: LeadSubmissionCreate, beside: Mapping[str, Any]) -> Document:
        """The lead and the submission come into being together or not at all."""
        consent_at = utc_now() if data.consent_text else None
        country = self.session.actor.country
        new = lead_of(data.answers, country, source=data.source, utm=data.utm, owner_id=data.owner_id)
        lead_id = await CapturedLeads(self.session).capture(new, _proof(data.consent_text, consent_at))
        return await self._create(data, {**beside, "lead_id": lead_id, "consent_at": consent_at}, None)

    async def _hold(self, data: LeadSubmissionCreate, beside: Mapping[str, Any]) -> Document:
        """Nothing personal gets into the record, and so into the log, before it is confirmed."""
        expires_at = utc_now() + CONFIRMED_WITHIN
        known = {**beside, "state": "pending", "expires_at": expires_at}
        held = await self._create(data.model_copy(update={"answers": {}}), known, None)
        await Unconfirmed(self.session).keep(held.id, data.answers, expires_at)
        await DueWork(self.session).add(NewWork(kind=EXPIRY, key=str(held.id), due_at=expires_at))
        return held


def _proof(text: str | None, at: datetime | None) -> dict[str, Any]:
    """Of the consent; a form that asks for none leaves what is known of an earlier one."""
    return {"consent_at": at, "consent_text": text} if text else {}
