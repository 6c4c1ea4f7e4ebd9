"""The doorbell: who has written something that is due rings, and a worker looks at once instead of at its next sweep.

A bell that is lost costs a second and nothing else, so ringing never waits and never fails.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from arq.connections import ArqRedis
from arq.worker import Worker
from redis.exceptions import RedisError

from app.domain.kernel.work import Family
from app.workers import counting
from app.workers.settings import DRAIN, LONGEST_DRAIN_S, SHARDS, Drain, queue_of, redis_for_queue, worker_of

log = logging.getLogger(__name__)
logging.getLogger("arq").setLevel(logging.WARNING)  # it would write two lines for every bell
BUCKET_S: Final = 0.1
RINGS_WITHIN_S: Final = 0.05
LONGEST_PAUSE_S: Final = 5.0
OBEYS_WITHIN_S: Final = 0.2
NOTES_WITHIN_S: Final = 2.0
LOST: Final = (RedisError, OSError, TimeoutError)


class Doorbell:
    """Rings within one bucket of time are one: the id of a job is its family, shard and bucket, and who rang."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis_for_queue(redis_url)
        self._wanted: set[tuple[Family, int]] = set()
        self._asked = asyncio.Event()
        self._pause_s = 0.0

    def ring(self, family: Family, tenant_id: UUID) -> None:
        self._wanted.add((family, tenant_id.int % SHARDS))
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while not told_to_stop():
                await self._asked.wait()
                self._asked.clear()
                wanted, self._wanted = self._wanted, set()
                try:
                    async with asyncio.timeout(RINGS_WITHIN_S * len(wanted)):
                        for family, shard in wanted:
                            await self._ring(family, shard)
                    self._pause_s = 0.0
                except LOST:
                    counting.rung(heard=False)
                    self._pause_s = min(LONGEST_PAUSE_S, max(0.5, 2 * self._pause_s))
                await asyncio.sleep(BUCKET_S + self._pause_s)
        finally:
            await asyncio.shield(self._redis.aclose(close_connection_pool=True))  # whoever cancels once more

    async def _ring(self, family: Family, shard: int) -> None:
        bucket = int(time.time() / BUCKET_S)
        job_id = f"{queue_of(family)}:{shard}:{bucket}:{os.getpid()}"
        await self._redis.enqueue_job(DRAIN, shard, _job_id=job_id, _queue_name=queue_of(family))
        counting.rung(heard=True)


async def answer(redis_url: str, drains: Mapping[Family, Callable[[], Awaitable[None]]]) -> None:
    """Until cancelled. arq ends with any error of Redis; the work goes on by its sweeps, and arq is begun anew."""
    pause_s = 0.0
    while True:
        redis = redis_for_queue(redis_url)
        try:
            await _answer(redis, [worker_of(family, redis, _as_job(drain)) for family, drain in drains.items()])
        except LOST as error:
            pause_s = min(LONGEST_PAUSE_S, max(0.5, 2 * pause_s))
            reason = {"error": type(error).__name__}
            log.warning("the doorbell is out of order, again in %.1f s", pause_s, extra=reason)
        await asyncio.sleep(pause_s)


async def _answer(redis: ArqRedis, workers: Sequence[Worker]) -> None:
    """Until one fails. No group of tasks, which would take a stop that comes with a failure of Redis for the failure."""
    serving = [asyncio.ensure_future(worker.async_run()) for worker in workers]
    try:
        ended, _ = await asyncio.wait(serving, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await asyncio.shield(_end(redis, workers, serving))
    for one in ended:
        one.result()


def told_to_stop() -> bool:
    """redis-py may have lost it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _end(redis: ArqRedis, workers: Sequence[Worker], serving: Sequence[asyncio.Task[None]]) -> None:
    """arq shields what it notes of a job, which would connect anew if it came after the end: so it gets time for that."""
    await _stop(serving)
    await _stop([task for worker in workers for task in worker.job_tasks.values()])
    noting = [task for worker in workers for task in worker.tasks.values()]
    if noting:
        await asyncio.wait(noting, timeout=NOTES_WITHIN_S)
    await _stop(noting)
    await redis.aclose(close_connection_pool=True)


async def _stop(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """redis-py may lose a cancellation while it connects: it is repeated until it is obeyed."""
    while pending := [one for one in tasks if not one.done()]:
        for one in pending:
            one.cancel()
        await asyncio.wait(pending, timeout=OBEYS_WITHIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


def _as_job(drain: Callable[[], Awaitable[None]]) -> Drain:
    """The shard only keeps rings for different tenants from being taken for one."""

    async def job(ctx: dict[Any, Any], shard: int) -> None:  # noqa: ARG001  # what arq hands to a job
        try:
            async with asyncio.timeout(LONGEST_DRAIN_S):
                await drain()
        except TimeoutError:
            return

    return job
