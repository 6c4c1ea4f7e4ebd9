import asyncio
from collections.abc import Awaitable, Callable

import httpx
import orjson
import pytest

from app.api.health import CHECK_TIMEOUT_S, Ready, live


async def passes() -> None: ...


async def fails() -> None:
    raise ConnectionRefusedError("db.internal:5432 as crm")


async def hangs() -> None:
    await asyncio.sleep(10 * CHECK_TIMEOUT_S)


async def ask(app: object) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get("/")


def ready(
    database: Callable[[], Awaitable[None]], redis: Callable[[], Awaitable[None]], *, is_draining: bool = False
) -> Ready:
    return Ready({"database": database, "migrations": passes}, {"redis": redis}, lambda: is_draining)


async def test_a_process_that_runs_is_live_whatever_else_is_down():
    answer = await ask(live)
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})


async def test_ready_says_so_and_names_what_it_checked():
    answer = await ask(ready(passes, passes))
    checks = {"database": "ok", "migrations": "ok", "redis": "ok"}
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "checks": checks})


async def test_without_redis_it_is_degraded_and_still_ready():
    answer = await ask(ready(passes, fails))
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["checks"]["redis"]) == ("degraded", "failed: ConnectionRefusedError")


@pytest.mark.parametrize(("check", "error"), [(fails, "ConnectionRefusedError"), (hangs, "TimeoutError")])
async def test_without_the_database_it_is_not_ready_and_does_not_say_where_that_is(check, error):
    answer = await ask(ready(check, passes))
    assert (answer.status_code, answer.json()["status"]) == (503, "unready")
    assert answer.json()["checks"]["database"] == f"failed: {error}"
    assert "retry-after" in answer.headers
    assert b"internal" not in orjson.dumps(answer.json())


async def test_a_process_that_drains_wants_no_more_requests():
    answer = await ask(ready(passes, passes, is_draining=True))
    assert (answer.status_code, answer.json()["status"]) == (503, "draining")
