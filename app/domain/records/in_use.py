"""Records of which one is the one in use."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic
from uuid import UUID

from app.domain.kernel.changes import merge
from app.domain.kernel.claim import Claim
from app.domain.kernel.errors import Conflict
from app.domain.kernel.query import Document
from app.domain.kernel.schemas import Input
from app.domain.records.service import R, RecordService, Versions


class OneInUse(RecordService[R], Generic[R]):
    """Who is put to use takes it from the one that was, and who is in use is not deleted.

    `in_use` is the column that says so. A unique index refuses a second one in any case.
    """

    in_use: ClassVar[str]

    @abstractmethod
    async def _locked_use(self) -> UUID | None:
        """The one in use. Until the end of the transaction nobody else changes which it is."""

    @abstractmethod
    def _kept(self) -> Conflict:
        """Why the one in use is not deleted."""

    async def create(self, data: Input, claim: Claim | None = None) -> Document:
        if not getattr(data, self.in_use, False):
            return await super().create(data, claim)
        async with self.session.transaction():
            await self._take_over(None)
            return await super().create(data, claim)

    async def delete(self, record_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        return await self._delete(record_id, versions, claim, self._refuse_used)

    async def _edit(
        self, record_id: UUID, patch: Mapping[str, Any], base: int | None, versions: Versions, claim: Claim | None
    ) -> Document:
        if not patch.get(self.in_use):
            return await super()._edit(record_id, patch, base, versions, claim)
        async with self.session.transaction():
            await self._take_over(record_id)
            return await super()._edit(record_id, patch, base, versions, claim)

    async def _take_over(self, record_id: UUID | None) -> None:
        """From the one in use, unless that is the one."""
        self._may_write()
        used = await self._locked_use()
        former = await self.records.load(used) if used not in (None, record_id) else None
        if former is not None:
            change = merge(former, {self.in_use: False})
            await self._written(change, self.records.change(change, None))

    def _refuse_used(self, record: R) -> None:
        if getattr(record, self.in_use):
            raise self._kept()
