"""What several streams have in common that ask the same with the same key: rights, filter, and what comes."""

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final
from uuid import UUID

import orjson

from app.domain.kernel.actor import Actor
from app.domain.kernel.event_form import cursor_of, public
from app.domain.kernel.expression.filters import read_filter
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.expression.tree import Expression
from app.domain.kernel.query import EventFilter, Position
from app.domain.kernel.schema import Schema
from app.domain.records.history import History
from app.domain.records.reader import Reader
from app.repositories.pool import Pool
from app.repositories.session import Session

KEPT: Final = 200  # messages; a connection that is further behind reads the log
Row = dict[str, Any]
Message = tuple[Position, bytes]


@dataclass(frozen=True, slots=True)
class Question:
    """Which events of the log; `object` is None for those of all objects that may be read."""

    object: str | None = None
    type: str | None = None
    record_id: UUID | None = None
    filter: str | None = None


class Asked:
    """A question in the mouth of an actor. Raises what refuses it, like every other request of this actor's."""

    def __init__(self, question: Question, actor: Actor, schema: Schema) -> None:
        actor.require("events:read")
        self.actor = actor
        self.reader = Reader(actor, schema)
        readable = self.reader.readable(question.object)
        self.wanted = EventFilter(objects=readable, type=question.type, record_id=question.record_id)
        self.where: Expression | None = None
        if question.filter is not None:
            self.where = read_filter(question.filter, schema.catalog[readable[0]], schema, actor, Profile.event)

    @cached_property
    def _holds(self) -> Callable[[Row], bool]:
        if self.where is None:
            return lambda _: True
        return self.reader.judge(self.reader.schema.catalog[self.wanted.objects[0]], self.where)

    def history(self, pool: Pool) -> History:
        return History(Session(pool, self.actor, self.reader.schema))

    def message(self, event: "Happening") -> bytes | None:
        """None for who did not ask for the event, or may not see it."""
        row, wanted = event.row, self.wanted
        if row["object"] not in wanted.objects or wanted.type not in (None, row["type"]):
            return None
        if event.record_id != wanted.record_id and wanted.record_id is not None:
            return None
        if not self.reader.sees(row):
            return None
        shown, text = event.shown(self.reader)
        return text if self._holds(shown) else None


class Happening:
    """An event on its way to many: shown and written once for all who are shown the same of it."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.place = Position.of(row)
        self.record_id = UUID(row["record_id"])
        self._shown: dict[Hashable, tuple[Row, bytes]] = {}

    def shown(self, reader: Reader) -> tuple[Row, bytes]:
        view = reader.view(self.row["object"])
        known = self._shown.get(view)
        if known is None:
            row = reader.shown(self.row)
            known = self._shown[view] = row, message(row)
        return known


class Channel:
    """The last messages, numbered; each connection knows the number of the one it gets next."""

    def __init__(self, key: bytes, question: Question, asked: Asked, place: Position) -> None:
        self.key = key  # as the header has it
        self.question = question
        self.asked = asked
        self.place = place  # behind everything that was taken, or was not for this channel
        self.next = 0
        self.listeners: set[Any] = set()
        self._messages: deque[Message] = deque(maxlen=KEPT)

    def become(self, actor: Actor) -> None:
        """Raises where the actor may no longer ask this."""
        if actor != self.asked.actor:
            self.asked = Asked(self.question, actor, self.asked.reader.schema)

    def take(self, events: Sequence[Happening], end: Position) -> bool:
        """Whether any was for this channel."""
        before = self.next
        for event in events:
            text = self.asked.message(event)
            if text is not None:
                self._messages.append((event.place, text))
                self.next += 1
        self.place = end
        return self.next > before

    def since(self, number: int) -> list[Message] | None:
        """None where some of them are not kept any more."""
        first = self.next - len(self._messages)
        return list(islice(self._messages, number - first, None)) if number >= first else None


def message(row: Row) -> bytes:
    """As text/event-stream has it. JSON has no line breaks."""
    head = f"id: {cursor_of(Position.of(row))}\nevent: {row['type']}\ndata: "
    return head.encode() + orjson.dumps(public(row)) + b"\n\n"
