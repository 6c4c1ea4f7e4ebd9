"""What each family of work gets in a worker process, and the arq worker that answers its queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio import BlockingConnectionPool

from app.domain.kernel.work import Family

DRAIN: Final = "drain"
SHARDS: Final = 8
LONGEST_DRAIN_S: Final = 10
REDIS_TIMEOUT_S: Final = 1.0


class Drain(Protocol):
    """Answers a bell: returns when a look has found nothing that is due, or after a while."""

    __qualname__: str

    async def __call__(self, ctx: dict[Any, Any], shard: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Share:
    """`places` is how much of a family is under way in one process at once.

    For webhooks it is also the most that is delivered twice when the process is killed.
    """

    places: int
    poll_s: float


SHARES: Final[Mapping[Family, Share]] = {
    Family.events: Share(places=1, poll_s=0.03),
    Family.webhooks: Share(places=20, poll_s=0.1),
    Family.email: Share(places=10, poll_s=0.25),
    Family.checks: Share(places=10, poll_s=0.1),
    Family.ai: Share(places=4, poll_s=0.25),
    Family.bulk: Share(places=2, poll_s=0.1),
}


def queue_of(family: Family) -> str:
    return f"rapport:{family}"


def redis_for_queue(url: str) -> ArqRedis:
    """JSON, because arq's own choice, pickle, runs whatever somebody puts into Redis."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=len(SHARES) + 4,
        timeout=REDIS_TIMEOUT_S,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
    )
    return ArqRedis(pool, job_serializer=orjson.dumps, job_deserializer=orjson.loads)


def worker_of(family: Family, redis: ArqRedis, drain: Drain) -> Worker:
    """Nothing is kept of a bell that was answered, and none is answered twice: what is due lies in the database."""
    return Worker(
        [func(drain, name=DRAIN, keep_result=0, timeout=LONGEST_DRAIN_S + 5, max_tries=1)],
        queue_name=queue_of(family),
        redis_pool=redis,
        max_jobs=SHARDS,
        poll_delay=SHARES[family].poll_s,
        handle_signals=False,
        log_results=False,
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
    )
