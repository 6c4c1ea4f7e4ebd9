"""One conversion: an account, a contact and an opportunity, chosen, found or made, in the transaction of its caller."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from pydantic import MISSING
from pydantic.alias_generators import to_camel

from app.domain.accounts.objects import ACCOUNT, CONTACT
from app.domain.accounts.schemas import AccountRead, ContactRead
from app.domain.accounts.service import AccountService, ContactService
from app.domain.kernel.errors import AppError, Invalid, refused
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schemas import Input, RecordRead
from app.domain.leads.conversion import (
    ACCOUNT_IS,
    CONTACT_IS,
    TO_ACCOUNT,
    TO_CONTACT,
    blanks,
    likeness_of_account,
    mapped,
    only_exact,
    opportunity_name,
)
from app.domain.leads.objects import LEAD
from app.domain.leads.schemas import (
    AccountChoice,
    ContactChoice,
    LeadConversion,
    LeadRead,
    Match,
    MatchReason,
    Proposal,
)
from app.domain.matching.rules import Candidate
from app.domain.matching.service import MatchingService
from app.domain.pipeline.service import OpportunityService
from app.domain.records.service import RecordService

R = TypeVar("R", bound=RecordRead)


@dataclass(frozen=True, slots=True)
class Converting:
    lead: LeadRead
    accounts: AccountService
    contacts: ContactService
    opportunities: OpportunityService
    matching: MatchingService

    async def convert(self, wanted: LeadConversion) -> Mapping[str, UUID | None]:
        """The links, by column of the lead. A contact that is found brings its account."""
        owner_id = self.lead.owner_id if wanted.owner_id is MISSING else wanted.owner_id
        owner = {} if owner_id is None else {"owner_id": owner_id}
        with _inside("contact"):
            contact = await self._contact(wanted.contact)
        with _inside("account"):
            account_id = await self._account(wanted.account, contact, owner)
        with _inside("contact"):
            contact_id = await self._with_contact(wanted.contact, contact, account_id, owner)
        opportunity_id = None
        if wanted.opportunity is not None:
            given = {} if wanted.opportunity is MISSING else wanted.opportunity.values()
            links = {"account_id": account_id, "primary_contact_id": contact_id}
            values = {"name": opportunity_name(self.lead), **owner, **given, **links}
            with _inside("opportunity"):
                opportunity_id = await _created(self.opportunities, values)
        return {
            "converted_account_id": account_id,
            "converted_contact_id": contact_id,
            "converted_opportunity_id": opportunity_id,
        }

    async def account_matches(self) -> Proposal:
        found = await self.matching.candidates(ACCOUNT, likeness_of_account(self.lead))
        return _proposal(found, ACCOUNT_IS, self._shown(TO_ACCOUNT, "name"))

    async def contact_matches(self) -> Proposal:
        found = await self.matching.candidates(CONTACT, mapped(self.lead, TO_CONTACT))
        return _proposal(found, CONTACT_IS, self._shown(TO_CONTACT, "last_name"))

    def _shown(self, fields: Mapping[str, str], needed: str) -> Mapping[str, Any] | None:
        """What it would be filled with, as far as the caller sees that of the lead; None where nothing can be made."""
        values, visible = mapped(self.lead, fields), self.accounts.session.schema.fields(LEAD)
        if needed not in values:
            return None
        return {name: value for name, value in values.items() if to_camel(fields[name]) in visible}

    async def _contact(self, choice: ContactChoice | MISSING | None) -> ContactRead | None:
        """The one that is there: chosen, or left without a doubt by its email."""
        if choice is None:
            return None
        if choice is MISSING:
            found = only_exact(await self.matching.candidates(CONTACT, mapped(self.lead, TO_CONTACT)), CONTACT_IS)
            return None if found is None else await self.contacts.records.load(found)
        return await _chosen(self.contacts, choice)

    async def _account(
        self, choice: AccountChoice | MISSING | None, contact: ContactRead | None, owner: Mapping[str, Any]
    ) -> UUID | None:
        if choice is None:
            return None
        values = mapped(self.lead, TO_ACCOUNT)
        account = await self._account_found(contact) if choice is MISSING else await _chosen(self.accounts, choice)
        if account is not None:
            await _fill(self.accounts, account, values)
            return account.id
        if choice is MISSING:
            return await _created(self.accounts, {**owner, **values}) if "name" in values else None
        return await _created(self.accounts, _named({**owner, **values, **choice.values()}, "name"))

    async def _account_found(self, contact: ContactRead | None) -> AccountRead | None:
        if contact is not None and contact.account_id is not None:
            return await self.accounts.records.load(contact.account_id)
        found = only_exact(await self.matching.candidates(ACCOUNT, likeness_of_account(self.lead)), ACCOUNT_IS)
        return None if found is None else await self.accounts.records.load(found)

    async def _with_contact(
        self,
        choice: ContactChoice | MISSING | None,
        contact: ContactRead | None,
        account_id: UUID | None,
        owner: Mapping[str, Any],
    ) -> UUID | None:
        if choice is None:
            return None
        values = mapped(self.lead, TO_CONTACT) | ({"account_id": account_id} if account_id else {})
        if contact is not None:
            await _fill(self.contacts, contact, values)
            return contact.id
        given = {} if choice is MISSING else choice.values()
        return await _created(self.contacts, _named({**owner, **values, **given}, "last_name"))


@contextmanager
def _inside(member: str) -> Iterator[None]:
    try:
        yield
    except AppError as error:
        error.put_inside(member)
        raise


async def _chosen(service: RecordService[R], choice: Input) -> R | None:
    """The record that the choice names; None where it gives fields of a new one."""
    values = choice.values()
    chosen = values.pop("id", None)
    if chosen is None:
        return None
    if values:
        raise refused(Invalid, "/id", "ambiguous", "Give the id of a record, or fields of a new one, not both.")
    found = await service.records.load(chosen)
    if found is None:
        raise refused(Invalid, "/id", "unknownReference", "There is no such record.")
    return found


async def _fill(service: RecordService[R], record: R, values: Mapping[str, Any]) -> None:
    if empty := blanks(record, values, service.kind):
        await service.update(record.id, service.kind.update.model_validate(empty))


async def _created(service: RecordService[R], values: Mapping[str, Any]) -> UUID:
    kind: AnyObject = service.kind
    body = {to_camel(name): value for name, value in values.items() if name != "id"}
    return (await service.create(kind.create.model_validate(body))).id


def _named(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not values.get(name):
        message = "The lead does not say it, and nothing can be made without it: give it here."
        raise refused(Invalid, f"/{to_camel(name)}", "missing", message)
    return values


def _proposal(found: Sequence[Candidate], exact: frozenset[str], values: Mapping[str, Any] | None) -> Proposal:
    shown = {to_camel(name): one for name, one in values.items()} if values is not None else None
    return Proposal(use=only_exact(found, exact), values=shown, matches=[_match(one) for one in found])


def _match(candidate: Candidate) -> Match:
    reasons = [MatchReason.model_validate(reason, from_attributes=True) for reason in candidate.reasons]
    return Match(id=candidate.record_id, title=candidate.title, score=candidate.score, reasons=reasons)
