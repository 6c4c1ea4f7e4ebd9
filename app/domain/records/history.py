"""What was: the events of one record, the record as of a time, the change feed, the bin."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import BadRequest, Forbidden, Gone, NotFound, refused
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import BinPosition, Document, EventFilter, Position
from app.repositories.bin import Bin
from app.repositories.events import EventLog
from app.repositories.projection import shape_of
from app.repositories.session import Session

Row = dict[str, Any]


class History:
    """Rows are answered by column name; the edge gives them their public form."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.log = EventLog(session)

    async def of_record(self, kind: AnyObject, record_id: UUID, below: int, limit: int) -> list[Row]:
        """Newest first, also of a deleted record. Raises `NotFound` for one that never was."""
        self.session.actor.require(kind.scope("read"))
        rows = await self.log.of_record(kind.name, record_id, below, limit)
        if not rows and await self.log.first_version(kind.name, record_id) is None:
            raise NotFound("There is no such record.")
        return rows

    async def as_of(self, kind: AnyObject, record_id: UUID, at: datetime, fields: tuple[str, ...]) -> Document:
        """The record as it was; rights are those of now."""
        self.session.actor.require(kind.scope("read"))
        if at > utc_now():
            raise refused(BadRequest, "asOf", "future", "The time lies in the future.")
        event = await self.log.as_of(kind.name, record_id, at)
        if event is None:
            await self._refuse_before_the_log(kind, record_id)
        if event is None or event["type"].endswith(".deleted"):
            raise NotFound("There is no such record.")
        shown = {name: event["data"].get(name) for name in fields or kind.fields}
        shape = shape_of(kind, self.session.actor, self.session.schema, fields)
        return Document(record_id, event["version"], orjson.dumps(shown), shape)

    async def events(self, position: Position, wanted: EventFilter, limit: int) -> list[Row]:
        """The change feed behind a position: of the objects that the actor may read, settled ones only."""
        self.session.actor.require("events:read")
        return await self.log.after(position, wanted, limit)

    async def binned(self, objects: list[str], after: BinPosition | None, limit: int) -> list[Row]:
        """What lies in the bin, latest first."""
        return await Bin(self.session).page(objects, after, limit)

    def readable(self, name: str | None) -> list[str]:
        """The object of that name, or all: those whose records the actor may read."""
        actor = self.session.actor
        if name is None:
            return [kind.name for kind in self.session.catalog if actor.may(kind.scope("read"))]
        if name not in self.session.catalog:
            raise refused(BadRequest, "object", "unknownObject", "There is no such object.")
        if not actor.may(self.session.catalog[name].scope("read")):
            raise Forbidden("The key may not read this object.", code="missingScope")
        return [name]

    async def _refuse_before_the_log(self, kind: AnyObject, record_id: UUID) -> None:
        first = await self.log.first_version(kind.name, record_id)
        if first is not None and first > 1:
            raise Gone("What was before the oldest kept event is no longer known.")
