"""Of one record first deliveries go in the order of its versions; and no endpoint is asked more than it bears."""

import asyncio
from collections import Counter, defaultdict
from random import Random

import pytest

from app.repositories import delivering
from app.workers.running import Outside
from tests.factories.accounts import make_account
from tests.webhooks.delivery.engine import Engine, change, deliveries, running_engine, subscribe, until
from tests.webhooks.delivery.receiver import SORRY, Answer, Receiver, Request
from tests.world import Client, World

ORDER_KEY = "concat_ws(':', t.endpoint_id, t.since, m.record_id)"
REFUSED_AT_MOST = 5  # times; a delivery that is given up would leave a gap


class Fickle:
    """Refuses each request with a chance of one half, and notes which versions it took."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._refused: Counter[str] = Counter()
        self.taken: dict[str, list[int]] = defaultdict(list)

    def __call__(self, request: Request) -> Answer:
        if self._random.random() < 0.5 and self._refused[request.id] < REFUSED_AT_MOST:
            self._refused[request.id] += 1
            return SORRY
        self.taken[request.event["recordId"]].append(request.event["version"])
        return Answer()


@pytest.mark.parametrize("ordered", [True, False], ids=["the order is kept", "and without its guard this test fails"])
async def test_whatever_fails_each_record_is_told_in_order(
    client: Client,
    engine: Engine,
    receiver: Receiver,
    seed: int,
    ordered: bool,  # noqa: FBT001  # pytest gives it by name
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ORDER_KEY in delivering._ADD
    if not ordered:
        monkeypatch.setattr(delivering, "_ADD", delivering._ADD.replace(ORDER_KEY, "null"))
    receiver.answer = fickle = Fickle(seed)
    endpoint = await subscribe(client, receiver)
    accounts = [await make_account(client) for _ in range(5)]
    for number in range(4):
        for account in accounts:
            await change(client, f"/accounts/{account['id']}", name=f"Acme {number}")
    await engine.delivered()
    for _ in range(200):
        if all(len(versions) == 5 for versions in fickle.taken.values()) and len(fickle.taken) == 5:
            break
        await engine.retried()

    assert {tuple(sorted(versions)) for versions in fickle.taken.values()} == {(1, 2, 3, 4, 5)}
    assert all(versions == [1, 2, 3, 4, 5] for versions in fickle.taken.values()) is ordered
    await until(lambda: all_delivered(client, endpoint))


async def all_delivered(client: Client, endpoint: dict[str, object]) -> bool:
    return {one["state"] for one in await deliveries(client, endpoint)} == {"delivered"}


async def test_no_more_requests_are_under_way_than_the_endpoint_allows(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    receiver.takes_s = 0.05
    await subscribe(client, receiver, concurrency=3)
    for _ in range(12):
        await make_account(client)
    await engine.delivered()
    assert (len(receiver.requests), receiver.most) == (12, 3)


async def test_what_is_changed_about_its_limits_holds_from_then_on(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    receiver.takes_s = 0.03
    endpoint = await subscribe(client, receiver, concurrency=3)
    await change(client, f"/webhook-endpoints/{endpoint['id']}", concurrency=1)
    for _ in range(4):
        await make_account(client)
    await engine.delivered()
    assert (len(receiver.requests), receiver.most) == (4, 1)


async def test_no_more_requests_are_sent_in_a_second_than_the_endpoint_allows(
    client: Client, world: World, reached: Outside, receiver: Receiver
) -> None:
    """What one second allows may come at once, after a pause; all that follows waits its turn."""
    await subscribe(client, receiver, perSecond=4)
    for _ in range(8):
        await make_account(client)
    began = asyncio.get_running_loop().time()
    async with running_engine(world, reached, client) as engine, asyncio.timeout(60):
        await engine.relayed()
        while len(receiver.requests) < 8:
            engine.wake()
            await asyncio.sleep(0.05)

    late = [time - began for time in receiver.times[4:]]
    assert all(after > 0.25 * place - 0.1 for place, after in enumerate(late, 1)), late
