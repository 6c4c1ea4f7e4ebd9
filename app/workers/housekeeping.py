"""What a worker does beside its work: partitions made ahead, what has expired removed, a sign of life, the watchdog."""

import logging
import os
import socket
from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import asyncpg

from app.domain.jobs.rules import KEPT_FOR_DAYS
from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from app.domain.kernel.sealing import CannotOpen, Seal
from app.domain.webhooks.rules import place_of
from app.repositories import assignment, delivering, parked, scoring, secrets, snapshots
from app.repositories.housekeeping import Worker, add_event_month, beat, delete_expired_keys, forget_dead
from app.repositories.jobs import forget_jobs
from app.settings import Settings
from app.workers import counting
from app.workers.chores import Chore
from app.workers.watchdog import Watchdog

log = logging.getLogger(__name__)
MONTHS_AHEAD: Final = 3
CHUNK: Final = 500
SNAPSHOTS_AT_ONCE: Final = 5
DAY_S: Final = 86_400.0
DEAD_AFTER_S: Final = 60.0
SAMPLE_EVERY_S: Final = 5.0
LOOKED_BACK: Final = timedelta(days=8)


def chores(settings: Settings) -> Sequence[Chore]:
    seal, watchdog = Seal(settings.keys), Watchdog()
    worker = Worker(uuid7(), socket.gethostname(), os.getpid())

    async def give_sign_of_life(connection: asyncpg.Connection) -> None:
        await beat(connection, worker, watchdog.lag)
        await forget_dead(connection, DEAD_AFTER_S)

    return (
        Chore("making partitions", 3600.0, "rapport_owner", make_partitions),
        Chore("deleting expired keys", 60.0, "rapport_work", delete_expired),
        Chore("deleting old deliveries", 600.0, "rapport_work", delete_old_deliveries),
        Chore("settling discarded deliveries", 60.0, "rapport_work", settle_discarded_deliveries),
        Chore("forgetting expired secrets", 3600.0, "rapport_owner", forget_expired_secrets),
        Chore("sealing under the newest key", 3600.0, "rapport_owner", partial(seal_anew, seal)),
        Chore("forgetting old jobs", 3600.0, "rapport_owner", forget_old_jobs),
        *_purges(settings),
        Chore("sampling due work", SAMPLE_EVERY_S, "rapport_work", sample_work),
        Chore("heartbeat", 1.0, "rapport_work", give_sign_of_life),
        Chore("watchdog", 1.0, None, watchdog.look),
    )


def _purges(settings: Settings) -> list[Chore]:
    kept = (
        ("forgetting old decisions", settings.decisions_kept_days, forget_old_decisions),
        ("forgetting old scores", settings.scores_kept_days, forget_old_scores),
        ("thinning old snapshots", settings.snapshots_kept_days, thin_old_snapshots),
    )
    return [Chore(name, DAY_S, "rapport_owner", partial(act, days)) for name, days, act in kept if days]


async def make_partitions(connection: asyncpg.Connection) -> None:
    for month in months_from(utc_now().date()):
        await add_event_month(connection, month)


async def delete_expired(connection: asyncpg.Connection) -> None:
    """In chunks that are transactions of their own: a long one would hold the settled horizon."""
    deleted = CHUNK
    while deleted == CHUNK:
        deleted = await delete_expired_keys(connection, CHUNK)


async def delete_old_deliveries(connection: asyncpg.Connection) -> None:
    deleted = CHUNK
    while deleted == CHUNK:
        deleted = await delivering.delete_old(connection, CHUNK)


async def settle_discarded_deliveries(connection: asyncpg.Connection) -> None:
    settled = CHUNK
    while settled == CHUNK:
        settled = await delivering.settle_discarded(connection, CHUNK)


async def forget_expired_secrets(connection: asyncpg.Connection) -> None:
    forgotten = CHUNK
    while forgotten == CHUNK:
        forgotten = await secrets.forget_expired(connection, CHUNK)


async def seal_anew(seal: Seal, connection: asyncpg.Connection) -> None:
    """Once this has said nothing about secrets that do not open, the keys before the newest can be taken away."""
    sealed, shut, behind = 0, 0, secrets.FIRST
    while older := await secrets.sealed_before(connection, seal.newest, behind, CHUNK):
        for place, old in older:
            try:
                new = seal.reseal(old, place_of(place.tenant_id, place.endpoint_id, place.id))
            except CannotOpen:
                shut += 1
            else:
                assert new is not None  # noqa: S101  # only those under older keys were asked for
                await secrets.replace(connection, place, old, new)
                sealed += 1
        behind = older[-1][0]
    if sealed:
        log.info("%d secrets are sealed anew, under key %d", sealed, seal.newest)
    if shut:
        log.warning("%d secrets do not open with the keys that are set", shut)


async def forget_old_jobs(connection: asyncpg.Connection) -> None:
    forgotten = CHUNK
    while forgotten == CHUNK:
        forgotten = await forget_jobs(connection, KEPT_FOR_DAYS, CHUNK)


async def forget_old_decisions(days: int, connection: asyncpg.Connection) -> None:
    forgotten = CHUNK
    while forgotten == CHUNK:
        forgotten = await assignment.forget_decisions(connection, days, CHUNK)


async def forget_old_scores(days: int, connection: asyncpg.Connection) -> None:
    behind: scoring.Place | None = scoring.FIRST
    while behind:
        behind = await scoring.forget_scores(connection, days, behind, CHUNK)


async def thin_old_snapshots(days: int, connection: asyncpg.Connection) -> None:
    """Of one snapshot there may be tens of thousands of figures."""
    behind = date.min
    while day := await snapshots.old_day_of_snapshots(connection, days, behind):
        while await snapshots.thin_snapshots(connection, day, SNAPSHOTS_AT_ONCE):
            pass
        behind = day


async def sample_work(connection: asyncpg.Connection) -> None:
    counting.depth({one.kind: (one.due, one.oldest_s, one.parked) for one in await parked.sample(connection)})
    since = utc_now() - LOOKED_BACK
    counting.lags(await parked.relay_lags(connection, UUID(int=int(since.timestamp() * 1_000) << 80)))


def months_from(day: date) -> list[date]:
    """The first day of its month and of those to be ready ahead of it."""
    months = [day.year * 12 + day.month - 1 + ahead for ahead in range(MONTHS_AHEAD + 1)]
    return [date(month // 12, month % 12 + 1, 1) for month in months]
