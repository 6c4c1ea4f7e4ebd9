"""An endpoint can be tried out before anything happens: one request about nothing, and what came back."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from app.workers.running import Outside
from tests.contract.convention import is_problem
from tests.webhooks.delivery.engine import Engine, deliveries, job, running_engine, secrets, subscribe
from tests.webhooks.delivery.receiver import Answer, Receiver
from tests.world import Client, World

CLAIMED_ONCE = "update work set attempts = 1 where kind = 'webhookTest' and tenant_id = $1"


async def try_out(client: Client, engine: Engine, endpoint: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    answer = await client.post(f"/webhook-endpoints/{endpoint['id']}/test", json=wanted)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['id']}"
    assert (answer.json()["state"], answer.json()["total"]) == ("queued", 1)
    await engine.drained()
    return await job(client, answer.json()["id"])


async def test_the_job_tells_what_the_receiver_answered(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver, "*")
    await engine.delivered()
    receiver.forget()
    receiver.script = [Answer(418, {"x-kind": "teapot"}, b"short and stout")]
    done = await try_out(client, engine, endpoint, eventType="contact.updated")

    assert (done["state"], done["done"], done["error"]) == ("succeeded", 1, None)
    result = done["result"]
    known = {"status": 418, "responseBody": "short and stout", "error": None, "url": receiver.url}
    assert {name: result[name] for name in known} == known
    assert result["responseHeaders"]["x-kind"] == "teapot"
    (request,) = receiver.requests
    assert (request.event["type"], request.event["origin"]) == ("contact.updated", "test")
    assert result["requestHeaders"]["webhook-id"] == request.id == request.event["id"]
    (secret,) = await secrets(client, endpoint)
    request.verify(secret["secret"])


async def test_it_happens_once_and_leaves_no_trace_of_failing(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.answer = lambda _: Answer(410)
    await try_out(client, engine, endpoint)
    await engine.retried()

    assert len(receiver.requests) == 1
    assert await deliveries(client, endpoint) == []
    assert not (await client.get(f"/webhook-endpoints/{endpoint['id']}")).json()["disabled"]


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["account.*", "contact.deleted"], "contact.deleted"),
        (["product.*", "contact.*"], "contact.created"),
        (["*"], "account.created"),
    ],
)
async def test_it_tells_of_an_event_that_the_endpoint_would_be_told_of(
    client: Client, engine: Engine, receiver: Receiver, types: list[str], expected: str
) -> None:
    """Also while the endpoint is disabled."""
    endpoint = await subscribe(client, receiver, *types, disabled=True)
    await try_out(client, engine, endpoint)
    (event,) = receiver.events
    assert event["type"] == expected
    assert event["data"]["id"] == event["recordId"]


async def test_who_does_not_answer_is_told_of_as_well(
    client: Client, engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when that took longer than a session may: here two seconds, of the usual five."""
    endpoint = await subscribe(client, receiver)
    monkeypatch.setattr("app.workers.webhooks.TIMEOUT_S", 2.1)
    earlier = SimpleNamespace(monotonic=lambda: time.monotonic() - 3.0)
    monkeypatch.setattr("app.repositories.session.time", earlier)
    receiver.hangs = True
    done = await try_out(client, engine, endpoint)
    assert (done["state"], done["result"]["status"], done["result"]["error"]) == ("succeeded", None, "timeout")


async def test_when_the_first_claim_came_to_nothing_the_job_has_failed(
    client: Client, world: World, reached: Outside, receiver: Receiver
) -> None:
    """As if a worker had died over it: nobody knows whether the request was sent, and it is not sent again."""
    endpoint = await subscribe(client, receiver)
    answer = await client.post(f"/webhook-endpoints/{endpoint['id']}/test", json={})
    async with world.place.connect() as administrator:
        await administrator.execute(CLAIMED_ONCE, client.tenant_id)
    async with running_engine(world, reached, client) as engine:
        await engine.drained()
    done = await job(client, answer.json()["id"])
    assert (done["state"], done["error"]["status"], receiver.requests) == ("failed", 500, [])


async def test_an_event_that_there_is_not_is_refused(client: Client, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    answer = await client.post(f"/webhook-endpoints/{endpoint['id']}/test", json={"eventType": "dragon.created"})
    is_problem(answer, 422, "unknownType")
