from uuid import UUID

from app.domain.kernel.changes import Change
from app.domain.kernel.claim import Claim
from app.domain.kernel.query import Document
from app.domain.records.service import RecordService
from app.domain.team.objects import OPPORTUNITY_CONTACT, OPPORTUNITY_MEMBER
from app.domain.team.rules import refuse_over
from app.domain.team.schemas import OpportunityContactRead, OpportunityMemberRead
from app.repositories.team import Splits


class OpportunityContactService(RecordService[OpportunityContactRead]):
    kind = OPPORTUNITY_CONTACT


class OpportunityMemberService(RecordService[OpportunityMemberRead]):
    kind = OPPORTUNITY_MEMBER
    reacts_to = frozenset({"opportunity_id", "split_percent"})

    async def react(self, change: Change[OpportunityMemberRead]) -> None:
        await self._refuse_over(change.after)

    async def restore(self, record_id: UUID, claim: Claim | None = None) -> Document:
        return await self._restore(record_id, claim, self._refuse_over)

    async def _refuse_over(self, member: OpportunityMemberRead) -> None:
        """Under a lock and after the write, so that of splits written at once each counts for the other."""
        if member.split_percent:
            splits = Splits(self.session)
            await splits.lock(member.opportunity_id)
            refuse_over(member.split_percent, await splits.of_others(member.opportunity_id, member.id))
