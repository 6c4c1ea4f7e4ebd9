"""Which records may be the same, as far as who asks may know."""

from typing import Any

from app.domain.kernel.ids import uuid7
from tests.factories.accounts import make_account, make_contact
from tests.world import Client, World


async def candidates(client: Client, plural: str, **given: Any) -> list[dict[str, Any]]:
    answer = await client.post(f"/{plural}/duplicates", json=given)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_a_misspelt_company_is_found_with_its_score_and_reasons(client: Client) -> None:
    account = await make_account(
        client, name="Kilgore Brothers Manufacturing GmbH", website="https://www.kilgore.example"
    )
    await make_account(client, name="Brandeis Manufacturing GmbH")

    (found,) = await candidates(client, "accounts", name="kilgroe bros mfg", website="kilgore.example/en")

    assert (found["id"], found["title"]) == (account["id"], account["name"])
    assert {one["code"] for one in found["reasons"]} == {"domain", "name"}
    assert found["score"] == sum(one["points"] for one in found["reasons"]) > 85


async def test_a_word_with_two_wrong_strokes_is_found_where_nothing_nearer_is(client: Client) -> None:
    account = await make_account(client, name="Hengdor International AG")
    found = await candidates(client, "accounts", name="Heengodr Intl S.A.")
    assert [one["id"] for one in found] == [account["id"]]

    nearer = await make_account(client, name="Heengodor Foods")
    found = await candidates(client, "accounts", name="Heengodr Intl S.A.")
    assert [one["id"] for one in found] == [nearer["id"]]
    assert await candidates(client, "accounts", name="Something else") == []


async def test_a_public_mail_domain_says_nothing_of_a_company(client: Client) -> None:
    await make_account(client, name="Acme", website="https://gmail.com")
    known = await make_account(client, name="Kilgore", website="https://kilgore.example")

    assert await candidates(client, "accounts", email="ada@gmail.com") == []
    assert [one["id"] for one in await candidates(client, "accounts", email="ada@kilgore.example")] == [known["id"]]


async def test_a_person_is_known_by_email_then_phone_then_name(client: Client) -> None:
    by_email = await make_contact(client, firstName="A.", lastName="King", email="ada@Example.com")
    by_phone = await make_contact(client, lastName="Byron", phone="+442079460000")
    by_name = await make_contact(client, firstName="Ada", lastName="Lovelace")
    await make_contact(client, firstName="Grace", lastName="Hopper")

    found = await candidates(
        client, "contacts", firstName="Ada", lastName="Lovelace", email="ADA@example.com", phone="0044 (0)20 7946-0000"
    )

    assert [one["id"] for one in found] == [by_email["id"], by_phone["id"], by_name["id"]]
    assert [one["reasons"][0]["code"] for one in found] == ["email", "phone", "name"]


async def test_a_record_is_no_duplicate_of_itself_and_the_explanation_adds_up(client: Client) -> None:
    one, other = [await make_account(client, name=name) for name in ("Acme GmbH", "ACME Ltd")]

    (found,) = (await client.get(f"/accounts/{one['id']}/duplicates")).json()["data"]
    asked = {"object": "account", "id": one["id"], "other": other["id"]}
    explained = (await client.get("/explain/duplicates", params=asked)).json()

    assert found["id"] == other["id"]
    assert explained == {"score": found["score"], "reasons": found["reasons"]}


async def test_nobody_is_told_of_records_of_others(client: Client, stranger: Client, world: World) -> None:
    account = await make_account(client, name="Acme")
    assert await candidates(stranger, "accounts", name="Acme") == []
    answers = [await stranger.get(f"/accounts/{one}/duplicates") for one in (account["id"], uuid7())]
    assert [answer.status_code for answer in answers] == [404, 404]
    blind = await world.key_of(client, scopes=["contacts:read", "accounts:write"])
    assert (await blind.post("/accounts/duplicates", json={"name": "Acme"})).status_code == 403


async def test_nothing_to_compare_finds_nothing_and_what_is_no_text_is_refused(client: Client) -> None:
    await make_account(client, name="Acme")
    assert await candidates(client, "accounts") == []
    assert await candidates(client, "accounts", name="§ %_ '\"") == []
    assert await candidates(client, "accounts", name="<script>alert(1)</script>" * 100) == []
    for body in ({"name": 7}, {"name": "a\0b"}, {"parentId": None}):
        assert (await client.post("/accounts/duplicates", json=body)).status_code == 422
