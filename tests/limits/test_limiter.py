"""One process, or several objects that stand for processes, on a real Redis."""

import asyncio
import os
import signal
from time import monotonic
from uuid import UUID

import pytest

from app.api.limits import LEASE_S, REDIS_TIMEOUT_S, Admission, LimitReached, RateLimiter
from app.domain.kernel.ids import uuid7
from tests.limits.conftest import run_in_background
from tests.work.engine import until


async def spend(limiter: RateLimiter, key_id: UUID, limit: int, times: int) -> int:
    """How many of these requests are admitted."""
    admitted = 0
    for _ in range(times):
        try:
            await limiter.admit(key_id, limit)
            admitted += 1
        except LimitReached:
            pass
    return admitted


@pytest.mark.quick
async def test_a_key_is_admitted_as_often_as_its_limit_says_and_then_told_when_to_ask_again(limiter_of):
    limiter, key_id = await limiter_of(), uuid7()
    for left in (4, 3, 2, 1, 0):
        headers = dict((await limiter.admit(key_id, 5)).headers())
        assert headers[b"ratelimit-policy"] == b'"default";q=5;w=60'
        assert headers[b"ratelimit"].startswith(b'"default";r=%d;t=' % left)
    with pytest.raises(LimitReached) as refusal:
        await limiter.admit(key_id, 5)
    error = refusal.value
    assert (error.status, error.code) == (429, "rateLimited")
    assert 55 <= error.retry_after_s <= 60
    assert dict(error.admission.headers())[b"ratelimit"] == b'"default";r=0;t=%d' % error.retry_after_s


async def test_keys_do_not_spend_from_each_other(limiter_of):
    limiter = await limiter_of()
    assert [await spend(limiter, uuid7(), 3, 10) for _ in range(3)] == [3, 3, 3]


async def test_a_limit_of_nought_is_no_limit_and_shows_no_headers(limiter_of):
    limiter, key_id = await limiter_of(), uuid7()
    assert await spend(limiter, key_id, 0, 1000) == 1000
    assert (await limiter.admit(key_id, 0)).headers() == []


async def test_a_limit_that_is_raised_holds_from_the_next_request_on_and_what_was_spent_stays_spent(limiter_of):
    limiter, key_id = await limiter_of(), uuid7()
    assert await spend(limiter, key_id, 10, 30) == 10
    assert await spend(limiter, key_id, 25, 60) == 15


async def test_hundreds_of_requests_at_once_get_exactly_the_limit(limiter_of):
    limiter, key_id = await limiter_of(), uuid7()
    admitted = await asyncio.gather(*(spend(limiter, key_id, 60, 1) for _ in range(600)))
    assert sum(admitted) == 60


async def test_what_one_process_leased_and_did_not_spend_can_soon_be_spent_by_another(limiter_of):
    idle, busy = await limiter_of(), await limiter_of()
    key_id = uuid7()
    for _ in range(50):
        await idle.admit(key_id, 600)
    end, admitted = monotonic() + 15 * LEASE_S, 0
    while 50 + admitted < 600 and monotonic() < end:
        admitted += await spend(busy, key_id, 600, 200)
        await asyncio.sleep(0.05)
    assert 50 + admitted + await spend(busy, key_id, 600, 200) == 600


async def test_a_window_gives_again_what_was_taken_before_it(limiter_of):
    limiter, key_id = await limiter_of(window_s=2.0), uuid7()
    assert await spend(limiter, key_id, 20, 40) == 20
    await asyncio.sleep(2.4)
    assert await spend(limiter, key_id, 20, 40) == 20


async def test_tokens_are_spent_from_memory_and_leased_in_blocks(limiter_of, monkeypatch):
    limiter, key_id, trips = await limiter_of(), uuid7(), 0
    leased = limiter._take

    async def counted(**arguments):
        nonlocal trips
        trips += 1
        return await leased(**arguments)

    monkeypatch.setattr(limiter, "_take", counted)
    assert await spend(limiter, key_id, 100_000, 10_000) == 10_000
    assert trips < 40


async def test_keys_that_nobody_uses_are_forgotten(limiter_of):
    limiter = await limiter_of(window_s=0.6)
    for _ in range(50):
        await limiter.admit(uuid7(), 100)
    await until(lambda: not limiter._leases)


def test_whatever_the_arithmetic_says_a_client_is_told_to_wait_a_second_at_least_and_a_window_at_most():
    assert [Admission(1, 0, more_in_s, 60).wait_s for more_in_s in (-3.0, 0.0, 0.2, 59.5, 61.0)] == [1, 1, 1, 60, 60]


@pytest.mark.own_server
async def test_a_redis_that_hangs_holds_up_one_request_for_a_second_and_none_after_it(own_server):
    async with run_in_background(RateLimiter(own_server.place.redis_url)) as limiter:
        await limiter.admit(uuid7(), 10)
        os.kill(own_server.valkey.pid, signal.SIGSTOP)
        began = monotonic()
        assert await spend(limiter, uuid7(), 10, 20) == 10
        assert monotonic() - began < 5 * REDIS_TIMEOUT_S
        began = monotonic()
        assert [await spend(limiter, uuid7(), 10, 20) for _ in range(10)] == [10] * 10
        assert monotonic() - began < 5 * REDIS_TIMEOUT_S
        os.kill(own_server.valkey.pid, signal.SIGCONT)
