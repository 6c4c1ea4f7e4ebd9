"""The log of what an endpoint was told, and the body that is made anew from an event."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from app.domain.webhooks import body as bodies
from tests.factories.accounts import make_account, make_contact
from tests.factories.webhooks import log_delivery, make_endpoint
from tests.world import Client, World


async def told(
    world: World, client: Client, endpoint: dict[str, Any], *records: dict[str, Any], **more: Any
) -> list[str]:
    return [await log_delivery(world, client, endpoint["id"], record["id"], **more) for record in records]


async def listed(client: Client, endpoint: dict[str, Any], query: str = "") -> list[str]:
    answer = await client.get(f"/webhook-endpoints/{endpoint['id']}/deliveries?{query}")
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


async def test_deliveries_are_listed_newest_first_and_page_by_page(client: Client, world: World) -> None:
    endpoint, other = await make_endpoint(client), await make_endpoint(client)
    accounts = [await make_account(client) for _ in range(5)]
    ids = await told(world, client, endpoint, *accounts)
    await told(world, client, other, *accounts)

    found: list[str] = []
    cursor = ""
    for size in (2, 2, 1):
        url = f"/webhook-endpoints/{endpoint['id']}/deliveries?limit=2{cursor}"
        page = (await client.get(url)).json()
        assert (len(page["data"]), page["page"]["hasMore"]) == (size, size == 2)
        found += [one["id"] for one in page["data"]]
        cursor = f"&cursor={page['page']['nextCursor']}"
    assert found == ids[::-1]
    assert page["page"]["nextCursor"] is None


async def test_deliveries_are_narrowed(client: Client, world: World) -> None:
    endpoint = await make_endpoint(client)
    account, contact = await make_account(client), await make_contact(client)
    (failed,) = await told(world, client, endpoint, account, state="failed")
    (delivered,) = await told(world, client, endpoint, contact, state="delivered")
    await client.patch(f"/accounts/{account['id']}", json={"name": "Later"})
    (pending,) = await told(world, client, endpoint, account)

    async def narrowed(**query: str) -> list[str]:
        return await listed(client, endpoint, "&".join(f"{name}={one}" for name, one in query.items()))

    assert await narrowed() == [pending, delivered, failed]
    assert await narrowed(state="failed") == [failed]
    assert await narrowed(state="delivered") == [delivered]
    assert await narrowed(eventType="account.updated") == [pending]
    assert await narrowed(recordId=account["id"]) == [pending, failed]
    assert await narrowed(recordId=account["id"], state="failed", eventType="account.created") == [failed]
    assert await narrowed(recordId=str(uuid7())) == []


async def test_deliveries_of_a_span_of_time(client: Client, world: World) -> None:
    endpoint, account = await make_endpoint(client), await make_account(client)
    (only,) = await told(world, client, endpoint, account)
    earlier, later = ((utc_now() + timedelta(minutes=one)).strftime("%FT%TZ") for one in (-1, 1))

    assert await listed(client, endpoint, f"from={earlier}&to={later}") == [only]
    assert await listed(client, endpoint, f"from={later}") == []
    assert await listed(client, endpoint, f"to={earlier}") == []


@pytest.mark.parametrize(
    "query",
    ["state=lost", "eventType=deal.created", "recordId=17", "from=yesterday", "cursor=x", "limit=0", "sort=id"],
)
async def test_a_question_that_cannot_be_asked_is_refused_by_its_name(client: Client, query: str) -> None:
    endpoint = await make_endpoint(client)
    answer = await client.get(f"/webhook-endpoints/{endpoint['id']}/deliveries?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, query.partition("=")[0])


async def shown(client: Client, endpoint: dict[str, Any], delivery_id: str) -> dict[str, Any]:
    answer = await client.get(f"/webhook-endpoints/{endpoint['id']}/deliveries/{delivery_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_delivery_shows_what_is_posted(client: Client, world: World) -> None:
    endpoint, account = await make_endpoint(client), await make_account(client)
    (delivery_id,) = await told(world, client, endpoint, account)
    await world.settled()
    (event,) = (await client.get(f"/events?recordId={account['id']}")).json()["data"]
    delivery = await shown(client, endpoint, delivery_id)

    assert delivery["body"] == event | {"timestamp": event["time"]}
    assert delivery["eventId"] == event["id"]
    assert (delivery["state"], delivery["attempts"], delivery["settledAt"]) == ("pending", [], None)


async def test_a_thin_body_names_the_record_and_nothing_of_it(client: Client, world: World) -> None:
    endpoint, account = await make_endpoint(client, payload="thin"), await make_account(client, name="Canary")
    (delivery_id,) = await told(world, client, endpoint, account)
    body = (await shown(client, endpoint, delivery_id))["body"]

    assert body["data"] == {"id": account["id"]}
    assert "previous" not in body
    assert "truncated" not in body
    assert "name" in body["changedFields"]
    assert "Canary" not in orjson.dumps(body).decode()


async def test_a_record_too_large_for_a_request_is_left_out(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, account = await make_endpoint(client), await make_account(client)
    (delivery_id,) = await told(world, client, endpoint, account)
    monkeypatch.setattr(bodies, "MOST_BYTES", 1_000)
    body = (await shown(client, endpoint, delivery_id))["body"]
    assert (body["truncated"], body["data"]) == (True, {"id": account["id"]})


async def test_an_endpoint_is_told_with_the_rights_of_its_owner(client: Client, world: World) -> None:
    member = await world.member_of(client)
    private = (await member.post("/views", json={"name": "Mine", "object": "account"})).json()
    owned = await make_endpoint(client, ownerId=str((await world.member_of(client)).user_id))
    own = await make_endpoint(client, ownerId=str(member.user_id))
    for endpoint, sees in ((owned, False), (own, True)):
        (delivery_id,) = await told(world, client, endpoint, private)
        assert ((await shown(client, endpoint, delivery_id))["body"] is not None) == sees
    left = await client.patch(f"/users/{member.user_id}", json={"status": "inactive"})
    assert left.status_code == 200
    assert (await shown(client, own, delivery_id))["body"] is None


async def test_a_delivery_is_found_under_its_own_endpoint_only(client: Client, world: World) -> None:
    endpoint, other = await make_endpoint(client), await make_endpoint(client)
    (delivery_id,) = await told(world, client, endpoint, await make_account(client))
    for path in (f"{other['id']}/deliveries/{delivery_id}", f"{endpoint['id']}/deliveries/{uuid7()}"):
        assert (await client.get(f"/webhook-endpoints/{path}")).status_code == 404
    assert (await client.get(f"/webhook-endpoints/{endpoint['id']}/deliveries/17")).status_code == 404
    assert (await client.get(f"/webhook-endpoints/{uuid7()}/deliveries")).status_code == 404
