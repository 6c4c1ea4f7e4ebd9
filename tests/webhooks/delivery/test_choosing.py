"""Which events an endpoint is told of: by type, by filter, and by the way they came."""

from typing import Any

import pytest

from tests.factories.accounts import make_account, make_contact
from tests.factories.pipeline import make_opportunity, make_product
from tests.webhooks.delivery.engine import Engine, change, deliveries, subscribe
from tests.webhooks.delivery.receiver import Receiver
from tests.world import Client, World


def told(receiver: Receiver) -> set[tuple[str, int]]:
    """Types and versions: of several records their requests go side by side."""
    return {(one["type"], one["version"]) for one in receiver.events}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["account.created"], {"account.created"}),
        (["account.*"], {"account.created", "account.updated", "account.deleted", "account.restored"}),
        (["contact.created", "account.deleted"], {"contact.created", "account.deleted"}),
        (["product.*"], set()),
    ],
    ids=lambda value: "+".join(sorted(value)),
)
async def test_a_type_names_a_verb_or_all_of_an_object(
    client: Client, engine: Engine, receiver: Receiver, wanted: list[str], expected: set[str]
) -> None:
    await subscribe(client, receiver, *wanted)
    account = await make_account(client)
    await change(client, f"/accounts/{account['id']}", name="Acme Ltd")
    assert (await client.delete(f"/accounts/{account['id']}")).status_code == 204
    assert (await client.post(f"/accounts/{account['id']}/restore")).status_code == 200
    await make_contact(client)
    await engine.delivered()
    assert {one["type"] for one in receiver.events} == expected


async def test_an_asterisk_is_everything_the_endpoint_itself_included(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    await subscribe(client, receiver, "*")
    await make_account(client)
    await make_product(client)
    await engine.delivered()
    assert {one["type"] for one in receiver.events} == {"webhookEndpoint.created", "account.created", "product.created"}


async def test_a_filter_reads_the_record_as_the_event_left_it(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    """By the time it is sent the record says something else."""
    await subscribe(client, receiver, filter="name == 'Old'")
    account = await make_account(client, name="Old")
    await change(client, f"/accounts/{account['id']}", name="New")
    other = await make_account(client, name="New")
    await change(client, f"/accounts/{other['id']}", name="Old")
    await engine.delivered()

    assert {(one["recordId"], one["version"]) for one in receiver.events} == {(account["id"], 1), (other["id"], 2)}
    assert {one["data"]["name"] for one in receiver.events} == {"Old"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("changed(name)", {1, 2, 4}),
        ("isNew()", {1}),
        ("changed(employees) && employees > 100", {1, 3}),
        ("old.name == 'A'", {2}),
        ("name == 'B'", {2, 3}),
    ],
)
async def test_a_filter_knows_what_changed(
    client: Client, engine: Engine, receiver: Receiver, text: str, expected: set[int]
) -> None:
    await subscribe(client, receiver, filter=text)
    account = await make_account(client, name="A", employees=120)
    for fields in ({"name": "B"}, {"employees": 300}, {"name": "C", "employees": 5}):
        await change(client, f"/accounts/{account['id']}", **fields)
    await engine.delivered()
    assert {version for _, version in told(receiver)} == expected


async def test_a_filter_holds_for_each_object_among_the_types(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    await subscribe(client, receiver, "account.*", "product.*", filter="name == 'Acme'")
    for name in ("Acme", "Other"):
        await make_account(client, name=name)
        await make_product(client, name=name)
    await engine.delivered()
    assert sorted((one["object"], one["data"]["name"]) for one in receiver.events) == [
        ("account", "Acme"),
        ("product", "Acme"),
    ]


async def test_what_came_a_way_that_it_skips_is_not_sent(
    client: Client, world: World, engine: Engine, receiver: Receiver
) -> None:
    """A receiver that writes back names itself, and hears no echo."""
    peer = await world.member_of(client)
    await subscribe(client, receiver, skipOrigins=[f"user:{peer.user_id}"])
    account = await make_account(client)
    await change(peer, f"/accounts/{account['id']}", name="Echo")
    await change(client, f"/accounts/{account['id']}", name="Voice")
    await engine.delivered()
    assert [one["data"]["name"] for one in receiver.events] == ["Acme", "Voice"]

    await change(client, f"/webhook-endpoints/{(await only(client))['id']}", skipOrigins=["api"])
    await change(client, f"/accounts/{account['id']}", name="Silent")
    await engine.delivered()
    assert len(receiver.requests) == 2


async def test_a_chain_of_causes_that_has_become_too_long_is_shown_and_not_sent(
    client: Client, engine: Engine, receiver: Receiver
) -> None:
    """As if a receiver wrote back on every event, naming it as the cause."""
    endpoint = await subscribe(client, receiver, "opportunity.*")
    opportunity = await make_opportunity(client)
    path = f"/opportunities/{opportunity['id']}"
    for number in range(10):
        (event,) = (await client.get(f"{path}/history", params={"limit": 1})).json()["data"]
        answer = await client.patch(path, json={"name": f"Deal {number}"}, headers={"Cause": event["id"]})
        assert answer.status_code == 200, answer.text
    await engine.delivered()

    assert [one["cause"]["depth"] if one["cause"] else 0 for one in receiver.events] == list(range(9))
    states = {one["version"]: one["state"] for one in await deliveries(client, endpoint)}
    assert [states[version] for version in range(1, 12)] == ["delivered"] * 9 + ["skipped"] * 2


async def only(client: Client) -> dict[str, Any]:
    (found,) = (await client.get("/webhook-endpoints")).json()["data"]
    return dict(found)
