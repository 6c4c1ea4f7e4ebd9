"""What stands above and below a record in a hierarchy of its kind."""

from uuid import UUID

from app.domain.kernel.errors import NotFound
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import DEEPEST, NEAREST, Branch
from app.repositories.hierarchy import Hierarchy
from app.repositories.session import Session


class Branches:
    """Records that the actor may not see are left out; what stands beyond them is shown."""

    def __init__(self, session: Session, kind: AnyObject, reference: str) -> None:
        self.session = session
        self.kind = kind
        self.hierarchy = Hierarchy(session, kind, reference)

    async def branch(
        self, record_id: UUID, *, up: bool, limit: int, depth: int = DEEPEST, after: tuple[int, UUID] = NEAREST
    ) -> Branch:
        """The nearest first, up to `depth` steps away; a page of them begins `after` the last of the one before."""
        self.session.actor.require(self.kind.scope("read"))
        found = await self.hierarchy.branch(record_id, up=up, limit=limit, depth=depth, after=after)
        if found is None:
            raise NotFound("There is no such record.")
        return found
