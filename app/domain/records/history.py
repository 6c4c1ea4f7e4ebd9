"""What was: the events of one record, the record as of a time, the change feed, the bin."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import BadRequest, Forbidden, Gone, NotFound, refused
from app.domain.kernel.expression.loading import Loader, keys_read
from app.domain.kernel.expression.memory import evaluator
from app.domain.kernel.expression.tree import Expression
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import BinPosition, Document, EventFilter, Position
from app.domain.records.rules import told
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

    async def of_record(self, kind: AnyObject, record_id: UUID, below: int, limit: int) -> list[Row]:
        """Newest first, also of a deleted record. Raises `NotFound` for one that never was."""
        self.session.actor.require(kind.scope("read"))
        rows = await self.log.of_record(kind.name, record_id, below, limit)
        if not rows and await self.log.first_version(kind.name, record_id) is None:
            raise NotFound("There is no such record.")
        return [self._shown(row) for row in rows]

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
            end = _position(rows[-1]) if rows else start
            return Feed([self._shown(row) for row in rows], end, len(rows) == limit)
        return await self._search(start, wanted, limit, self._judge(self.session.catalog[wanted.objects[0]], where))

    async def _search(self, start: Position, wanted: EventFilter, limit: int, holds: Callable[[Row], bool]) -> Feed:
        found: list[Row] = []
        end = start
        for _ in range(MOST // SLICE):
            rows = await self.log.after(end, wanted, SLICE)
            for row in rows:
                end = _position(row)
                if holds(row):
                    found.append(self._shown(row))
                    if len(found) == limit:
                        return Feed(found, end, more=True)
            if len(rows) < SLICE:
                return Feed(found, end, more=False)
        return Feed(found, end, more=True)

    def _judge(self, kind: AnyObject, where: Expression) -> Callable[[Row], bool]:
        loader = Loader(kind, self.session.schema, keys_read(where.shape))
        holds = evaluator(where.shape, where.arguments)

        def judge(row: Row) -> bool:
            verb = row["type"].rpartition(".")[2]
            return holds(*loader.event(verb, row["data"], row["changes"]))

        return judge

    async def binned(self, objects: list[str], after: BinPosition | None, limit: int) -> list[Row]:
        """What lies in the bin, latest first."""
        return [self._shown(row) for row in await Bin(self.session).page(objects, after, limit)]

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

    def _shown(self, row: Row) -> Row:
        """Without what the actor may not see by now; the log and the bin keep all fields."""
        schema, kind = self.session.schema, self.session.catalog[row["object"]]
        row = told(kind, row, self.session.actor)
        if not schema.hides(kind):
            return row
        fields = schema.fields(kind)
        kept = (name for name in ("data", "changes") if name in row)
        return row | {name: {field: value for field, value in row[name].items() if field in fields} for name in kept}

    async def _refuse_before_the_log(self, kind: AnyObject, record_id: UUID) -> None:
        first = await self.log.first_version(kind.name, record_id)
        if first is not None and first > 1:
            raise Gone("What was before the oldest kept event is no longer known.")


def _position(row: Row) -> Position:
    return Position(row["settle"], row["seq"], UUID(row["id"]).int >> 80)
