from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

import orjson

from app.domain.assignment.objects import ABSENCE, ASSIGNMENT_RULE, QUEUE
from app.domain.assignment.rules import Judged, Skipped, next_turn, refuse_endless, repeated, unknown, why_not
from app.domain.assignment.schemas import AbsenceRead, AssignmentRuleRead, QueueRead
from app.domain.kernel.changes import Change
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import Invalid
from app.domain.kernel.expression.checker import field_of
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.filters import checked, refusal
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schemas import RecordRead
from app.domain.records.judging import Judge
from app.domain.records.service import RecordService
from app.repositories.assignment import Assignments
from app.repositories.session import Session

Rule = Mapping[str, Any]


class QueueService(RecordService[QueueRead]):
    kind = QUEUE

    async def check(self, change: Change[QueueRead]) -> None:
        if "members" in change.fields:
            await _check_users(self.session, change.after.members, "/members/{}")


class AbsenceService(RecordService[AbsenceRead]):
    kind = ABSENCE

    async def check(self, change: Change[AbsenceRead]) -> None:
        refuse_endless(change.after.starts_at, change.after.ends_at)


class AssignmentRuleService(RecordService[AssignmentRuleRead]):
    kind = ASSIGNMENT_RULE

    async def check(self, change: Change[AssignmentRuleRead]) -> None:
        rule, session = change.after, self.session
        if "round_robin" in change.fields:
            await _check_users(session, [one["userId"] for one in rule.round_robin], "/roundRobin/{}/userId")
        try:
            if rule.when is not None:
                checked(rule.when, session.catalog[rule.object], session.schema, session.actor, Profile.event)
        except ExpressionError as error:
            raise refusal("/when", error, Invalid) from error

    async def react(self, change: Change[AssignmentRuleRead]) -> None:
        """Other weights are another round: what somebody was owed in the old one means nothing in it."""
        if change.before is not None and "round_robin" in change.fields:
            await Assignments(self.session).set_turn(change.after.id, {})


@dataclass(frozen=True, slots=True)
class Decision:
    """Who or what a record goes to; nobody and nothing where `rule_id` is None, or its rule had nobody left."""

    rules: Sequence[Judged]
    rule_id: UUID | None = None
    owner_id: UUID | None = None
    queue_id: UUID | None = None

    @property
    def given(self) -> dict[str, UUID | None]:
        """What the record gets: nothing, where there is nobody to get it."""
        found = {"owner_id": self.owner_id, "queue_id": self.queue_id}
        return found if any(found.values()) else {}


class AssignmentService:
    """Decides by the rules of the tenant, and keeps what it decided.

    In one transaction with the write that follows: a turn is taken only if the record is really assigned.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.assignments = Assignments(session)

    async def rules(self, kind: AnyObject) -> Sequence[Rule]:
        """Those of the tenant that are active, in their order."""
        return await self.assignments.rules(kind.name)

    async def decide(self, kind: AnyObject, record: RecordRead, rules: Sequence[Rule]) -> Decision:
        """By the first rule whose expression holds for the whole record: who asks for it sees what they see of it."""
        now = utc_now()
        judge = Judge(kind, self.session.schema.whole, self.session.actor, record, now)
        judged = [Judged(rule) for rule in rules]
        for one in judged:
            found = judge.ask(one.rule["when"])
            one.matched, one.facts, one.problem = found.holds, found.facts, found.problem
            if found.holds:
                return await self._outcome(one, judged, now)
        return Decision(judged)

    async def keep(self, kind: AnyObject, record_id: UUID, decision: Decision) -> None:
        chosen = {"rule": decision.rule_id, "owner": decision.owner_id, "queue": decision.queue_id}
        await self.assignments.keep(kind.name, record_id, chosen, [one.as_json() for one in decision.rules])

    async def explain(self, kind: AnyObject, record_id: UUID) -> bytes:
        """The latest decisions of a record, which the caller may read; without the values of hidden fields."""
        found = await self.assignments.decisions(kind.name, record_id)
        if not self.session.schema.hides(kind):
            return found
        body = orjson.loads(found)
        for rule in chain.from_iterable(decision["rules"] for decision in body["data"]):
            hidden = self.session.schema.unseen(kind, map(field_of, rule["facts"]))
            rule["facts"] = {path: value for path, value in rule["facts"].items() if field_of(path) not in hidden}
        return orjson.dumps(body)

    async def _outcome(self, one: Judged, judged: Sequence[Judged], now: datetime) -> Decision:
        """The user, or else whose turn it is, or else the queue."""
        rule_id, decided = UUID(one.rule["id"]), partial(Decision, judged, UUID(one.rule["id"]))
        if user_id := one.rule["userId"]:
            people = await self.assignments.people([user_id], now)
            reason = why_not(people.get(user_id))
            if reason is None:
                return decided(owner_id=UUID(user_id))
            one.skipped = [Skipped(user_id, reason)]
        if one.rule["roundRobin"] and (next_id := await self._turn(one, rule_id, now)):
            return decided(owner_id=UUID(next_id))
        return decided(queue_id=UUID(one.rule["queueId"]) if one.rule["queueId"] else None)

    async def _turn(self, one: Judged, rule_id: UUID, now: datetime) -> str | None:
        """Under the lock of the rule, so that each sees what all before have got."""
        shares = one.rule["roundRobin"]
        owed = await self.assignments.lock_turn(rule_id)
        counted = any(share.get("capacity") is not None for share in shares)
        people = await self.assignments.people([share["userId"] for share in shares], now, counted=counted)
        turn = next_turn(shares, people, owed)
        one.skipped, one.credits = (
            [*one.skipped, *turn.skipped],
            {share["userId"]: owed.get(share["userId"], 0) for share in shares},
        )
        if turn.user_id is not None:
            await self.assignments.set_turn(rule_id, turn.credits)
        return turn.user_id


async def _check_users(session: Session, ids: Sequence[str], pointer: str) -> None:
    known = await Assignments(session).people(ids, utc_now()) if ids else {}
    if faults := [*chain(repeated(ids, pointer), unknown(ids, known, pointer))]:
        raise Invalid("The list names users who cannot be in it.", code=faults[0].code, faults=faults)
