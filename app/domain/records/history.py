"""What was: the events of one record, the record as of a time, the change feed, the bin."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import BadRequest, Gone, NotFound, refused
from app.domain.kernel.expression.tree import Expression
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import BinPosition, Document, EventFilter, Position
from app.domain.records.reader import Reader
from app.repositories.bin import Bin
from app.repositories.events import EventLog
from app.repositories.projection import shape_of
from app.repositories.session import Session

Row = dict[str, Any]
SLICE = 100  # events that are judged before others get their turn
MOST = 2_000  # events that one request looks at


@dataclass(frozen=True, slots=True)
class Feed:
    """A page of events; `end` is behind the last that was looked at, and `more` says that there was no end to them."""

    rows: list[Row]
    end: Position
    more: bool


class History:
    """Rows are answered by column name; the edge gives them their public form."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.log = EventLog(session)
        self.reader = Reader(session.actor, session.schema)

    async def of_record(self, kind: AnyObject, record_id: UUID, below: int, limit: int) -> list[Row]:
        """Newest first, also of a deleted record. Raises `NotFound` for one that never was."""
        self.session.actor.require(kind.scope("read"))
        rows = await self.log.of_record(kind.name, record_id, below, limit)
        if not rows and await self.log.first_version(kind.name, record_id) is None:
            raise NotFound("There is no such record.")
        return [self.reader.shown(row) for row in rows]

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
        schema = self.session.schema
        shown = {name: event["data"].get(name) for name in fields or schema.fields(kind)}
        shape = shape_of(kind, self.session.actor, schema, fields)
        return Document(record_id, event["version"], orjson.dumps(shown), shape)

    async def events(self, start: Position, wanted: EventFilter, limit: int, where: Expression | None = None) -> Feed:
        """The change feed behind a position: of the objects that the actor may read, settled ones only.

        `where` is in the event profile of the one object that is wanted.
        """
        self.session.actor.require("events:read")
        if where is None:
            rows = await self.log.after(start, wanted, limit)
            end = Position.of(rows[-1]) if rows else start
            return Feed([self.reader.shown(row) for row in rows], end, len(rows) == limit)
        return await self._search(
            start, wanted, limit, self.reader.judge(self.session.catalog[wanted.objects[0]], where)
        )

    async def _search(self, start: Position, wanted: EventFilter, limit: int, holds: Callable[[Row], bool]) -> Feed:
        found: list[Row] = []
        end = start
        for _ in range(MOST // SLICE):
            rows = await self.log.after(end, wanted, SLICE)
            for row in rows:
                end = Position.of(row)
                if holds(shown := self.reader.shown(row)):
                    found.append(shown)
                    if len(found) == limit:
                        return Feed(found, end, more=True)
            if len(rows) < SLICE:
                return Feed(found, end, more=False)
        return Feed(found, end, more=True)

    async def binned(self, objects: list[str], after: BinPosition | None, limit: int) -> list[Row]:
        """What lies in the bin, latest first."""
        return [self.reader.shown(row) for row in await Bin(self.session).page(objects, after, limit)]

    async def _refuse_before_the_log(self, kind: AnyObject, record_id: UUID) -> None:
        first = await self.log.first_version(kind.name, record_id)
        if first is not None and first > 1:
            raise Gone("What was before the oldest kept event is no longer known.")
