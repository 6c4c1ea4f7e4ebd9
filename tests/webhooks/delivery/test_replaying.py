"""What was told once can be told again: under the same id, with a fresh timestamp and signature."""

from typing import Any

import pytest

from tests.contract.convention import is_problem
from tests.factories.accounts import make_account, make_contact
from tests.webhooks.delivery.engine import Engine, change, deliveries, job, secrets, subscribe
from tests.webhooks.delivery.receiver import SORRY, Answer, Receiver
from tests.world import Client, World


async def replay(client: Client, engine: Engine, endpoint: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """What came of it, when all that follows is done."""
    answer = await client.post(f"/webhook-endpoints/{endpoint['id']}/replay", json=wanted)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['id']}"
    await engine.drained()
    await engine.drained()
    return await job(client, answer.json()["id"])


async def test_it_keeps_the_id_and_is_signed_anew(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    await make_account(client, name="Wanted")
    await make_account(client, name="Other")
    await engine.delivered()
    (before,) = [one for one in receiver.requests if one.event["data"]["name"] == "Wanted"]
    receiver.forget()
    (secret,) = await secrets(client, endpoint)
    done = await replay(client, engine, endpoint, eventIds=[before.id])

    (after,) = receiver.requests
    assert (done["state"], done["result"]) == ("succeeded", {"resent": 1})
    assert (after.id, after.body) == (before.id, before.body)
    assert int(after.headers["webhook-timestamp"]) >= int(before.headers["webhook-timestamp"])
    after.verify(secret["secret"])
    delivery = next(one for one in await deliveries(client, endpoint) if one["eventId"] == before.id)
    assert (delivery["state"], delivery["replays"], len(delivery["attempts"])) == ("delivered", 1, 2)


async def test_a_span_of_time_is_replayed_with_what_happened_before_the_endpoint_was_made(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    long_ago, before = await make_account(client, name="Long ago"), await make_account(client, name="Before")
    await make_contact(client)
    await engine.world.settled()
    endpoint = await subscribe(client, receiver)
    after = await make_account(client, name="After")
    await engine.delivered()
    receiver.forget()
    done = await replay(client, engine, endpoint, **{"from": before["createdAt"], "to": after["createdAt"]})

    assert done["result"] == {"resent": 2}
    assert sorted(one["data"]["name"] for one in receiver.events) == ["After", "Before"]
    assert long_ago["id"] not in receiver.versions


async def test_of_many_events_all_are_replayed_once(
    client: Client, engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunk by chunk; the sender's chunks are small here."""
    monkeypatch.setattr("app.workers.resending.CHUNK", 3)
    endpoint = await subscribe(client, receiver)
    accounts = [await make_account(client) for _ in range(8)]
    await engine.delivered()
    receiver.forget()
    done = await replay(client, engine, endpoint, **{"from": accounts[0]["createdAt"]})
    await engine.drained()

    assert (done["state"], done["result"]) == ("succeeded", {"resent": 8})
    assert receiver.versions == {one["id"]: [1] for one in accounts}


async def test_what_has_failed_is_replayed_and_nothing_else(
    client: Client, engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workers.webhooks.pause_s", lambda *_: None)
    endpoint = await subscribe(client, receiver)
    bad, _good = await make_account(client, name="Bad"), await make_account(client, name="Good")
    receiver.answer = lambda request: SORRY if request.event["data"]["name"] == "Bad" else Answer()
    await engine.delivered()
    receiver.forget()
    receiver.answer = lambda _: Answer()
    done = await replay(client, engine, endpoint, failedOnly=True)

    assert done["result"] == {"resent": 1}
    assert receiver.versions == {bad["id"]: [1]}
    assert {one["state"] for one in await deliveries(client, endpoint)} == {"delivered"}
    assert (await replay(client, engine, endpoint, failedOnly=True))["result"] == {"resent": 0}


async def test_what_waits_for_its_next_attempt_is_due_at_once(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.script = [Answer(503, {"retry-after": "3600"})]
    await make_account(client)
    await engine.delivered()
    (request,) = receiver.requests
    await replay(client, engine, endpoint, eventIds=[request.id])

    assert [one.id for one in receiver.requests] == [request.id] * 2
    (delivery,) = await deliveries(client, endpoint)
    assert (delivery["state"], delivery["replays"]) == ("delivered", 1)


async def test_what_was_open_when_it_was_disabled_can_be_asked_for(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.script = [SORRY]
    await make_account(client)
    await engine.delivered()
    for disabled in (True, False):
        await change(client, f"/webhook-endpoints/{endpoint['id']}", disabled=disabled)
    await replay(client, engine, endpoint, eventIds=[receiver.requests[0].id])
    assert [one["state"] for one in await deliveries(client, endpoint)] == ["delivered"]


async def test_only_what_the_endpoint_is_told_of_now_is_replayed(
    client: Client, stranger: Client, world: World, engine: Engine, receiver: Receiver
) -> None:
    """Neither other types, nor what its filter lets not through, nor events of others."""
    endpoint = await subscribe(client, receiver, "account.created", filter="name == 'Acme'")
    for one in (client, stranger):
        await make_account(one)
        await make_account(one, name="Other")
        await make_contact(one)
    await engine.delivered()
    receiver.forget()
    ids = [
        event["id"]
        for one in (client, stranger)
        for event in (await one.get("/events", params={"limit": 100})).json()["data"]
    ]
    done = await replay(client, engine, endpoint, eventIds=ids)

    assert len(ids) >= 6
    assert done["result"] == {"resent": 1}
    assert [one["data"]["name"] for one in receiver.events] == ["Acme"]


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"to": "2026-11-01T00:00:00Z"},
        {"failedOnly": False},
        {"eventIds": ["019ad1c0-7b40-7a02-8f31-c0ffee123456"], "failedOnly": True},
        {"eventIds": ["019ad1c0-7b40-7a02-8f31-c0ffee123456"], "from": "2026-11-01T00:00:00Z"},
    ],
    ids=lambda wanted: "+".join(wanted) or "nothing",
)
async def test_who_asks_says_what_and_says_it_one_way(client: Client, receiver: Receiver, wanted: Any) -> None:
    endpoint = await subscribe(client, receiver)
    answer = await client.post(f"/webhook-endpoints/{endpoint['id']}/replay", json=wanted)
    is_problem(answer, 422, "ambiguous")


async def test_to_an_endpoint_that_is_disabled_nothing_is_replayed(client: Client, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver, disabled=True)
    answer = await client.post(f"/webhook-endpoints/{endpoint['id']}/replay", json={"failedOnly": True})
    is_problem(answer, 409, "endpointDisabled")


async def test_with_a_key_it_is_asked_for_once(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    path, key = f"/webhook-endpoints/{endpoint['id']}/replay", {"Idempotency-Key": "again"}
    first, second = [await client.post(path, json={"failedOnly": True}, headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.content == second.content
    assert second.headers["Idempotent-Replayed"] == "true"
    jobs = await engine.query("select 1 from job where tenant_id = $1", client.tenant_id)
    assert len(jobs) == 1
