import logging
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import MISSING
from pydantic.alias_generators import to_camel

from app.domain.kernel.actor import Role
from app.domain.kernel.changes import Change, as_json, completed
from app.domain.kernel.claim import Claim
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import Conflict, Invalid, NotFound, refused
from app.domain.kernel.expression.filters import bind, checked
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.expression.tree import Expression
from app.domain.kernel.money import Money, zero
from app.domain.kernel.query import Document
from app.domain.kernel.schemas import Input
from app.domain.kernel.work import NewWork, Work, WorkKind
from app.domain.pipeline.objects import OPPORTUNITY, PIPELINE, PRODUCT
from app.domain.pipeline.rules import (
    OPEN,
    OVERDUE,
    OVERDUE_REASON,
    STALLED,
    Rulebook,
    expected,
    is_empty,
    next_overdue,
    overdue_at,
    refuse_closed,
    refuse_computed,
    refuse_missing,
    refuse_override,
    refuse_stays,
    stalls_at,
    unmet,
)
from app.domain.pipeline.schemas import (
    Lost,
    OpportunityRead,
    ProductRead,
    Reopened,
    Stage,
    StageImport,
    Won,
)
from app.domain.records.reader import Reader
from app.domain.records.service import Derived, RecordService, Versions
from app.repositories.board import Column, board
from app.repositories.idempotency import keep
from app.repositories.pipeline import Pipelines
from app.repositories.refusals import unknown_reference
from app.repositories.session import Session
from app.repositories.stages import Stays
from app.repositories.work import DueWork

log = logging.getLogger(__name__)
ADMIN = "admin"
_BY_STAGE = frozenset({"stage", "pipeline_id", "probability", "forecast_category", "outcome_reason"})
_OF_MOVE = frozenset({"stage", "pipeline_id"})


class ProductService(RecordService[ProductRead]):
    kind = PRODUCT


class OpportunityService(RecordService[OpportunityRead]):
    kind = OPPORTUNITY
    reacts_to = _OF_MOVE | {"close_date"}

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._rulebooks: dict[UUID, Rulebook] = {}

    async def check(self, change: Change[OpportunityRead]) -> Derived:
        """What its stage says follows it, and what its stage asks for is there, however it came to be in it."""
        refuse_computed(change)
        after, before = change.after, change.before
        if before is not None and _BY_STAGE.isdisjoint(change.fields):
            return self._follows_amount(change)
        rulebook = await self._rulebook(after.pipeline_id)
        derived = self._follows_stage(change, rulebook)
        whole = completed(change, derived)
        stage = rulebook.stage(whole.after.stage)
        if before is None or not _OF_MOVE.isdisjoint(whole.fields):
            self._check_entry(whole, stage, rulebook)
        if "probability" in change.fields:
            refuse_override(stage, "probability", whole.after.probability, stage.probability)
        if "forecast_category" in change.fields:
            refuse_override(stage, "forecastCategory", whole.after.forecast_category, stage.forecast_category)
        rulebook.refuse_reason(whole.after.outcome_reason, stage.outcome)
        return derived

    async def react(self, change: Change[OpportunityRead]) -> None:
        before, after = change.before, change.after
        if not _OF_MOVE.isdisjoint(change.fields):
            await Stays(self.session).enter(after)
        former: dict[WorkKind, datetime | None] = {STALLED: None, OVERDUE: None}
        if before is not None and before.pipeline_id == after.pipeline_id:
            former = await self._watches(before)
        elif before is not None:
            for kind in former:
                await DueWork(self.session).cancel(kind, str(after.id))
        for kind, at in (await self._watches(after)).items():
            if at != former[kind]:
                await self._watch(kind, after.id, at)

    async def move(
        self, record_id: UUID, patch: Input, *, versions: Versions = None, claim: Claim | None = None
    ) -> Document:
        """To another stage, with whatever else the patch says, in one write."""
        return await self.update(record_id, patch, versions=versions, claim=claim)

    async def win(
        self, record_id: UUID, data: Won, *, versions: Versions = None, claim: Claim | None = None
    ) -> Document:
        return await self._close(record_id, "won", data, versions, claim)

    async def lose(
        self, record_id: UUID, data: Lost, *, versions: Versions = None, claim: Claim | None = None
    ) -> Document:
        return await self._close(record_id, "lost", data, versions, claim)

    async def reopen(
        self, record_id: UUID, data: Reopened, *, versions: Versions = None, claim: Claim | None = None
    ) -> Document:
        """To an open stage: the given one, or the one it was in last."""
        self._may_write()
        found = await self._opportunity(record_id)
        if found.status == OPEN:
            raise Conflict("It is open already.", code="opportunityOpen")
        rulebook = await self._rulebook(found.pipeline_id)
        open_keys = rulebook.open_keys
        if data.stage is MISSING:
            last = await Stays(self.session).last_among(record_id, rulebook.pipeline_id, open_keys)
            return await self._edit(record_id, {"stage": last or rulebook.first.key}, None, versions, claim)
        if rulebook.stage(data.stage).outcome != OPEN:
            message = f"Reopen it into one of {', '.join(open_keys)}."
            raise refused(Invalid, "/stage", "stageNotOpen", message, allowed=open_keys)
        return await self._edit(record_id, {"stage": data.stage}, None, versions, claim)

    async def stage_history(self, record_id: UUID) -> bytes:
        """A JSON array of its stays, oldest first."""
        self._may_read()
        await self._opportunity(record_id)
        return await Stays(self.session).all(record_id, utc_now())

    async def import_stays(self, record_id: UUID, data: StageImport, claim: Claim | None = None) -> Document:
        """What was before this system knew it. A last stay that goes on dates the stage of now back."""
        self.session.actor.require(ADMIN, role=Role.admin)
        async with self.session.transaction():
            stays = Stays(self.session)
            await stays.lock(record_id)
            found = await self._opportunity(record_id)
            refuse_stays(data.stays, await self._rulebook(found.pipeline_id), utc_now())
            first, number = await stays.own(record_id)
            last, begun = data.stays[-1], None
            if last.left_at is None:
                if last.stage != found.stage or number > 1:
                    message = f"It is in {found.stage}, and has moved here: say when it left this stage."
                    raise refused(Conflict, f"/stays/{len(data.stays) - 1}/leftAt", "notCurrent", message)
                begun = last.entered_at
            elif first is not None and last.left_at > first:
                message = "It overlaps with what is known here already."
                raise refused(Conflict, f"/stays/{len(data.stays) - 1}/leftAt", "overlap", message)
            ended = [one.model_dump(mode="json", by_alias=True) for one in data.stays if one.left_at is not None]
            await stays.replace_imported(record_id, found.pipeline_id, ended, begun)
            if begun is not None:
                closed = begun if found.status != OPEN else None
                await self._edit(record_id, {"stage_changed_at": begun, "closed_at": closed}, None, None, None)
            document = Document(record_id, 0, b'{"data":%b}' % await stays.all(record_id, utc_now()), "", fresh=True)
            if claim:
                await keep(self.session, claim, document)
            return document

    async def see_stalled(self, record_id: UUID, work: Work, now: datetime) -> None:
        """Notes it, or looks again when it is time. Raises `LeaseLost`."""
        async with self.session.transaction():
            await DueWork(self.session).done(STALLED, work)
            found = await self.records.load(record_id)
            at = (await self._watches(found))[STALLED] if found is not None else None
            if at is not None and at <= now:
                await self._edit(record_id, {"stalled_since": at}, None, None, None)
            elif at is not None:
                await self._watch(STALLED, record_id, at)

    async def see_overdue(self, record_id: UUID, work: Work, now: datetime) -> None:
        """Reminds first, and closes it then; where its stages do not let it close, it stays overdue."""
        async with self.session.transaction():
            await DueWork(self.session).done(OVERDUE, work)
            found = await self.records.load(record_id)
            if found is None or found.status != OPEN:
                return
            rulebook, zone = await self._rulebook(found.pipeline_id), ZoneInfo(self.session.actor.time_zone)
            first = next_overdue(rulebook, found.close_date, zone, None)
            later = next_overdue(rulebook, found.close_date, zone, now)
            if first is not None and first <= now:
                await self._edit(record_id, {"overdue_since": found.overdue_since or now}, None, None, None)
                await self._close_overdue(found, rulebook, zone, now)
            if later is not None:
                await self._watch(OVERDUE, record_id, later)

    async def board(self, pipeline_id: UUID, where: Expression, limit: int) -> list[Column]:
        """What is in each stage of the pipeline, as far as `where` holds for it; each with its first page."""
        self._may_read()
        self.session.actor.require(PIPELINE.scope("read"))
        columns = await board(self.session, pipeline_id, bind(where, self.session.actor, utc_now()), limit)
        if not columns:
            raise NotFound("There is no such record.")
        return columns

    async def _close(
        self, record_id: UUID, outcome: str, data: Won, versions: Versions, claim: Claim | None
    ) -> Document:
        self._may_write()
        found = await self._opportunity(record_id)
        refuse_closed(found.status, may_reopen=False)
        rulebook = await self._rulebook(found.pipeline_id)
        rulebook.refuse_reason(data.reason, outcome, "/reason")
        today = utc_now().astimezone(ZoneInfo(self.session.actor.time_zone)).date()
        patch = {
            "stage": rulebook.end(outcome, found.stage).key,
            "outcome_reason": data.reason,
            "outcome_note": data.note,
            "close_date": today if data.close_date is MISSING else data.close_date,
        }
        return await self._edit(record_id, patch, None, versions, claim)

    async def _close_overdue(self, found: OpportunityRead, rulebook: Rulebook, zone: ZoneInfo, now: datetime) -> None:
        days = rulebook.overdue.close_lost_after_days if rulebook.overdue else None
        at = overdue_at(found.close_date, days, zone)
        if at is None or at > now:
            return
        patch = {"stage": rulebook.end("lost", found.stage).key, "outcome_reason": OVERDUE_REASON}
        try:
            await self._edit(found.id, patch, None, None, None)
        except (Conflict, Invalid) as error:
            log.warning("what is overdue cannot be closed", extra={"code": error.code})

    async def _watches(self, found: OpportunityRead) -> dict[WorkKind, datetime | None]:
        """When time does something to it next, by the rules of its pipeline."""
        rulebook, zone = await self._rulebook(found.pipeline_id), ZoneInfo(self.session.actor.time_zone)
        open_until = found.close_date if found.status == OPEN else None
        return {
            STALLED: stalls_at(rulebook, found.stage, found.stage_changed_at),
            OVERDUE: next_overdue(rulebook, open_until, zone, None),
        }

    async def _watch(self, kind: WorkKind, record_id: UUID, at: datetime | None) -> None:
        work, actor = DueWork(self.session), self.session.actor
        if at is None:
            await work.cancel(kind, str(record_id))
        elif not await work.postpone(kind, str(record_id), at):
            payload = {"userId": str(actor.id), "timeZone": actor.time_zone}
            await work.add(NewWork(kind=kind, key=str(record_id), payload=payload, due_at=at))

    async def total(self, record_id: UUID, total: Money | None) -> Document:
        """Its lines come to this; without lines it is worth nothing until somebody says otherwise."""
        found = await self._opportunity(record_id)
        amount = total
        if amount is None:
            amount = zero(found.lines_total.currency) if found.lines_total is not None else found.amount
        return await self._update(record_id, {"lines_total": total, "amount": amount}, None, None, None)

    async def agree(self, record_id: UUID, amount: Money) -> None:
        """The customer agrees to this amount. What has lines stays worth what they come to."""
        found = await self._opportunity(record_id)
        if found.lines_total is None:
            await self._update(record_id, {"amount": amount}, None, None, None)

    def _follows_amount(self, change: Change[OpportunityRead]) -> Derived:
        after, derived = change.after, dict[str, Any]()
        if "amount" in change.fields:
            derived["expected_amount"] = expected(after.amount, after.probability)
        if "close_date" in change.fields:
            derived["overdue_since"] = None
        return derived

    def _follows_stage(self, change: Change[OpportunityRead], rulebook: Rulebook) -> dict[str, Any]:
        """Probability and forecast category stay as somebody set them until the next move."""
        before, after, now = change.before, change.after, utc_now()
        given: Any = after.stage
        stage = rulebook.first if given is MISSING else rulebook.stage(given)
        moved = before is None or not _OF_MOVE.isdisjoint(change.fields)
        derived: dict[str, Any] = {
            "pipeline_id": rulebook.pipeline_id,
            "stage": stage.key,
            "status": stage.outcome,
            "probability": after.probability,
            "forecast_category": after.forecast_category,
            "stage_changed_at": now if moved else after.stage_changed_at,
        }
        for name, of_stage in (("probability", stage.probability), ("forecast_category", stage.forecast_category)):
            left_out = getattr(after, name) is MISSING if before is None else name not in change.fields
            if moved and left_out:
                derived[name] = of_stage
        derived["probability_overridden"] = derived["probability"] != stage.probability
        derived["expected_amount"] = expected(after.amount, derived["probability"])
        if moved:
            derived |= self._of_move(change, stage)
        return derived if "close_date" not in change.fields else derived | {"overdue_since": None}

    def _of_move(self, change: Change[OpportunityRead], stage: Stage) -> dict[str, Any]:
        before = change.before
        derived: dict[str, Any] = {"stalled_since": None}
        if stage.outcome != OPEN:
            was_closed = before.closed_at if before is not None else None
            return derived | {"closed_at": was_closed or utc_now(), "overdue_since": None}
        if before is not None and before.status != OPEN:
            reasons = [name for name in ("outcome_reason", "outcome_note") if name not in change.fields]
            derived |= dict.fromkeys(reasons)
        return derived | {"closed_at": None}

    def _check_entry(self, change: Change[OpportunityRead], stage: Stage, rulebook: Rulebook) -> None:
        before, after = change.before, change.after
        role = self.session.actor.role
        may_reopen = role is Role.admin or rulebook.reopen_role == role
        if before is not None and before.pipeline_id != after.pipeline_id:
            refuse_closed(before.status, may_reopen=may_reopen)
        elif before is not None:
            rulebook.refuse_move(rulebook.stages.get(before.stage), stage, may_reopen=may_reopen)
        columns = {name: self.kind.fields[name].name for name in stage.requires}
        refuse_missing(stage, [name for name, column in columns.items() if is_empty(getattr(after, column))])
        if stage.when is not None and not self._holds(stage.when, change):
            raise unmet(stage)

    def _holds(self, condition: str, change: Change[OpportunityRead]) -> bool:
        """Judged on the whole record: what its rules say does not depend on what the caller sees of it."""
        schema, actor = self.session.schema.whole, self.session.actor
        where = checked(condition, self.kind, schema, actor, Profile.event)
        data = {to_camel(name): as_json(getattr(change.after, name)) for name in self.kind.by_column}
        verb = "created" if change.before is None else "updated"
        row = {"type": f"{self.kind.name}.{verb}", "data": data, "changes": change.as_json()}
        return Reader(actor, schema).judge(self.kind, where)(row)

    async def _rulebook(self, pipeline_id: UUID | Any) -> Rulebook:
        """That of the default pipeline where none is named."""
        if pipeline_id in self._rulebooks:
            return self._rulebooks[pipeline_id]
        pipelines = Pipelines(self.session)
        row = await (pipelines.default() if pipeline_id is MISSING else pipelines.one(pipeline_id))
        if row is None:
            raise unknown_reference("pipeline_id")
        rulebook = Rulebook.of(dict(row))
        self._rulebooks[rulebook.pipeline_id] = rulebook
        return rulebook

    async def _opportunity(self, record_id: UUID) -> OpportunityRead:
        found = await self.records.load(record_id)
        if found is None:
            raise NotFound("There is no such record.")
        return found
