"""How the opportunities of the session's tenant are shared out."""

from decimal import Decimal
from uuid import UUID

from app.repositories.compile import Statement
from app.repositories.session import Session

_LOCK = Statement("select id from opportunity where tenant_id = $1 and id = $2 for no key update", ("tenant", "id"), {})
_OF_OTHERS = Statement(
    """
    select coalesce(sum(split_percent), 0) as taken from opportunity_member_read
     where tenant_id = $1 and opportunity_id = $2 and id <> $3
    """,
    ("tenant", "id", "member"),
    {},
)


class Splits:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def lock(self, opportunity_id: UUID) -> None:
        """Until the end of the transaction nobody else adds its splits up."""
        await self.session.once(_LOCK, {"id": opportunity_id})

    async def of_others(self, opportunity_id: UUID, member_id: UUID) -> Decimal:
        """What all but this member have together, seen by the actor or not."""
        row = await self.session.read(_OF_OTHERS, {"id": opportunity_id, "member": member_id})
        return Decimal(row["taken"]) if row else Decimal(0)
