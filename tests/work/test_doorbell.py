"""A bell makes a worker look at once; without any bell it looks a little later, and that is all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.domain.kernel.ids import uuid7
from app.domain.kernel.work import Family, NewWork
from app.repositories.session import Session
from app.repositories.work import DueWork
from app.workers import queue
from app.workers.line import Line
from app.workers.queue import Doorbell
from app.workers.settings import SHARDS, queue_of, redis_for_queue
from tests.servers import Servers
from tests.work.engine import Crowd, Engine, doing, engine, kind, until, until_gone

NOWHERE = "unix:///nowhere/valkey.sock?db=0"


@asynccontextmanager
async def hung_up(redis_url: str) -> AsyncIterator[Doorbell]:
    """A doorbell that somebody rings at."""
    doorbell = Doorbell(redis_url)
    task = asyncio.create_task(doorbell.run())  # noqa: TID251  # a group would wrap what the test raises
    try:
        yield doorbell
    finally:
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def answered(redis_url: str, line: Line) -> AsyncIterator[None]:
    drains = {Family.checks: line.drained}
    task = asyncio.create_task(queue.answer(redis_url, drains))  # noqa: TID251  # see above
    try:
        yield
    finally:
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bell is given up for lost because Redis is slow."""
    monkeypatch.setattr(queue, "RINGS_WITHIN_S", 10.0)


@pytest.mark.usefixtures("patient")
async def test_a_ring_makes_a_line_look_at_once(work: Engine) -> None:
    some, crowd = kind(), Crowd(0)
    async with (
        hung_up(work.place.redis_url) as doorbell,
        work.line(doing(some, crowd.act), sweep_s=60) as line,
        answered(work.place.redis_url, line),
    ):
        await line.drained()
        session = Session(work.app, work.session(uuid7()).actor, work.session(uuid7()).schema, ring=doorbell.ring)
        async with session.transaction():
            await DueWork(session).add(NewWork(kind=some, key="a"))
            await asyncio.sleep(0.2)
            assert crowd.acts == []
        await until(lambda: len(crowd.acts) == 1, 30)


@pytest.mark.usefixtures("patient")
async def test_rings_of_one_moment_are_one_for_each_shard(work: Engine) -> None:
    redis = redis_for_queue(work.place.redis_url)
    await redis.delete(queue_of(Family.email))
    async with hung_up(work.place.redis_url) as doorbell:
        for _ in range(1_000):
            doorbell.ring(Family.email, uuid7())
        rung = 0
        for _ in range(200):
            rung = rung or await redis.zcard(queue_of(Family.email))
            await asyncio.sleep(0 if rung else 0.05)
    await redis.delete(queue_of(Family.email))
    await redis.aclose(close_connection_pool=True)
    assert 1 <= rung <= SHARDS


async def test_without_redis_nobody_waits_to_ring_and_the_sweep_finds_what_is_due(
    work: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[bool] = []
    monkeypatch.setattr(queue.counting, "rung", lambda *, heard: lost.append(heard))
    some, crowd = kind(), Crowd(0)
    async with (
        hung_up(NOWHERE) as doorbell,
        work.line(doing(some, crowd.act), sweep_s=0.3) as line,
        answered(NOWHERE, line),
    ):
        await line.drained()
        await work.add(uuid7(), some, "a")
        doorbell.ring(Family.checks, uuid7())
        await until(lambda: len(crowd.acts) == 1)
        await until(lambda: lost == [False])


@pytest.mark.own_server
async def test_redis_and_then_the_database_are_killed_and_every_piece_of_work_is_done(own_server: Servers) -> None:
    """Nothing is lost, the worker needs no restart, and what had happened while it could not be settled is not repeated."""
    some, crowd = kind(), Crowd(0.02)
    place = own_server.place
    async with (
        engine(place) as work,
        hung_up(place.redis_url) as doorbell,
        work.line(doing(some, crowd.act), sweep_s=0.2) as line,
        answered(place.redis_url, line),
    ):

        async def add(first: int) -> None:
            await work.due(uuid7()).add(*(NewWork(kind=some, key=f"{first + row}") for row in range(100)))
            doorbell.ring(Family.checks, uuid7())

        await add(0)
        await asyncio.to_thread(own_server.valkey.kill)
        await add(100)
        await until(lambda: len(crowd.acts) == 200)
        await asyncio.to_thread(own_server.valkey.start)

        await add(200)
        await until(lambda: len(crowd.acts) > 220)
        await asyncio.to_thread(own_server.postgres.kill)
        await until(lambda: crowd.now == 0)
        await asyncio.to_thread(own_server.postgres.start)
        await until_gone(work, some)
    assert sorted(int(one.key) for one in crowd.acts) == list(range(300))
