"""The settled log of all tenants to the operator's message broker: at least once, and each record's events in order.

One process of the cluster publishes at a time. It holds a lock for as long as its connection to the database lives, and
reads and moves the position on that same connection; the others wait for the lock.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from random import uniform
from typing import Final

import asyncpg

from app.domain.kernel.query import Position
from app.repositories import publishing as log_of_all
from app.repositories import relay
from app.repositories.housekeeping import connected
from app.repositories.relay import WHOLE_LOG
from app.settings import Settings
from app.workers import counting
from app.workers.chores import FAILURES, LONGEST_PAUSE_S
from app.workers.clients.amqp import amqp
from app.workers.clients.nats import nats
from app.workers.messages import Broker, BrokerFailed, message_of, waves

log = logging.getLogger(__name__)
CHUNK: Final = 200
CHUNK_BYTES: Final = 2_000_000
COUNTED_AT_MOST: Final = 10_000
COUNTED_EVERY_S: Final = 5.0


async def publish(settings: Settings) -> None:
    """Until cancelled. Only for a worker with a broker."""
    await publisher_of(settings).run()


def publisher_of(settings: Settings) -> "Publisher":
    """The encrypted and the plain way to a broker share a position: changing the URL loses nothing."""
    if settings.broker_url is None:
        raise ValueError("no broker is set")
    url, name = settings.broker_url.get_secret_value(), settings.broker_exchange
    from_beginning = settings.broker_from == "beginning"
    if url.startswith("amqp"):
        return Publisher(settings.database_url, "publisher:amqp", lambda: amqp(url, name), from_beginning)
    return Publisher(settings.database_url, "publisher:nats", lambda: nats(url, name), from_beginning)


@dataclass(slots=True)
class Publisher:
    url: str
    subscriber: str
    broker: Callable[[], AbstractAsyncContextManager[Broker]]
    from_beginning: bool = False
    looks_every_s: float = 0.25
    stands_by_s: float = 1.0
    pause_s: float = 0.0
    _counted_at: float = 0.0

    async def run(self) -> None:
        """Whoever fails gives up the lock: another worker may reach what this one does not."""
        while True:
            try:
                async with connected(self.url, "rapport_work") as connection:
                    await self._wait_for_the_lead(connection)
                    await self._serve(connection)
            except (*FAILURES, BrokerFailed) as error:
                counting.broker_failed()
                self.pause_s = min(LONGEST_PAUSE_S, max(0.5, 2 * self.pause_s))
                reason = str(error) if isinstance(error, BrokerFailed) else type(error).__name__
                log.warning("publishing failed (%s), again in %.1f s", reason, self.pause_s)
                await asyncio.sleep(self.pause_s * uniform(0.8, 1.2))  # noqa: S311  # spreads load, guards nothing

    async def _wait_for_the_lead(self, connection: asyncpg.Connection) -> None:
        while not await log_of_all.is_first(connection, self.subscriber):
            counting.broker_behind(0, 0.0)
            await asyncio.sleep(self.stands_by_s)

    async def _serve(self, connection: asyncpg.Connection) -> None:
        """What waits is counted before the broker is asked: it may be away."""
        await log_of_all.begin(connection, self.subscriber, at_the_beginning=self.from_beginning)
        await self._count(connection)
        async with self.broker() as broker:
            log.info("publishing the log", extra={"subscriber": self.subscriber})
            while True:
                published = await self.step(connection, broker)
                self.pause_s = 0.0
                if time.monotonic() - self._counted_at > COUNTED_EVERY_S:
                    await self._count(connection)
                if not published:
                    await asyncio.sleep(self.looks_every_s)

    async def step(self, connection: asyncpg.Connection, broker: Broker) -> int:
        """One chunk: read, published, confirmed, and only then is the position moved. No transaction is open meanwhile."""
        before = await relay.position(connection, self.subscriber, WHOLE_LOG)
        if before is None:
            raise BrokerFailed("the position is gone")
        rows = await log_of_all.page(connection, before, CHUNK, CHUNK_BYTES)
        if not rows:
            return 0
        for wave in waves([message_of(row, broker.largest) for row in rows]):
            await broker.send(wave)
        if not await relay.move(connection, self.subscriber, WHOLE_LOG, before, Position.of(rows[-1])):
            raise BrokerFailed("the position was moved by somebody else")
        counting.broker_published(len(rows))
        return len(rows)

    async def _count(self, connection: asyncpg.Connection) -> None:
        place = await relay.position(connection, self.subscriber, WHOLE_LOG)
        if place is not None:
            counting.broker_behind(*await log_of_all.behind(connection, place, COUNTED_AT_MOST))
        self._counted_at = time.monotonic()
