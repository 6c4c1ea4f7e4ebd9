"""What is not taken is offered again, ten times over 75 hours, and in between nobody else is kept waiting."""

from datetime import datetime
from typing import Any

import pytest

from app.domain.webhooks.retrying import PAUSES_S
from tests.factories.accounts import make_account
from tests.webhooks.delivery.engine import Engine, change, deliveries, subscribe, until
from tests.webhooks.delivery.receiver import SORRY, Answer, Receiver
from tests.world import Client

WAITS = """
select extract(epoch from due_at - now())::float8 as s from work
 where tenant_id = $1 and kind = 'webhook.delivery' order by order_seq limit 1
"""
TARGET = """
select failing, extract(epoch from greatest(open_at, now()) - now())::float8 as closed_s from work_target
 where tenant_id = $1 and target = $2
"""


async def waits_s(client: Client, engine: Engine) -> float:
    """Until the next attempt of the first delivery that is open."""
    ((found,),) = await engine.query(WAITS, client.tenant_id)
    return float(found)


async def target(client: Client, engine: Engine, endpoint: dict[str, Any]) -> Any:
    (found,) = await engine.query(TARGET, client.tenant_id, endpoint["id"])
    return found


async def test_after_ten_attempts_by_plan_it_has_failed_and_the_next_of_the_record_goes_on(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.answer = lambda request: SORRY if request.event["version"] == 1 else Answer()
    account = await make_account(client)
    await change(client, f"/accounts/{account['id']}", name="Acme Ltd")
    await engine.delivered()
    for pause_s in PAUSES_S[1:]:
        assert 0.8 * pause_s - 5 < await waits_s(client, engine) < 1.2 * pause_s
        assert receiver.versions[account["id"]][-1] == 1
        await engine.retried()

    assert receiver.versions == {account["id"]: [1] * 10 + [2]}
    first, second = sorted(await deliveries(client, endpoint), key=lambda one: one["version"])
    assert (first["state"], len(first["attempts"])) == ("failed", 10)
    assert (second["state"], len(second["attempts"])) == ("delivered", 1)
    assert await engine.query("select 1 from work where tenant_id = $1", client.tenant_id) == []
    assert {one.id for one in receiver.requests[:10]} == {first["eventId"]}


async def test_each_attempt_is_signed_anew_under_the_same_id(
    client: Client, engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await subscribe(client, receiver)
    receiver.script = [SORRY]
    await make_account(client)
    await engine.delivered()
    later = datetime.fromisoformat("2031-05-04T12:00:00+00:00")
    monkeypatch.setattr("app.workers.webhooks.utc_now", lambda: later)
    await engine.retried()

    first, second = receiver.requests
    assert (first.id, first.body) == (second.id, second.body)
    assert second.headers["webhook-timestamp"] == str(int(later.timestamp()))
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500, 503])
async def test_only_2xx_is_success_and_no_redirect_is_followed(
    client: Client, engine: Engine, receiver: Receiver, status: int
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.script = [Answer(status, {"location": receiver.url}, b"no")]
    await make_account(client)
    await engine.delivered()

    (delivery,) = await deliveries(client, endpoint)
    assert (delivery["state"], [one["status"] for one in delivery["attempts"]]) == ("pending", [status])
    assert len(receiver.requests) == 1
    assert not (await target(client, engine, endpoint))["failing"]


async def test_a_receiver_may_ask_for_a_longer_pause(client: Client, engine: Engine, receiver: Receiver) -> None:
    await subscribe(client, receiver)
    receiver.script = [Answer(503, {"retry-after": "7200"})]
    await make_account(client)
    await engine.delivered()
    assert 7_190 < await waits_s(client, engine) <= 7_200


async def test_whoever_is_asked_too_much_is_asked_nothing_for_as_long_as_it_says(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.script = [Answer(429, {"retry-after": "600"})]
    await make_account(client)
    await engine.delivered()
    await make_account(client)
    await engine.delivered()
    await engine.retried()
    assert len(receiver.requests) == 1
    assert 590 < (await target(client, engine, endpoint))["closed_s"] <= 600

    await engine.query("update work_target set open_at = now() where tenant_id = $1", client.tenant_id)
    await engine.retried()
    assert len(receiver.versions) == 2
    assert [one["state"] for one in await deliveries(client, endpoint)] == ["delivered"] * 2


async def test_of_an_endpoint_that_does_not_answer_one_request_is_under_way_at_a_time_until_it_does(
    client: Client, engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.workers.webhooks.TIMEOUT_S", 0.6)
    endpoint = await subscribe(client, receiver)
    receiver.hangs = True
    for _ in range(3):
        await make_account(client)
    await engine.delivered()
    assert receiver.most > 1
    assert (await target(client, engine, endpoint))["failing"]

    receiver.forget()
    await engine.retried()
    assert (len(receiver.requests), receiver.most) == (3, 1)
    errors = {one["attempts"][-1]["error"] for one in await deliveries(client, endpoint)}
    assert errors == {"timeout"}

    receiver.hangs = False
    await engine.retried()
    assert not (await target(client, engine, endpoint))["failing"]
    assert {one["state"] for one in await deliveries(client, endpoint)} == {"delivered"}


async def test_nobody_at_the_address_is_a_failure_like_others(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver, url="http://127.0.0.1:9/")
    await make_account(client)
    await engine.delivered()

    (delivery,) = await deliveries(client, endpoint)
    (attempt,) = delivery["attempts"]
    assert (delivery["state"], attempt["status"], attempt["error"]) == ("pending", None, "connect")
    assert (await target(client, engine, endpoint))["failing"]


async def test_a_hanging_endpoint_of_twenty_delays_the_others_little(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    """Its events fill its own places only, however many they are."""
    for _ in range(19):
        await subscribe(client, receiver, "product.created", "contact.*", "opportunity.*")
    bad = await subscribe(client, receiver, "account.*", url=f"{receiver.url}/hang")
    receiver.hangs = True
    for _ in range(25):
        await make_account(client)
    await engine.relayed()
    await until(lambda: receiver.most >= bad["concurrency"])
    hanging = len(receiver.requests)
    receiver.hangs = False
    answer = await client.post("/contacts", json={"firstName": "Ada", "lastName": "Lovelace"})
    assert answer.status_code == 201
    await engine.relayed()
    await until(lambda: len(receiver.requests) >= hanging + 19)

    assert hanging == bad["concurrency"]
    assert {one["type"] for one in receiver.events[hanging:]} == {"contact.created"}
    receiver.hang_up()
