"""Rate limits without a trip to Redis on the hot path.

A process leases tokens of a key in blocks and spends them from memory; what it did not spend within a second it gives
back. Redis counts what all processes took (`window.py` has the arithmetic in Python, `TAKE` the same in Redis). While
Redis is away each process admits its share of the limit, by the number of processes it last knew.
"""

import asyncio
import logging
import time
from typing import Any, Final
from uuid import UUID

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from app.api.answer import Headers
from app.api.window import SLICES, Grant, Window, share
from app.domain.kernel.errors import TooManyRequests
from app.domain.kernel.ids import uuid7

log = logging.getLogger(__name__)

WINDOW_S: Final = 60
LEASE_S: Final = 1.0
REDIS_TIMEOUT_S: Final = 1.0
ENROLLED_FOR_S: Final = 10
MAX_KEYS: Final = 10_000
LOST = (RedisError, OSError, TimeoutError)

# KEYS: the slices of one limit. ARGV: limit, wanted, processes, difference to what Redis knows, slice in ms, slices.
# Answers the tokens granted, what is left, and in how many ms more is free. The less is left the smaller is a block, so
# that no process sits on tokens that another is asked for.
TAKE = """
local limit, wanted, processes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local difference, slice_ms, slices = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local current = math.floor(now / slice_ms)
local taken, used = {}, 0
local known = redis.call('HGETALL', KEYS[1])
for i = 1, #known, 2 do
  local slice, count = tonumber(known[i]), tonumber(known[i + 1])
  if slice < current - slices then
    redis.call('HDEL', KEYS[1], known[i])
  else
    taken[slice], used = count, used + count
  end
end
local function count(slice, change)
  taken[slice], used = (taken[slice] or 0) + change, used + change
  redis.call('HINCRBY', KEYS[1], slice, change)
end
if difference > 0 then count(current, difference) end
for slice = current, current - slices, -1 do
  local back = math.min(taken[slice] or 0, -difference)
  if back > 0 then
    count(slice, -back)
    difference = difference + back
  end
end
local free = math.max(0, limit - used)
local granted = math.min(wanted, math.ceil(free / (2 * processes)))
if granted > 0 then count(current, granted) end
local oldest = current
for slice, tokens in pairs(taken) do
  if tokens > 0 and slice < oldest then oldest = slice end
end
redis.call('PEXPIRE', KEYS[1], math.ceil((slices + 2) * slice_ms))
return {granted, free - granted, math.ceil((oldest + 1 + slices) * slice_ms - now)}
"""

# KEYS: the processes that share the limits. ARGV: the one that asks, for how many seconds it counts.
ENROL = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
return redis.call('ZCARD', KEYS[1])
"""


class Admission:
    """What the limit looked like when a request was let in, or refused."""

    __slots__ = ("limit", "more_in_s", "remaining", "window_s")

    def __init__(self, limit: int, remaining: int, more_in_s: float, window_s: float) -> None:
        self.limit = limit
        self.remaining = remaining
        self.more_in_s = more_in_s
        self.window_s = window_s

    def headers(self) -> Headers:
        """As draft-ietf-httpapi-ratelimit-headers has them; none where there is no limit."""
        if not self.limit:
            return []
        return [
            (b"ratelimit-policy", b'"default";q=%d;w=%d' % (self.limit, self.window_s)),
            (b"ratelimit", b'"default";r=%d;t=%d' % (self.remaining, self.wait_s)),
        ]

    @property
    def wait_s(self) -> int:
        """Whole seconds until more is free; never more than the window, never none."""
        return max(1, min(int(self.window_s), int(self.more_in_s) + 1))


UNLIMITED: Final = Admission(0, 0, 0.0, WINDOW_S)


class LimitReached(TooManyRequests):
    def __init__(self, admission: Admission) -> None:
        super().__init__(
            f"This key may send {admission.limit} requests in {admission.window_s:g} seconds.",
            retry_after_s=admission.wait_s,
        )
        self.admission = admission


class Lease:
    """The tokens of one key that this process may still spend without asking anyone."""

    __slots__ = (
        "block",
        "limit",
        "lock",
        "low",
        "more_at",
        "others",
        "own",
        "refused_until",
        "tokens",
        "unreported",
        "until",
    )

    def __init__(self, limit: int, window_s: float) -> None:
        self.limit = limit
        self.tokens = 0
        self.until = 0.0
        self.low = 0
        self.block = max(1, limit // 600)
        self.others = 0  # left of the limit beyond these tokens, when last heard of
        self.more_at = 0.0
        self.refused_until = 0.0
        self.unreported = 0  # taken without Redis, less what was leased from it and not spent
        self.own = Window(window_s)
        self.lock = asyncio.Lock()

    def is_spendable(self, now: float) -> bool:
        return self.tokens > 0 and now < self.until

    def take_up(self, grant: Grant, wanted: int, now: float) -> None:
        self.tokens += grant.tokens
        self.until = now + LEASE_S
        self.low = self.tokens // 4
        self.others = grant.left
        self.more_at = now + grant.more_in_s
        if wanted and not self.tokens:  # not until there is more: another process may give back what it leased
            self.refused_until = now + min(grant.more_in_s, LEASE_S)

    def lay_down(self, now: float) -> None:
        """What is left of a lease that has ended goes back, and the next one fits the use made of this one."""
        early = self.until - now
        if early > LEASE_S / 2:
            self.block = min(2 * self.block, self.limit)
        if early <= 0:
            if self.tokens > self.block // 2:
                self.block = max(1, self.block // 2)
            self.own.settle(now, -self.tokens)
            self.unreported -= self.tokens
            self.tokens = 0

    def is_idle(self, now: float) -> bool:
        return now > max(self.until, self.refused_until) and not self.unreported and not self.own.used(now)


class RateLimiter:
    """`run()` has to be running for leases to be renewed ahead of need and given back; `admit` works without it."""

    def __init__(self, redis_url: str, *, window_s: float = WINDOW_S, prefix: str = "rapport:rate:") -> None:
        # No timeouts of its own: it would take asyncio.wait_for, which may swallow the cancellation at shutdown.
        pool = BlockingConnectionPool.from_url(redis_url, max_connections=4, timeout=None)
        self._redis: Redis = Redis.from_pool(pool)
        self._take = self._redis.register_script(TAKE)
        self._enrol = self._redis.register_script(ENROL)
        self._prefix = prefix
        self._window_s = window_s
        self._me = str(uuid7())
        self._leases: dict[UUID, Lease] = {}
        self._low: set[UUID] = set()
        self._some_low = asyncio.Event()
        self.processes = 1
        self.is_shared = True

    async def admit(self, key_id: UUID, limit_per_minute: int) -> Admission:
        """Spends one token of the key, or raises `LimitReached`. 0 is no limit."""
        if not limit_per_minute:
            return UNLIMITED
        lease = self._leases.get(key_id)
        now = time.monotonic()
        if lease is None or lease.limit != limit_per_minute:
            lease = self._leased(key_id, limit_per_minute)
        if not lease.is_spendable(now):
            now = await self._wait(key_id, lease)
        lease.tokens -= 1
        if lease.tokens == lease.low:
            self._low.add(key_id)
            self._some_low.set()
        return self._admission(lease, now)

    async def admit_all(self, key_id: UUID, limit_per_minute: int, requests: int) -> Admission:
        """Spends as many tokens or none. One at a time: they come in blocks that grow with the use made of them."""
        admission, spent = UNLIMITED, 0
        try:
            for _ in range(requests):
                admission = await self.admit(key_id, limit_per_minute)
                spent += 1
        except LimitReached as error:
            if lease := self._leases.get(key_id):
                lease.tokens += spent
                error.admission.remaining += spent
            raise
        return admission

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._renew_the_low())
                group.create_task(self._stay_enrolled())
        finally:
            await self._withdraw()

    async def ping(self) -> None:
        """Raises where Redis does not answer."""
        await self._redis.ping()

    def _leased(self, key_id: UUID, limit: int) -> Lease:
        """A key whose limit was changed begins with nothing leased."""
        if len(self._leases) >= MAX_KEYS:
            self._leases.clear()
        lease = self._leases[key_id] = Lease(limit, self._window_s)
        return lease

    async def _wait(self, key_id: UUID, lease: Lease) -> float:
        """One request asks for more, the others wait for what it gets."""
        async with lease.lock:
            now = time.monotonic()
            if not lease.is_spendable(now) and now >= lease.refused_until:
                await self._renew(key_id, lease, lease.block)
        now = time.monotonic()
        if not lease.tokens:
            raise LimitReached(self._admission(lease, now))
        return now

    def _admission(self, lease: Lease, now: float) -> Admission:
        return Admission(lease.limit, lease.others + lease.tokens, lease.more_at - now, self._window_s)

    async def _renew(self, key_id: UUID, lease: Lease, wanted: int) -> None:
        lease.lay_down(time.monotonic())
        grant = await self._from_redis(key_id, lease, wanted) if self.is_shared else None
        now = time.monotonic()
        if grant is None:
            grant = lease.own.take(now, share(lease.limit, self.processes), wanted)
            lease.unreported += grant.tokens
        else:
            lease.own.settle(now, grant.tokens)
        lease.take_up(grant, wanted, now)

    async def _from_redis(self, key_id: UUID, lease: Lease, wanted: int) -> Grant | None:
        reported = min(lease.unreported, lease.own.used(time.monotonic()))
        slice_ms = self._window_s * 1000 / SLICES
        arguments: list[Any] = [lease.limit, wanted, self.processes, reported, slice_ms, SLICES]
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_S):
                granted, left, more_in_ms = await self._take(keys=[f"{self._prefix}{key_id}"], args=arguments)
        except LOST as error:
            self._hear(self.processes, error)
            return None
        lease.unreported = 0
        return Grant(granted, left, more_in_ms / 1000)

    async def _renew_the_low(self) -> None:
        while True:
            await self._some_low.wait()
            self._some_low.clear()
            while self._low:
                key_id = self._low.pop()
                lease = self._leases.get(key_id)
                if lease is not None and not lease.lock.locked():
                    async with lease.lock:
                        await self._renew(key_id, lease, lease.block)

    async def _stay_enrolled(self) -> None:
        while True:
            try:
                async with asyncio.timeout(REDIS_TIMEOUT_S):
                    known = await self._enrol(keys=[f"{self._prefix}processes"], args=[self._me, ENROLLED_FOR_S])
                self._hear(int(known))
            except LOST as error:
                self._hear(self.processes, error)
            await self._sweep()
            await asyncio.sleep(LEASE_S)

    async def _sweep(self) -> None:
        """Gives back what nobody spends, and forgets keys that nobody uses."""
        for key_id, lease in list(self._leases.items()):
            now = time.monotonic()
            if lease.lock.locked() or now < lease.until:
                continue
            if lease.is_idle(now):
                del self._leases[key_id]
            elif self.is_shared and (lease.tokens or lease.unreported):
                async with lease.lock:
                    await self._renew(key_id, lease, 0)

    def _hear(self, processes: int, error: Exception | None = None) -> None:
        self.processes = processes
        if self.is_shared and error is not None:
            log.warning("Redis is away (%s): this process admits 1/%d of each limit", type(error).__name__, processes)
        elif not self.is_shared and error is None:
            log.info("Redis is back: limits are shared by %d processes", processes)
        self.is_shared = error is None

    async def _withdraw(self) -> None:
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_S):
                await self._redis.zrem(f"{self._prefix}processes", self._me)
        except LOST as error:
            log.info("left without telling Redis (%s)", type(error).__name__)
        finally:
            await asyncio.shield(self._redis.aclose())  # cancelled once more it would leave connections open
