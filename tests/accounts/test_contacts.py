"""A contact that brings its account."""

import asyncio

from app.domain.kernel.ids import uuid7
from tests.factories.accounts import make_account, make_contact
from tests.world import Client, World


async def accounts(client: Client) -> list[str]:
    return [row["name"] for row in (await client.get("/accounts")).json()["data"]]


async def test_contact_and_account_come_into_being_together(client: Client) -> None:
    contact = await make_contact(client, account={"name": "New", "externalIds": {"sap": "1"}})
    account = (await client.get(f"/accounts/{contact['accountId']}")).json()
    assert (account["name"], account["version"], account["externalIds"]) == ("New", 1, {"sap": "1"})


async def test_contact_and_account_come_into_being_together_or_not_at_all(client: Client) -> None:
    taken = await make_contact(client, externalIds={"sap": "1"})
    for refused, code in (
        ({"id": taken["id"]}, "idTaken"),
        ({"externalIds": {"sap": "1"}}, "externalIdTaken"),
        ({"ownerId": str(uuid7())}, "unknownReference"),
    ):
        answer = await client.post("/contacts", json={"lastName": "x", "account": {"name": "Ghost"}} | refused)
        assert answer.json()["code"] == code
    assert await accounts(client) == []


async def test_both_have_one_event_each_in_one_transaction(client: Client, world: World) -> None:
    contact = await make_contact(client, account={"name": "New"})
    async with world.place.connect() as administrator:
        rows = await administrator.fetch(
            "select type, xmin::text as writer from event where tenant_id = $1 and object in ('account', 'contact')"
            " order by settle, seq",
            client.tenant_id,
        )
    assert [row["type"] for row in rows] == ["account.created", "contact.created"]
    assert len({row["writer"] for row in rows}) == 1
    assert contact["version"] == 1


async def test_what_is_refused_of_the_account_is_named_inside_it(client: Client) -> None:
    await make_account(client, externalIds={"sap": "1"})
    for account, status, pointer in (
        ({}, 422, "/account/name"),
        ({"name": "x", "nope": 1}, 422, "/account/nope"),
        ({"name": "x", "parentId": str(uuid7())}, 422, "/account/parentId"),
        ({"name": "x", "externalIds": {"sap": "1"}}, 409, "/account/externalIds"),
    ):
        answer = await client.post("/contacts", json={"lastName": "x", "account": account})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, pointer)
    assert len(await accounts(client)) == 1


async def test_an_account_is_either_given_or_named(client: Client) -> None:
    account = await make_account(client)
    both = await client.post("/contacts", json={"lastName": "x", "accountId": account["id"], "account": {"name": "y"}})
    assert (both.status_code, both.json()["errors"][0]["pointer"]) == (422, "/account")
    neither = await client.post("/contacts", json={"lastName": "x", "account": None})
    assert (neither.status_code, neither.json()["accountId"]) == (201, None)


async def test_who_may_not_write_accounts_cannot_bring_one(client: Client, world: World) -> None:
    writer = await world.key_of(client, scopes=["contacts:write"])
    refused = await writer.post("/contacts", json={"lastName": "x", "account": {"name": "y"}})
    assert (refused.status_code, refused.json()["code"]) == (403, "missingScope")
    assert (await writer.post("/contacts", json={"lastName": "x"})).status_code == 201


async def test_the_key_of_such_a_create_keeps_the_answer_of_the_contact(client: Client) -> None:
    headers, body = {"Idempotency-Key": "nested"}, {"lastName": "x", "account": {"name": "Once"}}
    answers = await asyncio.gather(*(client.post("/contacts", json=body, headers=headers) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert "lastName" in answers[0].json()
    assert await accounts(client) == ["Once"]


async def test_an_account_is_brought_by_post_only(client: Client) -> None:
    contact = await make_contact(client)
    for method, path in (("PATCH", f"/contacts/{contact['id']}"), ("PUT", "/contacts/by/sap/1")):
        answer = await client.request(method, path, json={"lastName": "x", "account": {"name": "y"}})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/account")
