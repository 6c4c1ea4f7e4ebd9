"""Pipelines themselves; what moves through them is in `service`."""

from collections.abc import Sequence
from uuid import UUID

from app.domain.kernel.changes import Change
from app.domain.kernel.claim import Claim
from app.domain.kernel.errors import Conflict, Invalid, refused
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.filters import checked, refusal
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.query import Document
from app.domain.pipeline.objects import OPPORTUNITY, PIPELINE
from app.domain.pipeline.rules import OVERDUE, OVERDUE_REASON, STALLED, faults_of
from app.domain.pipeline.schemas import STAGES, Overdue, PipelineCreate, PipelineRead, Stage
from app.domain.records.in_use import OneInUse
from app.domain.records.service import Derived
from app.repositories.pipeline import Pipelines, stage_taken
from app.repositories.session import Session


class PipelineService(OneInUse[PipelineRead]):
    kind = PIPELINE
    in_use = "is_default"
    reacts_to = frozenset({"stages", "overdue"})

    async def restore(self, record_id: UUID, claim: Claim | None = None) -> Document:
        return await self._restore(record_id, claim, self._set_stages)

    async def check(self, change: Change[PipelineRead]) -> Derived:
        if "stages" in change.fields:
            self._check_stages([Stage.model_validate(one) for one in change.after.stages])
        before = change.before
        if before is not None and "stages" in change.fields:
            await self._refuse_taken(before, change.after)
        if before is not None and before.is_default and not change.after.is_default:
            message = "There is always a default pipeline: make another one the default instead."
            raise refused(Conflict, "/isDefault", "defaultNeeded", message)
        overdue = _policy(change.after)
        if (
            overdue.close_lost_after_days
            and change.after.lost_reasons
            and OVERDUE_REASON not in change.after.lost_reasons
        ):
            message = f"What is closed because it is overdue has the reason {OVERDUE_REASON}: add it to lostReasons."
            raise refused(Invalid, "/lostReasons", "unknownReason", message)
        return None

    async def react(self, change: Change[PipelineRead]) -> None:
        """What is open is watched by the rules of now, not by those of when it came."""
        if "stages" in change.fields:
            await self._set_stages(change.after)
        if change.before is not None:
            await self._watch_anew(change.after)

    async def _watch_anew(self, pipeline: PipelineRead) -> None:
        pipelines, actor = Pipelines(self.session), self.session.actor
        stages = (Stage.model_validate(one) for one in pipeline.stages)
        days = {one.key: one.stalled_after_days for one in stages if one.stalled_after_days}
        overdue = _policy(pipeline)
        steps = [one for one in (overdue.remind_after_days, overdue.close_lost_after_days) if one is not None]
        await pipelines.watch_stages(STALLED, pipeline.id, days)
        await pipelines.watch_close_dates(OVERDUE, pipeline.id, min(steps, default=None), actor.time_zone)

    async def _locked_use(self) -> UUID | None:
        pipelines = Pipelines(self.session)
        await pipelines.lock_default()
        row = await pipelines.default()
        return row["id"] if row else None

    def _kept(self) -> Conflict:
        """There is always one that opportunities come to which name none."""
        return Conflict("It is the default pipeline: make another one that first.", code="defaultNeeded")

    async def _set_stages(self, pipeline: PipelineRead) -> None:
        keys = [Stage.model_validate(one).key for one in pipeline.stages]
        await Pipelines(self.session).set_stages(pipeline.id, keys)

    def _check_stages(self, stages: Sequence[Stage]) -> None:
        may_be_empty = {name for name, field in OPPORTUNITY.fields.items() if field.nullable or name == "competitors"}
        if faults := [*faults_of(stages, may_be_empty | {"name"})]:
            raise Invalid("The stages do not make a pipeline.", code=faults[0].code, faults=faults)
        for place, stage in enumerate(stages):
            try:
                if stage.when is not None:
                    checked(stage.when, OPPORTUNITY, self.session.schema.whole, self.session.actor, Profile.event)
            except ExpressionError as error:
                raise refusal(f"/stages/{place}/when", error, Invalid) from error

    async def _refuse_taken(self, before: PipelineRead, after: PipelineRead) -> None:
        """The foreign key of opportunities refuses it in any case; this says how many there are."""
        kept = {Stage.model_validate(one).key for one in after.stages}
        gone = [key for one in before.stages if (key := Stage.model_validate(one).key) not in kept]
        taken = await Pipelines(self.session).taken(before.id, gone) if gone else {}
        if taken:
            raise stage_taken(taken)


def _policy(pipeline: PipelineRead) -> Overdue:
    """Its record holds it as a document."""
    return Overdue.model_validate(pipeline.overdue or {})


async def found_pipeline(session: Session) -> None:
    """The one that a tenant has from its beginning."""
    body = {"name": "Sales", "isDefault": True, "stages": STAGES}
    await PipelineService(session).create(PipelineCreate.model_validate(body))
