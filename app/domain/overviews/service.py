"""One screen in one call: a record with what belongs to it, and figures over the hierarchy that it heads."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.domain.accounts.objects import ACCOUNT, ACCOUNT_RELATION, CONTACT
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import NotFound
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.filters import bind, checked
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.expression.tree import EVERYTHING, Expression
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import TO_MANY, WHOLE, RecordQuery, Sort, View
from app.domain.lines.objects import OPPORTUNITY_LINE
from app.domain.lines.service import ADDED_UP, OpportunityLineService
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.records.hierarchy import Branches
from app.domain.team.objects import OPPORTUNITY_CONTACT, OPPORTUNITY_MEMBER
from app.repositories.records import Records
from app.repositories.rollup import Figure, Rollup
from app.repositories.session import Session
from app.repositories.stages import Stays

OPEN = 'status == "open"'
NEWEST = (Sort("modified_at", descending=True),)


@dataclass(frozen=True, slots=True)
class Part:
    """A list on the screen: records of `kind` that fulfil `where`, in which `{id}` stands for the record's own.

    Each comes with the record that it refers to as `expand`, where the key may read that.
    """

    kind: AnyObject
    where: str
    expand: str | None = None


ACCOUNT_PARTS = {
    "contacts": Part(CONTACT, 'accountId == "{id}"'),
    "openOpportunities": Part(OPPORTUNITY, f'accountId == "{{id}}" && {OPEN}'),
    "contactRelations": Part(ACCOUNT_RELATION, 'accountId == "{id}"'),
}
CONTACT_PARTS = {
    "openOpportunities": Part(OPPORTUNITY, f'primaryContactId == "{{id}}" && {OPEN}'),
    "accountRelations": Part(ACCOUNT_RELATION, 'contactId == "{id}"'),
    "reports": Part(CONTACT, 'reportsToId == "{id}"'),
}
OPPORTUNITY_PARTS = {
    "contacts": Part(OPPORTUNITY_CONTACT, 'opportunityId == "{id}"', expand="contact"),
    "team": Part(OPPORTUNITY_MEMBER, 'opportunityId == "{id}"', expand="user"),
}


class OverviewService:
    """Only what the reader may see is shown or counted.

    A part whose object the key may not read, or that hangs on a hidden field, is left out.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    async def account(self, record_id: UUID) -> bytes:
        """JSON; six statements, whatever there is."""
        parts = await self._parts(ACCOUNT, record_id, ACCOUNT_PARTS)
        above = await Branches(self.session, ACCOUNT, "parent_id").branch(record_id, up=True, limit=TO_MANY)
        parts["ancestors"] = _listed(above.records, has_more=above.has_more)
        parts["figures"] = await self.rollup(record_id)
        return _object(parts)

    async def contact(self, record_id: UUID) -> bytes:
        """JSON; five statements, whatever there is."""
        parts = await self._parts(CONTACT, record_id, CONTACT_PARTS)
        above = await Branches(self.session, CONTACT, "reports_to_id").branch(record_id, up=True, limit=TO_MANY)
        parts["ancestors"] = _listed(above.records, has_more=above.has_more)
        return _object(parts)

    async def opportunity(self, record_id: UUID) -> bytes:
        """JSON; six statements, whatever there is."""
        parts = await self._parts(OPPORTUNITY, record_id, OPPORTUNITY_PARTS)
        hidden = self.session.schema.unseen(OPPORTUNITY_LINE, ADDED_UP)
        if self.session.actor.may(OPPORTUNITY_LINE.scope("read")) and not hidden:
            parts["totals"] = await OpportunityLineService(self.session).totals(record_id)
        parts["stages"] = b'{"data":%b}' % await Stays(self.session).all(record_id, utc_now())
        return _object(parts)

    async def rollup(self, record_id: UUID) -> bytes:
        """Of the account and all below it."""
        self.session.actor.require(ACCOUNT.scope("read"))
        asked = self._asked(ACCOUNT_PARTS, record_id)
        figures = {"accounts": Figure(ACCOUNT, "id", EVERYTHING, "annual_revenue")}
        if "contacts" in asked:
            figures["contacts"] = Figure(CONTACT, "account_id", EVERYTHING)
        if "openOpportunities" in asked:
            figures["openOpportunities"] = Figure(OPPORTUNITY, "account_id", self._meaning(OPEN, OPPORTUNITY), "amount")
        found = await Rollup(self.session, ACCOUNT, "parent_id").figures(record_id, figures)
        if found is None:
            raise NotFound("There is no such record.")
        return found

    async def _parts(self, kind: AnyObject, record_id: UUID, parts: Mapping[str, Part]) -> dict[str, bytes]:
        self.session.actor.require(kind.scope("read"))
        record = await Records(self.session, kind).get(record_id)
        if record is None:
            raise NotFound("There is no such record.")
        shown = {"record": record.body}
        for name, where in self._asked(parts, record_id).items():
            part = parts[name]
            query = RecordQuery(where=where, sort=NEWEST, limit=TO_MANY, view=self._view(part))
            page = await Records(self.session, part.kind).page(query)
            shown[name] = _listed(page.records, has_more=page.has_more)
        return shown

    def _asked(self, parts: Mapping[str, Part], record_id: UUID) -> Mapping[str, Expression]:
        """By name what its records fulfil, of the parts that the key may read and that hang on no hidden field."""
        asked = {}
        for name, part in parts.items():
            with suppress(ExpressionError):
                if self.session.actor.may(part.kind.scope("read")):
                    asked[name] = self._meaning(part.where.replace("{id}", str(record_id)), part.kind)
        return asked

    def _view(self, part: Part) -> View:
        if part.expand is None:
            return WHOLE
        catalog = self.session.catalog
        expand = catalog.expansions(part.kind)[part.expand]
        return View(expand=(expand,)) if self.session.actor.may(catalog[expand.to].scope("read")) else WHOLE

    def _meaning(self, text: str, kind: AnyObject) -> Expression:
        actor = self.session.actor
        return bind(checked(text, kind, self.session.schema, actor, Profile.sql), actor, utc_now())


def _listed(records: bytes, *, has_more: bool) -> bytes:
    return b'{"data":%b,"hasMore":%b}' % (records, b"true" if has_more else b"false")


def _object(members: Mapping[str, Any]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in members.items()) + b"}"
