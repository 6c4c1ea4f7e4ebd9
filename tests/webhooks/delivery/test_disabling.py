"""When an endpoint is told nothing any more: because it said so, failed for five days, or somebody disabled it."""

from typing import Any

from tests.factories.accounts import make_account
from tests.webhooks.delivery.engine import Engine, change, deliveries, subscribe
from tests.webhooks.delivery.receiver import SORRY, Answer, Receiver
from tests.world import Client

FAILING = "update webhook_state set failing_since = now() - make_interval(hours => $2) where tenant_id = $1"
STATE = "select failing_since, last_success_at from webhook_state where endpoint_id = $1::uuid"


async def shown(client: Client, endpoint: dict[str, Any]) -> dict[str, Any]:
    return dict((await client.get(f"/webhook-endpoints/{endpoint['id']}")).json())


async def newest_event(client: Client, endpoint: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/webhook-endpoints/{endpoint['id']}/history", params={"limit": 1})
    return dict(answer.json()["data"][0])


async def test_410_disables_it_at_once_and_an_event_says_so(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.answer = lambda _: Answer(410)
    await make_account(client)
    await engine.delivered()
    await make_account(client)
    await engine.delivered()

    now, event = await shown(client, endpoint), await newest_event(client, endpoint)
    assert (now["disabled"], now["disabledReason"]) == (True, "gone")
    assert (event["type"], event["origin"]) == ("webhookEndpoint.updated", "system")
    assert event["changedFields"] == ["disabled", "disabledReason"]
    assert len(receiver.requests) == 1
    (delivery,) = await deliveries(client, endpoint)
    assert (delivery["state"], delivery["attempts"][0]["status"]) == ("failed", 410)


async def test_five_days_of_nothing_but_failures_disable_it(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.answer = lambda _: SORRY
    await make_account(client)
    await engine.delivered()
    await engine.query(FAILING, client.tenant_id, 119)
    await engine.retried()
    before = await shown(client, endpoint)
    await engine.query(FAILING, client.tenant_id, 121)
    await engine.retried()
    after, event = await shown(client, endpoint), await newest_event(client, endpoint)

    assert (before["disabled"], before["disabledReason"]) == (False, None)
    assert (after["disabled"], after["disabledReason"]) == (True, "failing")
    assert event["origin"] == "system"
    receiver.forget()
    await engine.retried()
    assert receiver.requests == []
    assert [one["state"] for one in await deliveries(client, endpoint)] == ["skipped"]


async def test_one_success_begins_the_five_days_anew(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.script = [SORRY]
    await make_account(client)
    await engine.delivered()
    await engine.query(FAILING, client.tenant_id, 100)
    await engine.retried()
    (state,) = await engine.query(STATE, endpoint["id"])
    assert state["failing_since"] is None
    assert state["last_success_at"] is not None

    receiver.answer = lambda _: SORRY
    await make_account(client)
    await engine.delivered()
    await engine.retried()
    assert not (await shown(client, endpoint))["disabled"]


async def test_enabled_again_it_is_told_what_happens_from_then_on(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    """Neither what happened meanwhile, nor what was open when it was disabled, which is in the way of nothing."""
    endpoint = await subscribe(client, receiver)
    path = f"/webhook-endpoints/{endpoint['id']}"
    receiver.script = [SORRY]
    account = await make_account(client)
    await engine.delivered()
    await change(client, path, disabled=True)
    await change(client, f"/accounts/{account['id']}", name="Unseen")
    await engine.delivered()
    await change(client, path, disabled=False)
    await change(client, f"/accounts/{account['id']}", name="Seen")
    await engine.delivered()

    assert receiver.versions == {account["id"]: [1, 3]}
    await engine.retried()
    assert receiver.versions == {account["id"]: [1, 3]}
    states = {one["version"]: one["state"] for one in await deliveries(client, endpoint)}
    assert states == {1: "skipped", 3: "delivered"}


async def test_what_happened_while_it_was_disabled_is_not_sent_even_where_nobody_had_looked_yet(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    path = f"/webhook-endpoints/{endpoint['id']}"
    await engine.delivered()
    for relay in engine.work.relays:
        relay.tenants = []
    await change(client, path, disabled=True)
    await make_account(client, name="Unseen")
    await engine.world.settled()
    await change(client, path, disabled=False)
    await make_account(client, name="Seen")
    for relay in engine.work.relays:
        relay.tenants, relay._seen = engine.tenants, -1
    await engine.delivered()
    assert [one["data"]["name"] for one in receiver.events] == ["Seen"]


async def test_who_enables_it_takes_the_reason_back(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.script = [Answer(410)]
    await make_account(client)
    await engine.delivered()
    enabled = await change(client, f"/webhook-endpoints/{endpoint['id']}", disabled=False)
    await make_account(client)
    await engine.delivered()
    assert (enabled["disabled"], enabled["disabledReason"]) == (False, None)
    assert len(receiver.requests) == 2


async def test_deleted_it_is_told_nothing_and_restored_what_happens_from_then_on(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    path = f"/webhook-endpoints/{endpoint['id']}"
    receiver.script = [SORRY]
    await make_account(client, name="Open")
    await engine.delivered()
    assert (await client.delete(path)).status_code == 204
    await make_account(client, name="Meanwhile")
    await engine.delivered()
    assert len(receiver.requests) == 1
    await engine.world.settled()
    assert (await client.post(f"{path}/restore")).status_code == 200
    await make_account(client, name="Afterwards")
    await engine.delivered()
    await engine.retried()

    assert [one["data"]["name"] for one in receiver.events] == ["Open", "Afterwards"]
    (secret,) = (await client.get(f"{path}/secret")).json()["data"]
    receiver.requests[1].verify(secret["secret"])
