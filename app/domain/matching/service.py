"""Which records may mean the same as one that is given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import orjson

from app.domain.kernel.actor import Role
from app.domain.kernel.claim import Claim
from app.domain.kernel.errors import NotFound
from app.domain.kernel.likeness import Employer, Likeness, MatchedBy, OnDuplicate, Resembles
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import Document
from app.domain.kernel.schemas import RecordRead
from app.domain.matching.rules import (
    EMPLOYER,
    LEAST_SCORE,
    Candidate,
    Look,
    Reason,
    duplicate,
    in_e164,
    reasons,
    wanted,
)
from app.domain.matching.schemas import USUAL_SCORE, DuplicatePolicyChange
from app.repositories.idempotency import keep
from app.repositories.matching import DuplicatePolicies, Lookalikes, lock
from app.repositories.records import Records
from app.repositories.session import Session

ADMIN = "admin"
MOST_TOLD = 20  # candidates that a refusal names, and a warning counts


class MatchingService:
    """Only what the actor may see is compared: neither hidden fields nor hidden records give themselves away."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def candidates(
        self,
        kind: AnyObject,
        given: Mapping[str, Any],
        limit: int = 5,
        *,
        but: UUID | None = None,
        least_score: int = LEAST_SCORE,
    ) -> Sequence[Candidate]:
        """The likeliest first; `given` has values by column, and `but` is the record itself where there is one.

        Those of other objects are among them as far as the actor may read these.
        """
        self.session.actor.require(kind.scope("read"))
        looks = [self._among_its_own(kind, given, but)]
        looks += [self._elsewhere(kind, one, given) for one in kind.resembles if self._may_read(self._other(one))]
        return await self._likely(kind, looks, limit, least_score)

    async def of_record(self, kind: AnyObject, record_id: UUID, limit: int = 5) -> Sequence[Candidate]:
        """Those of a record that is there."""
        return await self.candidates(kind, await self._values(kind, record_id), limit, but=record_id)

    async def judge(self, kind: AnyObject, record: RecordRead) -> int:
        """How many seem to be the same as the record that is about to be created, where the policy asks.

        Raises `Conflict` where it forbids them and the caller does not insist. Creations that are judged by such a
        policy happen one at a time, for two at once would not see each other. The policy is the organisation's: it also
        counts what the caller may write but not read, and does not tell of it.
        """
        policy = self.session.actor.duplicate_policies.get(kind.name)
        if policy is None or not kind.matched_by:
            return 0
        is_forbidden = policy.action is OnDuplicate.block and not self.session.allows_duplicates
        if is_forbidden:
            await lock(self.session, kind)
        given = _values_of(kind, record)
        looks = [self._among_its_own(kind, given, record.id)]
        looks += [self._elsewhere(kind, one, given, untold=True) for one in kind.resembles]
        found = await self._likely(kind, looks, MOST_TOLD, policy.least_score)
        if found and is_forbidden:
            raise duplicate(found, {look.kind.name for look in looks if all(map(self._may_read, self._shown(look)))})
        return len(found)

    async def explain(self, kind: AnyObject, record_id: UUID, other: AnyObject, other_id: UUID) -> Sequence[Reason]:
        """Why `other_id`, of the same object or of one that it resembles, is a candidate; nothing where it is not."""
        mine, theirs = await self._values(kind, record_id), await self._values(other, other_id)
        if other is kind:
            return reasons(self._among_its_own(kind, mine, None), theirs)
        looks = [self._elsewhere(kind, one, mine) for one in kind.resembles if one.object == other.name]
        return [reason for look in looks for reason in reasons(look, {**theirs, **await self._employed(look, theirs)})]

    async def _likely(
        self, kind: AnyObject, looks: Sequence[Look], limit: int, least_score: int
    ) -> Sequence[Candidate]:
        found = [one for look in looks for one in await self._found(look) if one.score >= least_score]
        return sorted(found, key=lambda one: (-one.score, one.object != kind.name, one.record_id))[:limit]

    async def _found(self, look: Look) -> Iterable[Candidate]:
        """Where nothing is found by what usually leads there, names may differ more."""
        lookalikes, wished = Lookalikes(self.session, look), wanted(look)
        found = _judged(look, await lookalikes.found(wished))
        if all(one.score < LEAST_SCORE for one in found.values()):
            found |= _judged(look, await lookalikes.found_widely(wished))
        return found.values()

    def _among_its_own(self, kind: AnyObject, given: Mapping[str, Any], but: UUID | None) -> Look:
        return Look(kind, self._rules(kind), in_e164(kind, given, self.session.actor.country), but)

    def _elsewhere(self, kind: AnyObject, there: Resembles, given: Mapping[str, Any], *, untold: bool = False) -> Look:
        """By what the actor sees of both, and of the company where there is one; `untold`, scopes do not count."""
        other, employer = self._other(there), there.employer
        read, seen = in_e164(kind, given, self.session.actor.country), self._seen(kind)
        values = {name: read.get(ours) for name, ours in there.given.items() if ours in seen}
        rules, but = self._rules(other), given.get(there.became)
        company = self._company(other, employer)
        is_seen = employer.reference in self._seen(other) and employer.text in self._seen(company)
        if employer.ours not in seen or not is_seen or not (untold or self._may_read(company)):
            return Look(other, rules, values, but, there.given)
        rules = (*rules, MatchedBy(Likeness.employer, (employer.reference,)))
        return Look(other, rules, {**values, EMPLOYER: given.get(employer.ours)}, but, there.given, employer)

    async def _employed(self, look: Look, theirs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The company of a record that is there, where it is compared."""
        if look.employer is None or theirs[look.employer.reference] is None:
            return {}
        company = Records(self.session, self._company(look.kind, look.employer))
        found = await company.load(theirs[look.employer.reference])
        return {} if found is None else {EMPLOYER: getattr(found, look.employer.text)}

    async def _values(self, kind: AnyObject, record_id: UUID) -> Mapping[str, Any]:
        self.session.actor.require(kind.scope("read"))
        record = await Records(self.session, kind).load(record_id)
        if record is None:
            raise NotFound("There is no such record.")
        return _values_of(kind, record)

    def _rules(self, kind: AnyObject) -> Sequence[MatchedBy]:
        """Those whose fields the actor sees: a name is compared as a whole, all else as far as it is seen."""
        seen = self._seen(kind)
        rules = [
            rule if rule.likeness.is_name else replace(rule, fields=tuple(filter(seen.__contains__, rule.fields)))
            for rule in kind.matched_by
        ]
        return [rule for rule in rules if rule.fields and seen.issuperset(rule.fields)]

    def _other(self, there: Resembles) -> AnyObject:
        return self.session.catalog[there.object]

    def _company(self, kind: AnyObject, employer: Employer) -> AnyObject:
        return self.session.catalog[kind.references[employer.reference].to]

    def _shown(self, look: Look) -> Sequence[AnyObject]:
        """The objects of which its candidates tell something."""
        return (look.kind,) if look.employer is None else (look.kind, self._company(look.kind, look.employer))

    def _seen(self, kind: AnyObject) -> set[str]:
        return {field.name for field in self.session.schema.fields(kind).values()}

    def _may_read(self, kind: AnyObject) -> bool:
        return self.session.actor.may(kind.scope("read"))


class DuplicatePolicyService:
    """What the organisation does about duplicates; it takes effect within a second."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.policies = DuplicatePolicies(session)

    async def all(self) -> Mapping[str, Any]:
        """Of every object whose records are matched, under the names of the API."""
        self._require()
        return self._shown(await self.policies.stored())

    async def change(self, given: Mapping[str, DuplicatePolicyChange], claim: Claim | None) -> Mapping[str, Any]:
        """Replaces the policies of the objects that are named."""
        self._require()
        values = {name: one.model_dump(mode="json", by_alias=True) for name, one in given.items()}
        async with self.session.transaction():
            shown = self._shown(await self.policies.change(values))
            if claim:
                body = orjson.dumps(shown)
                await keep(self.session, claim, Document(self.session.actor.tenant_id, 0, body, "", fresh=True))
        return shown

    def _require(self) -> None:
        self.session.actor.require(ADMIN, role=Role.admin)

    def _shown(self, stored: Mapping[str, Any]) -> Mapping[str, Any]:
        usual = {"action": OnDuplicate.allow.value, "leastScore": USUAL_SCORE}
        return {kind.name: stored.get(kind.name, usual) for kind in self.session.catalog if kind.matched_by}


def _judged(look: Look, rows: Iterable[Mapping[str, Any]]) -> dict[str, Candidate]:
    """By id."""
    found = {}
    for row in rows:
        why = reasons(look, row)
        given = look.ours(why[0].given) if why else ""
        score = sum(one.points for one in why)
        found[row["id"]] = Candidate(look.kind.name, UUID(row["id"]), row["title"], score, why, given)
    return found


def _values_of(kind: AnyObject, record: RecordRead) -> Mapping[str, Any]:
    return {name: getattr(record, name) for name in kind.by_column}
