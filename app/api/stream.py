"""Many streams of events out of one reader of the log per process.

The reader puts each settled event into the channels that it is for. A connection sends what its channel has beyond the
connection's own place, and reads from the log what the channel has not: all that was before, and what it was too slow
for. So nothing but its place is kept for a connection.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Final
from uuid import UUID

import asyncpg
from starlette.types import Message, Receive, Send

from app.api.answer import Answer, Headers
from app.api.auth import Keys
from app.api.channel import Asked, Channel, Happening, Question, message
from app.domain.kernel.errors import AppError, TooManyRequests, Unavailable
from app.domain.kernel.event_form import cursor_of
from app.domain.kernel.query import Position
from app.domain.records.history import Feed
from app.repositories.pool import LOST, Pool
from app.repositories.tail import Tail

log = logging.getLogger(__name__)

EVENT_STREAM: Final = "text/event-stream"
HEADERS: Final[Headers] = [(b"content-type", EVENT_STREAM.encode()), (b"cache-control", b"no-store")]
HEARTBEAT_S = 15.0
TURNS: Final = 15  # connections have their heartbeats, and come back after a restart, in so many parts
POLL_S: Final = 0.25
PAGE: Final = 500  # events that are read for all
CAUGHT_UP_BY: Final = 100  # events that one connection reads for itself at a time
READERS: Final = 4  # connections that do so at the same time
AT_ONCE: Final = 100  # connections that are woken before others get their turn
RENEWED_AT_ONCE: Final = 5
DEADLINE_S: Final = 5.0
AWAY = (Unavailable, TimeoutError, OSError, asyncpg.PostgresError, *LOST)


@dataclass(slots=True, kw_only=True)
class Stream(Answer):
    """What was asked by which key; from where on, if not from now on; and for how long, if not for good."""

    key: bytes
    question: Question
    asked: Asked
    start: Position | None = None
    seconds: int | None = None

    def packed_for(self, accept_encoding: bytes) -> Answer:  # noqa: ARG002  # a packer would keep events back
        return self


class Listener:
    """One connection. `number` is that of the channel's message that comes next, `place` where it is in the log."""

    __slots__ = ("_waiter", "channel", "is_due", "is_over", "number", "place", "turn", "until")

    def __init__(self, channel: Channel, stream: Stream, turn: int) -> None:
        self.channel = channel
        self.number, self.place = (channel.next, channel.place) if stream.start is None else (-1, stream.start)
        self.until = None if stream.seconds is None else time.monotonic() + stream.seconds
        self.turn = turn
        self.is_due = False  # a heartbeat
        self.is_over = False
        self._waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def beat(self) -> None:
        self.is_due = True
        self.wake()

    def end(self) -> None:
        self.is_over = True
        self.wake()

    def pass_by(self, place: Position) -> None:
        """Never back: a cursor may be ahead of what this process has read."""
        if place.follows(self.place):
            self.place = place

    async def wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = None if self.until is None else loop.call_later(self.until - time.monotonic(), self.wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    @property
    def is_late(self) -> bool:
        return self.until is not None and time.monotonic() >= self.until


class Streams:
    """`run()` reads the log as long as somebody listens. `leave()` ends all streams, and lets none begin."""

    def __init__(self, tail: Tail, pool: Pool, keys: Keys, per_key: int) -> None:
        self._tail = tail
        self._pool = pool
        self._keys = keys
        self._per_key = per_key
        self._open: Counter[UUID] = Counter()
        self._channels: dict[str, dict[tuple[bytes, Question], Channel]] = {}
        self._turns: list[set[Listener]] = [set() for _ in range(TURNS)]
        self._numbers = count()
        self._place: Position | None = None  # behind what every channel has; those that are made now begin there
        self._asking: list[asyncio.Future[None]] = []
        self._rung, self._somebody, self._nobody = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._reading = asyncio.Semaphore(READERS)
        self._is_leaving = False
        self._is_away = False

    async def send(self, stream: Stream, receive: Receive, send: Send, *, bodiless: bool) -> None:
        async with self._listening(stream) as listener:
            await send({"type": "http.response.start", "status": stream.status, "headers": [*stream.headers]})
            if not bodiless:
                await send(_part(b"retry: %d\nid: %b\n\n" % (_back_after_ms(listener), _cursor(listener))))
                async with asyncio.TaskGroup() as group:
                    gone = group.create_task(_until_gone(receive, listener))
                    await self._tell(listener, send)
                    gone.cancel()
            await send({"type": "http.response.body", "body": b""})

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._somebody.wait()
            try:
                async with asyncio.TaskGroup() as group:
                    chores = [group.create_task(one()) for one in (self._follow, self._beat, self._listen)]
                    await self._nobody.wait()
                    for chore in chores:
                        chore.cancel()
            finally:
                self._place = None
                await self._tail.rest()

    def leave(self) -> None:
        self._is_leaving = True
        for turn in self._turns:
            for listener in turn:
                listener.end()

    @asynccontextmanager
    async def _listening(self, stream: Stream) -> AsyncIterator[Listener]:
        key_id = stream.asked.actor.key_id
        if self._open[key_id] >= self._per_key:
            detail = f"This key has {self._per_key} streams open, and more are not allowed."
            raise TooManyRequests(detail, code="tooManyStreams", retry_after_s=1)
        self._count(key_id, 1)
        try:
            await self._present()
            if self._is_leaving:
                raise Unavailable("The server is about to stop: try again.")
            listener = Listener(self._channel(stream), stream, next(self._numbers) % TURNS)
            self._turns[listener.turn].add(listener)
            listener.channel.listeners.add(listener)
            try:
                yield listener
            finally:
                self._turns[listener.turn].remove(listener)
                self._drop(listener)
        finally:
            self._count(key_id, -1)

    def _count(self, key_id: UUID, change: int) -> None:
        self._open[key_id] += change
        if not self._open[key_id]:
            del self._open[key_id]
        yes, no = (self._somebody, self._nobody) if self._open else (self._nobody, self._somebody)
        yes.set()
        no.clear()

    async def _present(self) -> None:
        """Returns when everything has been read that has settled by now."""
        read = asyncio.get_running_loop().create_future()
        self._asking.append(read)
        self._rung.set()
        async with asyncio.timeout(DEADLINE_S):
            await read

    def _channel(self, stream: Stream) -> Channel:
        assert self._place is not None  # noqa: S101  # somebody waited until the log was read
        channels = self._channels.setdefault(str(stream.asked.actor.tenant_id), {})
        asked = stream.key, stream.question
        if asked not in channels:
            channels[asked] = Channel(*asked, stream.asked, self._place)
        return channels[asked]

    def _drop(self, listener: Listener) -> None:
        channel = listener.channel
        channel.listeners.remove(listener)
        if not channel.listeners:
            tenant = str(channel.asked.actor.tenant_id)
            del self._channels[tenant][channel.key, channel.question]
            if not self._channels[tenant]:
                del self._channels[tenant]

    async def _tell(self, listener: Listener, send: Send) -> None:
        while not listener.is_over:
            waiting = listener.channel.since(listener.number)
            if waiting is None:
                await self._catch_up(listener, send)
            elif waiting:
                for place, text in waiting:
                    listener.number += 1
                    await _pass_on(listener, place, text, send)
            elif listener.is_due:
                listener.is_due = False
                listener.pass_by(listener.channel.place)
                await send(_part(b":\nid: %b\n\n" % _cursor(listener)))
            elif listener.is_late:
                return
            else:
                await listener.wait()

    async def _catch_up(self, listener: Listener, send: Send) -> None:
        """One page of the log. What the channel had before the page was read is on it, unless there are more pages."""
        number, place = listener.channel.next, listener.channel.place
        feed = await self._page(listener)
        if feed is None:
            return
        for row in feed.rows:
            await _pass_on(listener, Position.of(row), message(row), send)
        listener.pass_by(feed.end)
        if not feed.more:
            listener.pass_by(place)
            listener.number = number

    async def _page(self, listener: Listener) -> Feed | None:
        channel = listener.channel
        try:
            async with self._reading:
                if not await self._renewed(channel):
                    return None
                history, asked = channel.asked.history(self._pool), channel.asked
                return await history.events(listener.place, asked.wanted, CAUGHT_UP_BY, asked.where)
        except AWAY as error:
            self._hear(error)
            await asyncio.sleep(POLL_S)
            return None

    async def _follow(self) -> None:
        while True:
            self._rung.clear()
            asking = len(self._asking)
            try:
                while await self._step():
                    pass
            except AWAY as error:
                self._hear(error)
                await asyncio.sleep(POLL_S)
            else:
                self._hear(None)
                for one in self._asking[:asking]:
                    if not one.done():
                        one.set_result(None)
                del self._asking[:asking]
                await self._pause()

    async def _step(self) -> bool:
        """Whether there is more to read."""
        if self._place is None:
            self._place = await self._tail.end()
            return False
        page = await self._tail.after(self._place, PAGE)
        news: dict[str, list[Happening]] = {}
        for row in page.rows:
            if row["tenant_id"] in self._channels:
                news.setdefault(row["tenant_id"], []).append(Happening(row))
        await self._renew([channel for tenant in news for channel in self._channels[tenant].values()])
        busy = [(channel, events) for tenant, events in news.items() for channel in self._of(tenant)]
        self._place = page.end
        for tenant in self._channels.keys() - news.keys():
            for channel in self._of(tenant):
                channel.place = page.end
        for channel, events in busy:
            if channel.take(events, page.end):
                await self._wake(channel.listeners)
            await asyncio.sleep(0)
        return page.more

    def _of(self, tenant: str) -> Iterable[Channel]:
        return self._channels.get(tenant, {}).values()

    async def _renew(self, channels: Sequence[Channel]) -> None:
        """So that nothing is shown by rights that were taken away meanwhile."""
        for first in range(0, len(channels), RENEWED_AT_ONCE):
            some = channels[first : first + RENEWED_AT_ONCE]
            await asyncio.gather(*(self._renewed(channel) for channel in some))

    async def _renewed(self, channel: Channel) -> bool:
        """False where the key may no longer ask what it did; then its streams end."""
        try:
            channel.become(await self._keys.actor(channel.key, time.monotonic() + DEADLINE_S))
        except Unavailable:
            raise
        except AppError:
            for listener in channel.listeners:
                listener.end()
            return False
        return True

    async def _wake(self, listeners: Iterable[Listener]) -> None:
        for number, listener in enumerate([*listeners], 1):
            listener.wake()
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _beat(self) -> None:
        while True:
            for turn in self._turns:
                await asyncio.sleep(HEARTBEAT_S / TURNS)
                with suppress(*AWAY):  # whoever could not be asked about may have the heartbeat
                    await self._renew([*{listener.channel for listener in turn}])
                for listener in turn:
                    listener.beat()

    async def _listen(self) -> None:
        while True:
            with suppress(*AWAY):  # reading the log goes on without it, and tells what is wrong
                await self._tail.listen(self._rung.set)
            await asyncio.sleep(POLL_S)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._rung.wait()

    def _hear(self, error: Exception | None) -> None:
        if error is not None and not self._is_away:
            log.warning("The event log cannot be read (%s): streams wait", type(error).__name__)
        elif error is None and self._is_away:
            log.info("The event log can be read again")
        self._is_away = error is not None


async def _pass_on(listener: Listener, place: Position, text: bytes, send: Send) -> None:
    if place.follows(listener.place) and not listener.is_over:
        listener.place = place
        await send(_part(text))


async def _until_gone(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.end()


def _part(text: bytes) -> Message:
    return {"type": "http.response.body", "body": text, "more_body": True}


def _cursor(listener: Listener) -> bytes:
    return cursor_of(listener.place).encode()


def _back_after_ms(listener: Listener) -> int:
    """Not all at once, where a server was stopped that many listened to."""
    return 1_000 + listener.turn * 100
