"""What one can look up afterwards: each delivery with its attempts, and nothing that is secret."""

from typing import Any

import orjson

from tests.factories.accounts import make_account
from tests.webhooks.delivery.engine import Engine, deliveries, secrets, subscribe
from tests.webhooks.delivery.receiver import SORRY, Answer, Receiver, Request
from tests.world import Client

STORED = """
select d::text as row from webhook_delivery d where tenant_id = $1
 union all select w::text from work w where tenant_id = $1
 union all select e::text from event e where tenant_id = $1
"""


async def test_a_delivery_shows_what_was_sent_and_what_came_back(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.script = [Answer(500, {"x-trace": "a1"}, b"Sorry!"), Answer(200, {}, b"Thanks")]
    account = await make_account(client)
    await engine.delivered()
    await engine.retried()

    (delivery,) = await deliveries(client, endpoint)
    request = receiver.requests[0]
    known = {"eventId": request.id, "eventType": "account.created", "object": "account", "recordId": account["id"]}
    known |= {"version": 1, "state": "delivered", "replays": 0}
    assert {name: delivery[name] for name in known} == known
    assert delivery["createdAt"] <= delivery["attempts"][1]["at"] <= delivery["settledAt"]

    first, second = delivery["attempts"]
    assert (first["status"], first["responseBody"], first["responseHeaders"]["x-trace"]) == (500, "Sorry!", "a1")
    assert (second["status"], second["responseBody"], second["error"]) == (200, "Thanks", None)
    assert first["url"] == receiver.url
    sent = ("content-type", "webhook-id", "webhook-sequence", "webhook-timestamp")
    assert first["requestHeaders"] == {name: request.headers[name] for name in sent}
    assert 0 <= first["latencyMs"] < 15_000


async def test_it_shows_the_body_that_was_posted(client: Client, engine: Engine, receiver: Receiver) -> None:
    endpoint = await subscribe(client, receiver)
    await make_account(client)
    await engine.delivered()
    (delivery,) = await deliveries(client, endpoint)
    shown = await client.get(f"/webhook-endpoints/{endpoint['id']}/deliveries/{delivery['id']}")
    assert shown.json() == delivery | {"body": receiver.events[0]}


async def test_a_page_of_it_is_narrowed_by_state_type_and_record(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver, "account.*")
    first, second = await make_account(client), await make_account(client)
    receiver.answer = lambda request: SORRY if request.event["recordId"] == first["id"] else Answer()
    await engine.delivered()

    async def found(**asked: Any) -> set[str]:
        return {one["recordId"] for one in await deliveries(client, endpoint, **asked)}

    assert await found() == {first["id"], second["id"]}
    assert await found(state="pending") == {first["id"]}
    assert await found(state="delivered") == await found(recordId=second["id"]) == {second["id"]}
    assert await found(eventType="account.deleted") == set()


async def test_a_long_answer_is_cut_and_text_that_is_none_is_kept_as_far_as_it_goes(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.script = [Answer(200, {"content-type": "text/plain"}, b"\xff\x00" + b"x" * 50_000)]
    await make_account(client)
    await engine.delivered()
    (delivery,) = await deliveries(client, endpoint)
    body = delivery["attempts"][0]["responseBody"]
    assert body == "\N{REPLACEMENT CHARACTER}" * 2 + "x" * (2048 - 2)


async def test_neither_signature_nor_secret_nor_a_header_of_its_own_is_kept(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    """Not even where the receiver answers with all that it got."""
    endpoint = await subscribe(client, receiver)
    given = {"headers": {"Authorization": "Bearer 7d1b0a629f3c"}}
    path = f"/webhook-endpoints/{endpoint['id']}"
    assert (await client.put(f"{path}/headers", json=given)).status_code == 200
    rotated = (await client.post(f"{path}/rotate-secret", json={})).json()
    receiver.answer = echo
    await make_account(client)
    await engine.delivered()

    (request,) = receiver.requests
    signatures = request.headers["webhook-signature"].split()
    assert (len(signatures), request.headers["authorization"]) == (2, "Bearer 7d1b0a629f3c")
    canaries = ["7d1b0a629f3c", rotated["secret"], *(one["secret"] for one in await secrets(client, endpoint))]
    canaries += [one.removeprefix("v1,") for one in signatures]
    stored = "".join(row["row"] for row in await engine.query(STORED, client.tenant_id))
    shown = (await client.get(f"{path}/deliveries")).text
    assert request.id in stored
    assert "webhook-signature" in shown
    for canary in canaries:
        assert canary not in stored
        assert canary not in shown


def echo(request: Request) -> Answer:
    told = {name: value for name, value in request.headers.items() if name != "content-length"}
    return Answer(200, {f"x-{name}": value for name, value in told.items()}, orjson.dumps(told))
