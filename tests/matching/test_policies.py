"""What an organisation does about duplicates holds on every way that creates a record."""

import asyncio
from typing import Any

import pytest

from tests.factories.accounts import make_account
from tests.world import Client, World

INSIST = {"Prefer": "allow-duplicates"}


async def under(world: World, client: Client, action: str, **more: Any) -> Client:
    """With a key of its own: those that are known already are so for up to a second."""
    chosen = {"account": {"action": action, **more}, "contact": {"action": action, **more}}
    answer = await client.patch("/duplicate-policies", json=chosen)
    assert answer.status_code == 200, answer.text
    return await world.key_of(client)


async def test_a_new_organisation_allows_them_and_every_object_has_a_policy(client: Client) -> None:
    policies = (await client.get("/duplicate-policies")).json()
    assert policies["account"] == {"action": "allow", "leastScore": 85}
    assert policies.keys() >= {"account", "contact"}
    for _ in range(2):
        answer = await client.post("/accounts", json={"name": "Acme"})
        assert (answer.status_code, "duplicates" in answer.headers) == (201, False)


async def test_a_warning_says_how_many_there_are_and_where(client: Client, world: World) -> None:
    warned = await under(world, client, "warn")
    first = await warned.post("/accounts", json={"name": "Acme GmbH"})
    second = await warned.post("/accounts", json={"name": "acme gmbh"})

    assert "duplicates" not in first.headers
    assert (second.status_code, second.headers["duplicates"]) == (201, "1")
    path = second.headers["link"].partition(">")[0].removeprefix("<")
    (found,) = (await warned.get(f"http://test{path}")).json()["data"]
    assert found["id"] == first.json()["id"]


async def test_what_is_blocked_is_refused_on_every_way_with_what_is_there(client: Client, world: World) -> None:
    known = await make_account(client, name="Acme GmbH")
    blocked = await under(world, client, "block")
    body = {"name": "ACME GmbH"}
    operation = {"id": "a", "method": "POST", "path": "/accounts", "body": body}
    answers = [
        await blocked.post("/accounts", json=body),
        await blocked.put("/accounts/by/erp/1", json=body),
        await blocked.post("/contacts", json={"lastName": "Lovelace", "account": body}),
    ]

    for answer, pointer in zip(answers, ("/name", "/name", "/account/name"), strict=True):
        (fault,) = answer.json()["errors"]
        assert (answer.status_code, answer.json()["code"], fault["pointer"]) == (409, "duplicate", pointer)
        assert (fault["params"]["id"], fault["params"]["reasons"][0]["code"]) == (known["id"], "name")
    assert operation["body"] == body
    assert (await client.get("/accounts?count=exact")).json()["meta"]["count"] == 1
    assert (await client.get("/contacts?count=exact")).json()["meta"]["count"] == 0


async def test_who_insists_gets_the_record(client: Client, world: World) -> None:
    await make_account(client, name="Acme")
    blocked = await under(world, client, "block")
    answer = await blocked.post("/accounts", json={"name": "Acme"}, headers=INSIST)
    assert (answer.status_code, answer.headers["duplicates"]) == (201, "1")


async def test_changing_a_record_or_bringing_it_back_is_not_creating_one(client: Client, world: World) -> None:
    known = await make_account(client, name="Acme", externalIds={"erp": "1"})
    blocked = await under(world, client, "block")
    twin = (await blocked.post("/accounts", json={"name": "Acme"}, headers=INSIST)).json()
    assert (await blocked.put("/accounts/by/erp/1", json={"name": "Acme", "country": "France"})).status_code == 200
    assert (await blocked.patch(f"/accounts/{known['id']}", json={"country": "Spain"})).status_code == 200
    assert (await blocked.delete(f"/accounts/{twin['id']}")).status_code == 204
    assert (await blocked.post(f"/accounts/{twin['id']}/restore")).status_code == 200


async def test_of_ten_at_once_one_is_created(client: Client, world: World) -> None:
    blocked = await under(world, client, "block")
    answers = await asyncio.gather(*(blocked.post("/accounts", json={"name": "Acme"}) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 9]


async def test_a_score_below_the_least_does_not_count(client: Client, world: World) -> None:
    await make_account(client, name="Kilgore Logistics")
    blocked = await under(world, client, "block", leastScore=100)
    assert (await blocked.post("/accounts", json={"name": "Kilgore Logistics"})).status_code == 201


async def test_who_may_not_read_is_refused_without_being_told_of_what(client: Client, world: World) -> None:
    await make_account(client, name="Acme")
    await under(world, client, "block")
    writer = await world.key_of(client, scopes=["accounts:write"])
    answer = await writer.post("/accounts", json={"name": "Acme"})
    assert (answer.status_code, answer.json()["errors"][0]["params"]) == (409, {})


async def test_a_retried_change_of_the_policies_repeats_its_answer(client: Client) -> None:
    keyed = {"Idempotency-Key": "policies"}
    answers = [
        await client.patch("/duplicate-policies", json={"contact": {"action": "warn"}}, headers=keyed) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("policy", [{"action": "shout"}, {"action": "warn", "leastScore": 0}, None])
async def test_a_policy_that_does_not_exist_is_refused(client: Client, policy: Any) -> None:
    answer = await client.patch("/duplicate-policies", json={"account": policy})
    assert answer.status_code == 422
