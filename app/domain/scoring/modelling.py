"""Scoring models themselves; what they do to leads is in `service`."""

from typing import Any, Final
from uuid import UUID

from app.domain.kernel.changes import Change
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import Conflict, Invalid, refused
from app.domain.kernel.expression.checker import check
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.filters import refusal
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.work import NewWork
from app.domain.records.in_use import OneInUse
from app.domain.scoring.objects import SCORING_MODEL
from app.domain.scoring.rules import RESCORE, pointless, reads_what_follows, repeated
from app.domain.scoring.schemas import ScoringModelRead
from app.repositories.scoring import Scores
from app.repositories.work import DueWork

SCORED: Final = "lead"
ALL_LEADS: Final = "leads"  # the key of the work: a newer change begins it anew


class ScoringModelService(OneInUse[ScoringModelRead]):
    kind = SCORING_MODEL
    in_use = "active"
    reacts_to = frozenset({"active", "rules", "behaviours", "thresholds"})

    async def check(self, change: Change[ScoringModelRead]) -> None:
        model: Any = change.after  # its parts are documents, as the database keeps them
        faults = [
            *repeated(model.rules, "rules", "key"),
            *repeated(model.behaviours, "behaviours", "key"),
            *repeated(model.thresholds, "thresholds", "score"),
            *pointless(model.thresholds),
        ]
        if faults:
            raise Invalid("The parts do not make a model.", code=faults[0].code, faults=faults)
        if "rules" in change.fields:
            for place, rule in enumerate(model.rules):
                self._check_condition(rule["when"], f"/rules/{place}/when")

    async def react(self, change: Change[ScoringModelRead]) -> None:
        """All leads are scored anew; what was begun for an older change is not gone on with."""
        before, after = change.before, change.after
        if not after.active and (before is None or not before.active):
            return
        await Scores(self.session).lock_models()
        work, begin = DueWork(self.session), {"userId": str(self.session.actor.id), "begun": utc_now().isoformat()}
        await work.cancel(RESCORE, ALL_LEADS)
        await work.add(NewWork(kind=RESCORE, key=ALL_LEADS, payload=begin))

    async def _locked_use(self) -> UUID | None:
        scores = Scores(self.session)
        await scores.lock_models()
        used = await scores.model()
        return used.id if used else None

    def _kept(self) -> Conflict:
        return Conflict("Leads are scored by it: set active to false first.", code="modelActive")

    def _check_condition(self, text: str, pointer: str) -> None:
        session = self.session
        try:
            found = check(text, session.catalog[SCORED], session.schema.whole, session.actor, Profile.event)
        except ExpressionError as error:
            raise refusal(pointer, error, Invalid) from error
        if name := reads_what_follows(found):
            message = f"A rule cannot read {name}: a score would change by itself, or by its own change."
            raise refused(Invalid, pointer, "dependsOnScore", message, found=name)
