"""Leads: how they are worked, how long they may wait, and what they become."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.accounts.objects import ACCOUNT, CONTACT
from app.domain.accounts.service import AccountService, ContactService
from app.domain.assignment.service import AssignmentService
from app.domain.governance.service import UserService
from app.domain.kernel.actor import Role
from app.domain.kernel.changes import Change
from app.domain.kernel.claim import Claim
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Stale, refused
from app.domain.kernel.ids import uuid7
from app.domain.kernel.query import Document
from app.domain.kernel.schemas import Input
from app.domain.kernel.work import NewWork, Work, WorkKind
from app.domain.leads.conversion import NAMED_BY, opportunity_name
from app.domain.leads.converting import Converting
from app.domain.leads.objects import LEAD
from app.domain.leads.rules import (
    BEGINNING,
    OPEN,
    RECYCLE,
    RESPONSE,
    converted,
    escalated,
    escalates_again,
    following,
    illegal,
    is_waiting,
    morning,
    promoted,
    refuse,
    starts_waiting,
)
from app.domain.leads.schemas import (
    ConversionPreview,
    Disqualification,
    LeadConversion,
    LeadRead,
    LeadSettings,
    LeadSettingsUpdate,
    Proposal,
)
from app.domain.matching.service import MatchingService
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.pipeline.service import OpportunityService
from app.domain.records.service import Derived, RecordService, Versions
from app.domain.scoring.rules import DECAY
from app.domain.scoring.service import ScoringService
from app.repositories.assignment import Waiting
from app.repositories.idempotency import keep
from app.repositories.leads import LaidDown, Leads
from app.repositories.refusals import unknown_reference
from app.repositories.session import Session
from app.repositories.work import DueWork

_RESPONSE_BY = frozenset({"first_response_due_at", "first_responded_at"})
ADMIN = "admin"
HIGHEST = 10  # managers above one another that are looked at for one who is active


class LeadService(RecordService[LeadRead]):
    kind = LEAD
    reacts_to = _RESPONSE_BY | {"recycle_on"}

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.scoring = ScoringService(session)
        self._laid_down: LaidDown | None = None

    async def check(self, change: Change[LeadRead]) -> Derived:
        """The score of a converted lead stays what it was."""
        refuse(change)
        laid_down = self._laid_down if change.before is None else None
        settings = await self._settings(laid_down) if starts_waiting(change) else None
        values = following(change, settings, utc_now())
        if change.after.status == "converted":
            return values
        score, reached = await self.scoring.follow(LEAD, change, laid_down.models if laid_down else None)
        return {**values, "score": score, **promoted(change, reached)}

    async def react(self, change: Change[LeadRead]) -> None:
        lead = change.after
        await self.scoring.keep(change)
        if not _RESPONSE_BY.isdisjoint(change.fields):
            await self._plan(RESPONSE, lead.id, lead.first_response_due_at if is_waiting(lead) else None)
        if "recycle_on" in change.fields:
            await self._plan(RECYCLE, lead.id, morning(lead.recycle_on, self.session.actor.time_zone))

    async def contact(self, lead_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """Somebody has responded to it: it goes up no more. One that is qualified stays so."""
        self._may_write()
        async with self.session.transaction():
            await Leads(self.session).lock(lead_id)
            lead = await self.records.load(lead_id)
            values: dict[str, Any] = {"status": "contacted"}
            if lead is not None and lead.status == "qualified":
                values = {"first_responded_at": lead.first_responded_at or utc_now()}
            return await self._edit(lead_id, values, None, versions, claim)

    async def qualify(self, lead_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        return await self._turn(lead_id, {"status": "qualified"}, versions, claim)

    async def disqualify(
        self, lead_id: UUID, why: Disqualification, *, versions: Versions = None, claim: Claim | None = None
    ) -> Document:
        given = {"disqualified_reason": why.reason, "disqualified_note": why.note, "recycle_on": why.recycle_on}
        return await self._turn(lead_id, {"status": "disqualified", **given}, versions, claim)

    async def recycle(self, lead_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """New again; why it was disqualified stays to be read."""
        return await self._turn(lead_id, {"status": "new"}, versions, claim)

    async def convert(
        self, lead_id: UUID, wanted: LeadConversion, *, versions: Versions = None, claim: Claim | None = None
    ) -> Document:
        """All that it becomes, and the links to it, in one transaction. Who comes second waits, and is told."""
        self._may_write()
        kinds = (ACCOUNT, CONTACT) if wanted.opportunity is None else (ACCOUNT, CONTACT, OPPORTUNITY)
        for kind in kinds:
            self.session.actor.require(kind.scope("write"))
        if wanted.account is wanted.contact is wanted.opportunity is None:
            message = "It would become nothing: leave out what is to be made or found, or disqualify the lead."
            raise refused(Invalid, "", "becomesNothing", message)
        async with self.session.transaction():
            await Leads(self.session).lock(lead_id)
            lead = await self._open(lead_id, versions)
            owner_id = wanted.values().get("owner_id")
            if owner_id is not None and await UserService(self.session).records.load(owner_id) is None:
                raise unknown_reference("owner_id")
            links = await self._converting(lead).convert(wanted)
            stamps = {"status": "converted", "converted_at": utc_now(), "converted_by": self.session.actor.id}
            return await self._edit(lead_id, {**stamps, **links}, None, versions, claim)

    async def assign(self, lead_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """By the rules of now, whoever has it. Where none of them matches, it stays where it is."""
        self._may_write()
        async with self.session.transaction():
            await Leads(self.session).lock(lead_id)
            lead, assigning = await self._lead(lead_id), AssignmentService(self.session)
            _refuse_converted(lead)
            decision = await assigning.decide(LEAD, lead, await assigning.rules(LEAD))
            await assigning.keep(LEAD, lead_id, decision)
            document = await self._update(lead_id, decision.given, None, versions, claim)
            if claim and not document.fresh:  # somebody has had a turn, though the lead stays where it was
                await keep(self.session, claim, document)
            return replace(document, fresh=True)

    async def take(self, lead_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """Out of its queue, for a member of it: of many who try at once, one gets it."""
        self._may_write()
        actor = self.session.actor
        async with self.session.transaction():
            await Leads(self.session).lock(lead_id)
            lead = await self._lead(lead_id)
            if lead.queue_id is None:
                message = "It waits in no queue: somebody has taken it, or it never did. Take another one."
                raise Conflict(message, code="notWaiting")
            if not await Waiting(self.session).is_member(lead.queue_id, actor.id):
                raise Forbidden(
                    "Only members of its queue may take it: an administrator can add you.", code="notMember"
                )
            return await self._update(lead_id, {"owner_id": actor.id}, None, versions, claim)

    async def assignments(self, lead_id: UUID) -> bytes:
        """What the rules decided of it, and why."""
        self._may_read()
        await self._lead(lead_id)
        return await AssignmentService(self.session).explain(LEAD, lead_id)

    async def preview(self, lead_id: UUID) -> ConversionPreview:
        """Writes nothing, and needs the right to read what it proposes."""
        self._may_read()
        lead = await self._open(lead_id, None)
        converting = self._converting(lead)
        opportunity = {"ownerId": str(lead.owner_id)} if lead.owner_id else {}
        if not self.session.schema.unseen(LEAD, NAMED_BY):
            opportunity |= {"name": opportunity_name(lead)}
        return ConversionPreview(
            account=await converting.account_matches(),
            contact=await converting.contact_matches(),
            opportunity=Proposal(use=None, values=opportunity, matches=[]),
        )

    async def escalate(self, lead_id: UUID, work: Work, now: datetime) -> None:
        """By the system, with the work that is due since nobody has responded."""
        async with self.session.transaction():
            await Leads(self.session).lock(lead_id)
            await DueWork(self.session).done(RESPONSE, work)
            lead = await self.records.load(lead_id)
            if lead is None or not is_waiting(lead):
                return
            settings = await self._settings()
            if lead.escalation_level >= settings.escalation_levels:
                return
            above = await self._above(lead.escalated_to_id or lead.owner_id)
            await self._edit(lead_id, escalated(lead, above, settings, now), None, None, None)
            await self._plan(RESPONSE, lead_id, escalates_again(lead, above, settings, now))

    async def come_back(self, lead_id: UUID, work: Work) -> None:
        """By the system, on the day that a disqualified lead was to be new again."""
        async with self.session.transaction():
            await Leads(self.session).lock(lead_id)
            await DueWork(self.session).done(RECYCLE, work)
            lead = await self.records.load(lead_id)
            if lead is not None and lead.status == "disqualified":
                await self._edit(lead_id, {"status": "new"}, None, None, None)

    async def settings(self) -> LeadSettings:
        self._may_read()
        return await self._settings()

    async def change_settings(self, data: LeadSettingsUpdate, claim: Claim | None = None) -> Document:
        """For administrators. What waits already goes on as it began."""
        self.session.actor.require(ADMIN, role=Role.admin)
        async with self.session.transaction():
            values = await Leads(self.session).set(data.values())
            body = LeadSettings.model_validate(values).model_dump_json(by_alias=True).encode()
            document = Document(self.session.actor.tenant_id, 0, body, "", fresh=True)
            if claim:
                await keep(self.session, claim, document)
        return document

    async def delete(self, record_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        """A converted lead is the proof of where its deal came from: only administrators delete it."""
        is_admin = self.session.actor.role is Role.admin
        return await self._delete(record_id, versions, claim, None if is_admin else _refuse_converted)

    async def restore(self, record_id: UUID, claim: Claim | None = None) -> Document:
        """What it waited for when it was deleted, it waits for again; and it is scored by what is so by now."""

        async def go_on(lead: LeadRead) -> None:
            await self.react(Change(None, lead, tuple(self.reacts_to)))
            await self._plan(DECAY, lead.id, utc_now())

        return await self._restore(record_id, claim, go_on)

    async def _create(self, data: Input, beside: Mapping[str, Any], claim: Claim | None) -> Document:
        """Without an owner, it goes to whom the rules of the tenant say."""
        given, is_owned = {**BEGINNING, **beside}, data.values().get("owner_id") is not None
        self._may_write()
        self._laid_down = await Leads(self.session).laid_down(LEAD.name, ruled=not is_owned)
        assigning, rules = AssignmentService(self.session), self._laid_down.rules
        if not rules:
            return await super()._create(data, given, claim)
        async with self.session.transaction():
            decision = await assigning.decide(LEAD, self._new(data, uuid7(), given), rules)
            document = await super()._create(data, {**given, **decision.given}, claim)
            await assigning.keep(LEAD, document.id, decision)
            return document

    async def _update(
        self, record_id: UUID, patch: Mapping[str, Any], base: int | None, versions: Versions, claim: Claim | None
    ) -> Document:
        """Who gets an owner waits in no queue any more."""
        if patch.get("owner_id") is not None:
            patch = {**patch, "queue_id": None}
        return await super()._update(record_id, patch, base, versions, claim)

    def _reacts(self, change: Change[LeadRead]) -> bool:
        return self.scoring.has_judged or super()._reacts(change)

    async def _turn(
        self, lead_id: UUID, values: Mapping[str, Any], versions: Versions, claim: Claim | None
    ) -> Document:
        self._may_write()
        return await self._edit(lead_id, values, None, versions, claim)

    async def _open(self, lead_id: UUID, versions: Versions) -> LeadRead:
        """The lead, if it can be converted."""
        lead = await self._lead(lead_id)
        if versions is not None and lead.version not in versions:
            raise Stale("The record has another version by now: read it and edit again.")
        _refuse_converted(lead)
        if lead.status not in OPEN:
            raise illegal(lead.status, "converted")
        return lead

    async def _lead(self, lead_id: UUID) -> LeadRead:
        found = await self.records.load(lead_id)
        if found is None:
            raise NotFound("There is no such record.")
        return found

    def _converting(self, lead: LeadRead) -> Converting:
        session = self.session
        services = (AccountService(session), ContactService(session), OpportunityService(session))
        return Converting(lead, *services, MatchingService(session))

    async def _settings(self, laid_down: LaidDown | None = None) -> LeadSettings:
        settings = laid_down.settings if laid_down else await Leads(self.session).settings()
        return LeadSettings.model_validate(settings)

    async def _above(self, user_id: UUID | None) -> UUID | None:
        """The next manager above who is active."""
        users = UserService(self.session).records
        for _ in range(HIGHEST):
            user = await users.load(user_id) if user_id else None
            manager = await users.load(user.manager_id) if user and user.manager_id else None
            if manager is None or manager.status == "active":
                return manager.id if manager else None
            user_id = manager.id
        return None

    async def _plan(self, kind: WorkKind, lead_id: UUID, due_at: datetime | None) -> None:
        """At most one of a kind for a lead; none without a time."""
        work, key = DueWork(self.session), str(lead_id)
        if due_at is None:
            await work.cancel(kind, key)
        elif not await work.postpone(kind, key, due_at):
            await work.add(NewWork(kind=kind, key=key, payload={"userId": str(self.session.actor.id)}, due_at=due_at))


def _refuse_converted(lead: LeadRead) -> None:
    if lead.status == "converted":
        raise converted(lead)
