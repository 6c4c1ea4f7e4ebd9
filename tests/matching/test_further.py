"""Further emails and phones are compared like the first, both ways round."""

import random
from typing import Any

import pytest

from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from tests.factories.accounts import make_contact
from tests.matching.test_duplicates import candidates
from tests.world import Client, World, running

EMAILS = [f"{name}@{host}.example" for name in ("ada", "Grace", "jean") for host in ("work", "home")]
PHONES = [f"+49301234{last:02}" for last in range(5)]


def known_by(chance: random.Random) -> dict[str, Any]:
    """Somebody with some of a few emails and phones, one of each the first."""
    emails, phones = (chance.sample(pool, chance.randint(0, 3)) for pool in (EMAILS, PHONES))
    return {
        "email": emails[0] if emails else None,
        "otherEmails": [{"address": one} for one in emails[1:]],
        "phone": phones[0] if phones else None,
        "otherPhones": [{"number": one} for one in phones[1:]],
    }


def all_of(one: dict[str, Any]) -> tuple[set[str], set[str]]:
    emails = {one["email"], *(each["address"] for each in one["otherEmails"])} - {None}
    return {each.lower() for each in emails}, {one["phone"], *(each["number"] for each in one["otherPhones"])} - {None}


def score(one: dict[str, Any], other: dict[str, Any]) -> int:
    """As the documentation has it: an email counts 96 of the hundred, a phone 80 % of what is left."""
    emails, phones = (mine & theirs for mine, theirs in zip(all_of(one), all_of(other), strict=True))
    return (96 + 3 if phones else 96) if emails else (80 if phones else 0)


async def test_whoever_has_one_of_the_emails_or_phones_is_a_candidate(client: Client, seed: int) -> None:
    chance = random.Random(seed)
    people = [known_by(chance) for _ in range(4)]
    made = [await make_contact(client, firstName=None, lastName=f"{place}", **one) for place, one in enumerate(people)]
    for _ in range(25):
        asked = known_by(chance)
        found = await candidates(client, "contacts", **asked)
        expected = {one["id"]: score(asked, known) for one, known in zip(made, people, strict=True)}
        assert {one["id"]: one["score"] for one in found} == {one: points for one, points in expected.items() if points}


async def test_the_reason_names_where_it_stands(client: Client, stranger: Client) -> None:
    further = {
        "otherEmails": [{"address": "Ada@home.example", "label": "private"}],
        "otherPhones": [{"number": "+4930123456"}],
    }
    old = await make_contact(client, lastName="King", **further)
    new = await make_contact(client, lastName="Byron", email="ada@HOME.example", phone="+49 30 123456")

    (found,) = (await client.get(f"/contacts/{new['id']}/duplicates")).json()["data"]
    (back,) = (await client.get(f"/contacts/{old['id']}/duplicates")).json()["data"]

    assert (found["object"], found["id"], back["id"]) == ("contact", old["id"], new["id"])
    email, phone = ({"code": "email", "detail": "ada@home.example"}, {"code": "phone", "detail": "4930123456"})
    assert found["reasons"] == [
        {**email, "field": "otherEmails", "points": 96},
        {**phone, "field": "otherPhones", "points": 3},
    ]
    assert back["reasons"] == [{**email, "field": "email", "points": 96}, {**phone, "field": "phone", "points": 3}]
    assert await candidates(stranger, "contacts", email="ada@home.example", phone="+4930123456") == []


async def test_what_is_blocked_is_named_by_the_field_that_was_sent(client: Client, world: World) -> None:
    old = await make_contact(client, lastName="King", otherEmails=[{"address": "ada@home.example"}])
    assert (await client.patch("/duplicate-policies", json={"contact": {"action": "block"}})).status_code == 200
    blocked = await world.key_of(client)
    for sent, pointer in (
        ({"email": "ada@home.example"}, "/email"),
        ({"otherEmails": [{"address": "ada@home.example"}]}, "/otherEmails"),
    ):
        answer = await blocked.post("/contacts", json={"lastName": "Byron", **sent})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (409, pointer)
        assert answer.json()["errors"][0]["params"]["id"] == old["id"]


@pytest.mark.parametrize("hidden", ["other_emails", "email"])
async def test_a_hidden_list_leads_to_nobody(client: Client, world: World, hidden: str) -> None:
    """While what is seen of the two is compared as before."""
    listed = await make_contact(client, firstName=None, lastName="King", otherEmails=[{"address": "ada@home.example"}])
    first = await make_contact(client, firstName=None, lastName="Byron", email="ada@home.example")
    async with running(world.place, schema=Schema(CATALOG, hidden={"contact": frozenset({hidden})})) as other:
        viewer = Client(other.app, client.tenant_id, client.user_id, client.key)
        found = await candidates(viewer, "contacts", email="ada@home.example")
        asked = {"object": "contact", "id": first["id"], "other": listed["id"]}
        explained = (await viewer.get("/explain/duplicates", params=asked)).json()
    assert [one["id"] for one in found] == ([first["id"]] if hidden == "other_emails" else [])
    assert explained == {"score": 0, "reasons": []}
