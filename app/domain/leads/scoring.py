"""What leads do, and what that and time make of their scores."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import MISSING

from app.domain.kernel.claim import Claim
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import Forbidden, Invalid, refused
from app.domain.kernel.query import Document
from app.domain.kernel.work import NewWork, Work
from app.domain.leads.objects import LEAD
from app.domain.leads.schemas import LeadRead
from app.domain.leads.service import LeadService
from app.domain.scoring.rules import DECAY, RESCORE, Age, Model
from app.domain.scoring.schemas import BehaviourCreate, Cause
from app.repositories.idempotency import keep
from app.repositories.leads import Leads
from app.repositories.scoring import Scores
from app.repositories.work import DueWork

CHUNK: Final = 50
NOBODY: Final = str(UUID(int=0))
LONGEST: Final = timedelta(seconds=60)  # a write that read the former model has ended by then, one way or the other


class ScoredLeads(LeadService):
    """Leads as their scores see them."""

    async def record(self, lead_id: UUID, data: BehaviourCreate, claim: Claim | None = None) -> Document:
        """Kept whether a model counts it or not. The score follows under the lock of the lead, so none is missed."""
        self._may_write()
        async with self.session.transaction():
            await Leads(self.session).lock(lead_id)
            lead, now = await self._lead(lead_id), utc_now()
            occurred_at = now if data.occurred_at is MISSING else data.occurred_at
            if occurred_at > now:
                raise refused(Invalid, "/occurredAt", "future", "Say what has happened already: this is in the future.")
            document = await Scores(self.session).record(lead_id, data.behaviour, occurred_at)
            await self._score([lead], "behaviour", now)
            if claim:
                await keep(self.session, claim, document)
            return document

    async def behaviours(self, lead_id: UUID, before: tuple[datetime, UUID], limit: int) -> list[dict[str, Any]]:
        """Newest first."""
        self._may_read()
        await self._lead(lead_id)
        return await Scores(self.session).behaviours(lead_id, before, limit)

    async def scores(self, lead_id: UUID, below: int, limit: int) -> list[dict[str, Any]]:
        """The scores it had, newest first."""
        self._may_see_score()
        await self._lead(lead_id)
        return await self.scoring.history(LEAD, lead_id, below, limit)

    async def explain(self, lead_id: UUID) -> Any:
        """What its score rests on now."""
        self._may_see_score()
        lead = await self._lead(lead_id)
        return await self.scoring.explain(LEAD, lead, frozen=lead.status == "converted")

    async def decay(self, work: Work) -> None:
        """By the system, with the work that is due when an event counts half."""
        lead_id = UUID(work.key)
        async with self.session.transaction():
            await Leads(self.session).lock(lead_id)
            await DueWork(self.session).done(DECAY, work)
            lead = await self.records.load(lead_id)
            if lead is not None:
                await self._score([lead], "time", utc_now())

    async def score_anew(self, work: Work) -> None:
        """By the system: some leads, and the work that goes on behind them.

        What was written by the former model while this went by is found by a second round, after its last write.
        """
        after, since = UUID(work.payload.get("after", NOBODY)), work.payload.get("since")
        async with self.session.transaction():
            await DueWork(self.session).done(RESCORE, work)
            changed_since = datetime.fromisoformat(since) if since else None
            ids = await Scores(self.session).open_leads(after, changed_since, CHUNK)
            await Leads(self.session).lock_all(ids)
            leads = [lead for lead_id in ids if (lead := await self.records.load(lead_id)) is not None]
            await self._score(leads, "model", utc_now())
            if len(ids) == CHUNK:
                await self._go_on(work, {"after": str(ids[-1])}, None)
            elif since is None:
                begun = datetime.fromisoformat(work.payload["begun"])
                again = {"after": NOBODY, "since": (begun - LONGEST).isoformat()}
                await self._go_on(work, again, utc_now() + LONGEST)

    async def _go_on(self, work: Work, progress: dict[str, str], due_at: datetime | None) -> None:
        payload = {**work.payload, **progress}
        await DueWork(self.session).add(NewWork(kind=RESCORE, key=work.key, payload=payload, due_at=due_at))

    async def _score(self, leads: Sequence[LeadRead], cause: Cause, now: datetime) -> None:
        """Of leads that are locked. Nothing is written where the score stays."""
        scores, open_ones = Scores(self.session), [one for one in leads if one.status != "converted"]
        model = await scores.model() if open_ones else None
        ages = await scores.ages([one.id for one in open_ones], model, now) if model else {}
        for lead in open_ones:
            await self._set_score(lead, model, ages.get(lead.id, ()), cause, now)

    async def _set_score(
        self, lead: LeadRead, model: Model | None, ages: Sequence[Age], cause: Cause, now: datetime
    ) -> None:
        scored = self.scoring.judge(LEAD, lead, model, ages, cause, now)
        if scored.score != lead.score:
            await self._edit(lead.id, {"score": scored.score}, None, None, None)
        await self._plan(DECAY, lead.id, scored.changes_at)

    def _may_see_score(self) -> None:
        self._may_read()
        if "score" not in self.session.schema.fields(LEAD):
            raise Forbidden("What a score rests on is for those who see the score.", code="fieldHidden")
