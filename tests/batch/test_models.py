"""A batch comes to what its operations come to alone, and a cut one to what it would have come to."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from app.api.answer import Answer
from app.api.batching import Batch, Part
from app.api.edge import Call, Edge, Handler
from tests.batch.operations import Json, alone, comparable, operations, results
from tests.world import Client, World

ROUNDS = 12
SENT: list[Json] = [
    {"id": "a", "method": "POST", "path": "/accounts", "body": {"name": "Acme"}},
    {"id": "c", "method": "POST", "path": "/contacts", "body": {"lastName": "Ada", "accountId": {"$ref": "a.id"}}},
    {"id": "p", "method": "PATCH", "path": "/accounts/{a.id}", "body": {"industry": "Finance"}},
    {"id": "d", "method": "DELETE", "path": "/contacts/{c.id}"},
]
perform = Edge.perform


async def records(client: Client) -> str:
    found = [
        (await client.get(f"/{plural}?sort=createdAt&limit=200")).json()["data"] for plural in ("accounts", "contacts")
    ]
    return comparable([(200, record) for group in found for record in group])


async def test_one_by_one_operations_come_to_what_they_come_to_alone(world: World, seed: int) -> None:
    rng, together, apart = Random(seed), await world.tenant(), await world.tenant()
    for _ in range(ROUNDS):
        sent = operations(rng, 12)
        answer = await together.post("/batch", json={"atomic": False, "operations": sent})
        assert comparable(results(answer)) == comparable(await alone(apart, sent, all_or_nothing=False)), sent
    assert await records(together) == await records(apart)


async def test_together_operations_come_to_what_they_come_to_alone_or_to_nothing(world: World, seed: int) -> None:
    rng = Random(seed)
    refused = {"id": "x", "method": "POST", "path": "/accounts", "body": {}}
    for sent in (SENT, [*SENT, refused], *(operations(rng, rng.randint(1, 4)) for _ in range(ROUNDS))):
        together, apart = await world.tenant(), await world.tenant()
        expected = await alone(apart, sent, all_or_nothing=True)
        answer = await together.post("/batch", json={"atomic": True, "operations": sent})
        last = expected[-1]
        if last[0] < 400:
            assert comparable(results(answer)) == comparable(expected), sent
            assert await records(together) == await records(apart)
        else:
            assert answer.status_code == last[0], (sent, answer.text)
            filler = [(0, None)] * (len(expected) - 1)
            assert comparable([*filler, (last[0], answer.json())]) == comparable([*filler, last]), sent
            assert await records(together) == comparable([])


class Cut(BaseException):
    """The process is gone: nothing is answered."""


@contextmanager
def cut_at(place: int, *, after: bool) -> Iterator[None]:
    """At the operation with this place, before it is begun or once it is done."""
    seen = -1

    async def cutting(self: Edge, handler: Handler, call: Call) -> Answer:
        nonlocal seen
        seen += isinstance(call, Part)
        if isinstance(call, Part) and seen == place and not after:
            raise Cut
        answer = await perform(self, handler, call)
        if isinstance(call, Part) and seen == place:
            raise Cut
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Edge, "perform", cutting)
        yield


async def effects_of_a_cut(world: World, place: int, *, after: bool, atomic: bool) -> list[tuple[str, int]]:
    """The events that there are once the cut batch has been sent again."""
    client = await world.tenant()
    sent: dict[str, Any] = {"json": {"atomic": atomic, "operations": SENT}, "headers": {"Idempotency-Key": "once"}}
    with cut_at(place, after=after), pytest.raises(Cut):
        await client.post("/batch", **sent)
    again = await client.post("/batch", **sent)
    assert [status for status, _ in results(again)] == [201, 201, 200, 204], again.text
    query = (
        "select type, version from event where tenant_id = $1 and object in ('account', 'contact') order by settle, seq"
    )
    async with world.place.connect() as administrator:
        return [tuple(row) for row in await administrator.fetch(query, client.tenant_id)]


ONCE = [("account.created", 1), ("contact.created", 1), ("account.updated", 2), ("contact.deleted", 2)]


@pytest.mark.parametrize("atomic", [True, False])
async def test_wherever_a_batch_is_cut_its_repetition_has_each_effect_once(world: World, *, atomic: bool) -> None:
    for place in range(len(SENT)):
        for after in (False, True):
            assert await effects_of_a_cut(world, place, after=after, atomic=atomic) == ONCE, (place, after)


async def test_an_effect_that_happens_twice_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would without a key for each operation."""
    headers = Batch._headers

    def without_key(self: Batch, *given: Any) -> dict[bytes, bytes]:
        return {name: value for name, value in headers(self, *given).items() if name != b"idempotency-key"}

    monkeypatch.setattr(Batch, "_headers", without_key)
    assert await effects_of_a_cut(world, 2, after=True, atomic=False) != ONCE


async def test_what_the_time_did_not_suffice_for_is_done_by_the_repetition(world: World, client: Client) -> None:
    sent: dict[str, Any] = {"json": {"atomic": False, "operations": SENT}, "headers": {"Idempotency-Key": "once"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batch, "_answer", _until(2))
        first = await client.post("/batch", **sent)
    assert [status for status, _ in results(first)] == [201, 201, 503, 503]
    again = await client.post("/batch", **sent)
    assert [status for status, _ in results(again)] == [201, 201, 200, 204]
    assert results(again)[:2] == results(first)[:2]


def _until(place: int) -> Any:
    """The deadline passes before the operation with this place."""
    answer = Batch._answer

    async def late(self: Batch, given: int) -> Answer:
        if given == place:
            self.call.session.deadline = time.monotonic()
        return await answer(self, given)

    return late


async def test_how_long_500_creations_take_in_one_batch_and_one_after_the_other(client: Client) -> None:
    """Prints what docs/batch.md says: `pytest -s` shows it."""
    one = {"method": "POST", "path": "/accounts", "body": {"name": "Acme"}}
    took = {}
    for name, atomic in (("together", True), ("one by one in a batch", False)):
        began = time.perf_counter()
        answer = await client.post("/batch", json={"atomic": atomic, "operations": [one] * 500}, headers={})
        took[name] = time.perf_counter() - began
        assert {status for status, _ in results(answer)} == {201}
    began = time.perf_counter()
    for _ in range(500):
        assert (await client.post("/accounts", json=one["body"])).status_code == 201
    took["500 requests"] = time.perf_counter() - began
    print("\n500 creations:", took)  # noqa: T201  # the figures of the page
