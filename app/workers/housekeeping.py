"""What `crm worker` runs: partitions made ahead, what has expired removed, a sign of life, and the watchdog."""

import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from datetime import date
from typing import Final

import asyncpg

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from app.repositories.housekeeping import Worker, add_event_month, beat, delete_expired_keys, forget_dead
from app.settings import Settings
from app.workers.chores import Chore
from app.workers.watchdog import Watchdog

log = logging.getLogger(__name__)
MONTHS_AHEAD: Final = 3
CHUNK: Final = 500
DEAD_AFTER_S: Final = 60.0


async def run(settings: Settings) -> None:
    """Until cancelled."""
    log.info("worker started", extra={"pid": os.getpid()})
    async with asyncio.TaskGroup() as group:
        for chore in chores():
            group.create_task(chore.repeat(settings.database_url))


def chores() -> Sequence[Chore]:
    watchdog = Watchdog()
    worker = Worker(uuid7(), socket.gethostname(), os.getpid())

    async def give_sign_of_life(connection: asyncpg.Connection) -> None:
        await beat(connection, worker, watchdog.lag)
        await forget_dead(connection, DEAD_AFTER_S)

    return (
        Chore("making partitions", 3600.0, "rapport_owner", make_partitions),
        Chore("deleting expired keys", 60.0, "rapport_work", delete_expired),
        Chore("heartbeat", 1.0, "rapport_work", give_sign_of_life),
        Chore("watchdog", 1.0, None, watchdog.look),
    )


async def make_partitions(connection: asyncpg.Connection) -> None:
    for month in months_from(utc_now().date()):
        await add_event_month(connection, month)


async def delete_expired(connection: asyncpg.Connection) -> None:
    """In chunks that are transactions of their own: a long one would hold the settled horizon."""
    deleted = CHUNK
    while deleted == CHUNK:
        deleted = await delete_expired_keys(connection, CHUNK)


def months_from(day: date) -> list[date]:
    """The first day of its month and of those to be ready ahead of it."""
    months = [day.year * 12 + day.month - 1 + ahead for ahead in range(MONTHS_AHEAD + 1)]
    return [date(month // 12, month % 12 + 1, 1) for month in months]
