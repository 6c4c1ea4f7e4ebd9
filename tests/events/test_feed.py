"""GET /events and the history of a record: what their cursors promise."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.domain.registry import CATALOG, OBJECT_TYPES
from tests.factories.accounts import make_account, make_contact
from tests.factories.making import fresh, make, make_needed
from tests.factories.pipeline import make_product
from tests.servers import Servers
from tests.world import Client, World, running

Settled = Callable[[], Awaitable[None]]


async def feed(client: Client, **query: Any) -> dict[str, Any]:
    answer = await client.get("/events", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def everything(client: Client, **query: Any) -> list[dict[str, Any]]:
    """All pages of the feed, by cursor."""
    found, body = [], await feed(client, **query)
    while body["data"]:
        found += body["data"]
        body = await feed(client, **query | {"after": body["page"]["nextCursor"]})
    return found


async def test_pages_of_any_size_make_up_the_same_feed(client: Client, settled: Settled) -> None:
    for number in range(7):
        await make_account(client, name=f"A{number}")
    await settled()

    whole = await everything(client)

    assert [event["data"]["name"] for event in whole if event["object"] == "account"] == [f"A{n}" for n in range(7)]
    for limit in (1, 2, 7, 8):
        assert await everything(client, limit=limit) == whole


async def test_an_event_tells_what_happened_to_what_and_by_whom(client: Client, settled: Settled) -> None:
    made = await make_account(client, name="Before")
    changed = (await client.patch(f"/accounts/{made['id']}", json={"name": "After"})).json()
    await settled()

    created, updated = await everything(client, object="account")

    assert {name: updated[name] for name in ("type", "object", "recordId", "version", "origin", "previous")} == {
        "type": "account.updated",
        "object": "account",
        "recordId": made["id"],
        "version": 2,
        "origin": "api",
        "previous": {"name": "Before"},
    }
    assert updated["actor"] == {"id": str(client.user_id), "onBehalfOf": None}
    assert updated["changedFields"] == ["name"]
    assert updated["time"] == changed["modifiedAt"]
    assert (created["data"], updated["data"]) == (made, changed)
    assert updated["tenantId"] == str(client.tenant_id)


async def test_an_edit_that_changes_nothing_has_no_event(client: Client, settled: Settled) -> None:
    made = await make_account(client)
    assert (await client.patch(f"/accounts/{made['id']}", json={"name": made["name"]})).status_code == 200
    await settled()

    assert [event["version"] for event in await everything(client, object="account")] == [1]


async def test_the_cursor_is_the_position_with_or_without_its_time(client: Client, settled: Settled) -> None:
    for _ in range(3):
        await make_account(client)
    await settled()
    first = await feed(client, limit=2)
    settle, seq, milliseconds = first["page"]["nextCursor"].split("-")

    assert first["data"][-1]["sequence"] == f"{settle}-{seq}"
    assert int(milliseconds) == int(first["data"][-1]["id"].replace("-", "")[:12], 16)
    assert await everything(client, after=f"{settle}-{seq}") == await everything(
        client, after=f"{settle}-{seq}-{milliseconds}"
    )
    assert await everything(client, after=f"{settle}-{seq}") == (await everything(client))[2:]


async def test_an_empty_page_answers_the_cursor_it_was_given(client: Client, settled: Settled) -> None:
    await settled()
    end = (await feed(client, limit=200))["page"]["nextCursor"]

    for cursor in (end, end.rpartition("-")[0], "999999999999999999-1"):
        body = await feed(client, after=cursor)
        assert body["data"] == []
        assert body["page"] == {"nextCursor": cursor, "hasMore": False}

    assert (await feed(client, after=end, object="contact"))["page"]["nextCursor"] == end


async def test_a_cursor_kept_over_an_empty_page_misses_nothing(client: Client, settled: Settled) -> None:
    await settled()
    end = (await feed(client, limit=200))["page"]["nextCursor"]
    end = (await feed(client, after=end))["page"]["nextCursor"]
    made = await make_account(client)
    await settled()

    assert [event["recordId"] for event in await everything(client, after=end)] == [made["id"]]


@pytest.mark.parametrize("cursor", ["", "x", "1", "1-2-3-4", "-1-2", "1-2-", "\uff11-2", "1" * 19 + "-1", "MQ=="])
async def test_what_is_no_cursor_is_refused(client: Client, cursor: str) -> None:
    answer = await client.get("/events", params={"after": cursor})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "after"


async def test_filters_narrow_the_feed(client: Client, settled: Settled) -> None:
    account, product = await make_account(client), await make_product(client)
    await client.patch(f"/accounts/{account['id']}", json={"name": "Changed"})
    await client.delete(f"/products/{product['id']}")
    await client.post(f"/products/{product['id']}/restore")
    await settled()

    async def types(**query: str) -> list[str]:
        return [event["type"] for event in await everything(client, **query)]

    assert await types(object="account") == ["account.created", "account.updated"]
    assert await types(type="product.deleted") == ["product.deleted"]
    assert await types(recordId=product["id"]) == ["product.created", "product.deleted", "product.restored"]
    assert await types(recordId=product["id"], type="account.created") == []
    assert await types(object="account", recordId=product["id"]) == []


async def test_only_events_of_readable_objects_are_shown(world: World, client: Client, settled: Settled) -> None:
    account = await make_account(client)
    await make_contact(client, accountId=account["id"])
    await settled()
    reader = await world.key_of(client, scopes=["events:read", "contacts:read"])
    nobody = await world.key_of(client, scopes=["events:read"])

    assert {event["object"] for event in await everything(reader)} == {"contact"}
    assert await everything(nobody) == []
    assert {event["object"] for event in await everything(client)} == {"account", "contact", "pipeline", "user"}
    refused = await reader.get("/events?object=account")
    assert (refused.status_code, refused.json()["code"]) == (403, "missingScope")
    assert (await (await world.key_of(client, scopes=["accounts:read"])).get("/events")).status_code == 403
    unknown = await client.get("/events?object=planet")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknownObject")


async def test_a_transaction_that_is_rolled_back_has_no_event(client: Client, settled: Settled) -> None:
    """The contact is refused after its account was written."""
    body = {"lastName": "Lovelace", "ownerId": str(client.tenant_id), "account": {"name": "Gone with it"}}
    assert (await client.post("/contacts", json=body)).status_code == 422
    await settled()

    assert [event["object"] for event in await everything(client)] == ["user", "pipeline"]


@pytest.mark.own_server
async def test_a_foreign_writer_delays_the_feed_and_nothing_is_lost_or_late(own_world: World) -> None:
    client = await own_world.tenant()
    await own_world.settled()
    end = (await feed(client, limit=200))["page"]["nextCursor"]
    async with own_world.place.at("postgres").connect() as foreign, foreign.transaction():
        await foreign.execute("select pg_current_xact_id()")
        made = [await make_account(client) for _ in range(5)]

        assert await everything(client, after=end) == []

    await own_world.settled()
    assert [event["recordId"] for event in await everything(client, after=end)] == [one["id"] for one in made]


@pytest.mark.own_server
async def test_a_cursor_is_good_after_everything_was_restarted(own_server: Servers) -> None:
    async with running(own_server.place) as world:
        client = await world.tenant()
        for _ in range(4):
            await make_account(client)
        await world.settled()
        whole = await everything(client)
        cursor = (await feed(client, limit=2))["page"]["nextCursor"]
    own_server.stop()
    own_server.start()
    async with running(own_server.place) as world:
        again = Client(world.app, client.tenant_id, client.user_id, client.key)
        assert await everything(again, after=cursor) == whole[2:]
        made = await make_account(again)
        await world.settled()
        assert [event["recordId"] for event in await everything(again, after=cursor)][-1] == made["id"]


@pytest.mark.parametrize("kind", OBJECT_TYPES, ids=lambda kind: kind.name)
async def test_history_goes_back_page_by_page_also_of_what_was_deleted(client: Client, kind: Any) -> None:
    path = f"/{kind.plural}"
    await make_needed(client, kind, CATALOG)
    record = await make(client, kind.plural, fresh(kind.example), {})
    for turn in range(3):
        await client.patch(f"{path}/{record['id']}", json={"externalIds": {"turn": str(turn)}})
    assert (await client.delete(f"{path}/{record['id']}")).status_code == 204

    seen, query = [], {"limit": 2}
    while True:
        page = (await client.get(f"{path}/{record['id']}/history", params=query)).json()
        seen += page["data"]
        if not page["page"]["hasMore"]:
            break
        query["cursor"] = page["page"]["nextCursor"]

    assert [event["version"] for event in seen] == [5, 4, 3, 2, 1]
    assert seen[0]["type"] == f"{kind.name}.deleted"
    assert page["page"]["nextCursor"] is None


async def test_history_needs_no_settling(client: Client) -> None:
    """It is of one record and in order of its versions, which nothing can be inserted into."""
    made = await make_account(client)

    assert [event["version"] for event in (await client.get(f"/accounts/{made['id']}/history")).json()["data"]] == [1]
