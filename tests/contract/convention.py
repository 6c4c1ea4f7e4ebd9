"""What a row of the contract table is, and how a behaviour of the running application is switched off."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from app.repositories.compile import CACHE
from tests.world import Client, World

Json = dict[str, Any]
Replacement = tuple[Any, str, Any]
WAITS_WITHIN_S = 10.0
WAITING = """
select count(*) from pg_locks join pg_database d on d.oid = database where not granted and datname = current_database()
"""


@dataclass(frozen=True)
class Case:
    """One proof's world: a tenant of its own, and somebody of another."""

    world: World
    client: Client
    stranger: Client


Mutation = Callable[[Case], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Convention:
    """`topic` is the row of the API's conventions that it belongs to.

    `proof` fails unless the behaviour is there; `mutation` takes the behaviour out of the running application.
    `alone` is for a proof that holds a writing transaction open.
    """

    topic: str
    name: str
    rule: str
    proof: Callable[[Case], Awaitable[None]]
    mutation: Mutation
    alone: bool = False


def without(*replacements: Replacement) -> Mutation:
    """The behaviour is what `replacements` of the application's attributes take away."""
    return without_in(lambda _: replacements)


def without_in(replacements: Callable[[Case], Iterable[Replacement]]) -> Mutation:
    """The same, where what is replaced belongs to the running application. What it then complains of is not shown."""

    @contextmanager
    def switched_off(case: Case) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch, capture_logs():
            for owner, name, value in replacements(case):
                patch.setattr(owner, name, value)
            CACHE._statements.clear()
            yield
        CACHE._statements.clear()

    return switched_off


async def created(client: Client, path: str = "/accounts", **fields: Any) -> Json:
    """Minimal but for `fields`."""
    name = "lastName" if path == "/contacts" else "name"
    answer = await client.post(path, json={name: "Acme", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def rows(client: Client, url: str) -> list[Json]:
    """All pages behind `url`, which has a query; at most twenty, so that a cursor that leads nowhere ends."""
    found: list[Json] = []
    cursor = ""
    for _ in range(20):
        answer = await client.get(url + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        cursor = answer.json()["page"]["nextCursor"]
        if cursor is None:
            return found
    raise AssertionError("the pages have no end")


async def until_waiting(case: Case, number: int) -> None:
    """Until so many wait for a lock in the database of the case."""
    async with case.world.place.connect() as watcher:
        end = monotonic() + WAITS_WITHIN_S
        while await watcher.fetchval(WAITING) < number:
            assert monotonic() < end, "nobody waits"
            await asyncio.sleep(0.01)


def is_problem(answer: httpx.Response, status: int, code: str) -> Json:
    """The body, once it is seen to be one of RFC 9457 with our members."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: Json = answer.json()
    assert told.keys() == {"type", "title", "status", "detail", "code", "requestId", "errors"}
    assert (told["status"], told["code"], told["requestId"]) == (status, code, answer.headers["request-id"])
    assert all(fault.keys() == {"pointer", "code", "message", "params"} for fault in told["errors"])
    return told


def always(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


def eventually(value: Any) -> Callable[..., Awaitable[Any]]:
    """The same for what is awaited."""

    async def answer(*_: Any, **__: Any) -> Any:
        return value

    return answer
