"""Four ways to get a stream wrong. Each is a patch of the process that a test has of its own."""

import asyncio
import time

import orjson
import pytest
from starlette.types import Send

from app.api import stream
from app.api.channel import Channel, message
from app.api.channel import Message as Kept
from app.api.stream import Listener, Streams
from app.domain.kernel.query import Position
from app.repositories.compile import Statement
from app.repositories.tail import Page, Tail

NAIVE = Statement(
    "select json_agg(page) as events from (select * from event where seq > $1 order by seq limit $2) page",
    ("seq", "limit"),
    {},
)


def cursor_by_sequence_alone(patch: pytest.MonkeyPatch) -> None:
    """A number is handed out before its transaction commits: whoever commits late is passed over."""

    async def after(self: Tail, place: Position, limit: int) -> Page:
        row = await self._pool.row(None, NAIVE, [place.seq, limit], time.monotonic() + 5)
        rows = orjson.loads(row["events"]) if row and row["events"] else []
        return Page(rows, Position.of(rows[-1]) if rows else place, more=len(rows) == limit)

    patch.setattr(Tail, "after", after)


def gap_between_catching_up_and_listening(patch: pytest.MonkeyPatch) -> None:
    """What came while the last page was read and sent is taken for sent; it takes until something has come."""

    async def catch_up(self: Streams, listener: Listener, send: Send) -> None:
        seen, feed = listener.channel.next, await self._page(listener)
        for _ in range(0 if feed is None or feed.more else 20):
            await asyncio.sleep(0.01 if listener.channel.next == seen else 0)
        for row in feed.rows if feed else []:
            await stream._pass_on(listener, Position.of(row), message(row), send)
        if feed:
            listener.pass_by(feed.end)
            if not feed.more:
                listener.number = listener.channel.next

    patch.setattr(Streams, "_catch_up", catch_up)


def twice_at_the_seam(patch: pytest.MonkeyPatch) -> None:
    """What was on the page comes out of the channel, too."""
    catch_up = Streams._catch_up

    async def then_all_of_the_channel(self: Streams, listener: Listener, send: Send) -> None:
        await catch_up(self, listener, send)
        if listener.channel.since(listener.number) is not None:
            listener.number = listener.channel.next - len(listener.channel._messages)

    async def pass_on(listener: Listener, place: Position, text: bytes, send: Send) -> None:
        if not listener.is_over:
            listener.place = place
            await send(stream._part(text))

    patch.setattr(Streams, "_catch_up", then_all_of_the_channel)
    patch.setattr(stream, "_pass_on", pass_on)


def the_slow_get_what_is_left(patch: pytest.MonkeyPatch) -> None:
    """Who was too slow for the channel goes on with what it still has."""
    since = Channel.since

    def forgiving(self: Channel, number: int) -> list[Kept] | None:
        first = self.next - len(self._messages)
        return since(self, number) if number < 0 else since(self, max(number, first))

    patch.setattr(Channel, "since", forgiving)
