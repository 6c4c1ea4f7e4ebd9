from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from app.domain.kernel.actor import Role
from app.domain.kernel.claim import Claim
from app.domain.kernel.errors import NotFound
from app.domain.kernel.query import Document
from app.repositories.idempotency import keep
from app.repositories.parked import ParkedPage, ParkedWork
from app.repositories.session import Session

ADMIN: Final = "admin"


class WorkService:
    """The due work of the tenant: only administrators look at it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.work = ParkedWork(session)

    async def overview(self) -> bytes:
        """A JSON array, by kind."""
        self._require()
        return await self.work.overview()

    async def parked(self, before: UUID | None, limit: int) -> ParkedPage:
        """Newest first."""
        self._require()
        return await self.work.page(before, limit)

    async def replay(self, work_id: UUID, claim: Claim | None = None) -> Document:
        """It is due at once, from its first attempt on."""
        return await self._change(self.work.replay, work_id, claim)

    async def discard(self, work_id: UUID, claim: Claim | None = None) -> Document:
        """It never happens; what stands behind it goes on."""
        return await self._change(self.work.discard, work_id, claim)

    async def _change(self, change: Callable[[UUID], Awaitable[bool]], work_id: UUID, claim: Claim | None) -> Document:
        self._require()
        document = Document(work_id, 0, b"", "", fresh=True)
        async with self.session.transaction():
            if not await change(work_id):
                raise NotFound("There is no such record.")
            if claim:
                await keep(self.session, claim, document)
        return document

    def _require(self) -> None:
        self.session.actor.require(ADMIN, role=Role.admin)
