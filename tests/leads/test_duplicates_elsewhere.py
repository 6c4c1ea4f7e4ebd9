"""A lead may be somebody who is a contact already: known by email, phone, or name and company."""

import random
from dataclasses import replace
from typing import Any

import pytest

from app.api import auth
from app.domain.kernel.actor import as_array
from app.domain.kernel.schema import Schema
from app.domain.matching.schemas import USUAL_SCORE
from app.domain.registry import CATALOG
from tests.factories.accounts import make_account, make_contact
from tests.factories.leads import make_lead
from tests.matching.test_duplicates import candidates
from tests.world import Client, World, running

GRACE = {"firstName": "Grace", "lastName": "Hopper"}
BODY = {**GRACE, "company": "Acme Inc."}
PEOPLE = [
    {"firstName": first, "lastName": last}
    for first, last in (("Grace", "Hopper"), ("Alan", "Turing"), ("Kurt", "Gödel"))
]
COMPANIES, EMAILS, PHONES = ("Acme", "Zyxon", None), ("a@home.example", "b@home.example", None), ("+4930123456", None)


def score(lead: dict[str, Any], contact: dict[str, Any]) -> int:
    """As the documentation has it: each reason counts of what those before it have left."""
    shares = [("email", 0.96), ("phone", 0.80)]
    counts = [share for name, share in shares if lead[name] and lead[name] == contact[name]]
    if lead["lastName"] == contact["lastName"]:
        counts += [0.60, 0.85] if lead["company"] and lead["company"] == contact["company"] else [0.60]
    left = 100
    for share in counts:
        left -= round(left * share)
    return 100 - left


def somebody(chance: random.Random) -> dict[str, Any]:
    known = {"company": chance.choice(COMPANIES), "email": chance.choice(EMAILS), "phone": chance.choice(PHONES)}
    return chance.choice(PEOPLE) | known


async def test_contacts_are_found_with_the_score_that_their_values_give(client: Client, seed: int) -> None:
    chance = random.Random(seed)
    accounts = {name: (await make_account(client, name=name))["id"] for name in COMPANIES if name}
    people = [somebody(chance) for _ in range(4)]
    made = {}
    for one in people:
        values = {name: value for name, value in one.items() if name != "company"}
        contact = await make_contact(client, **values, accountId=accounts.get(one["company"]))
        made[contact["id"]] = one
    for _ in range(25):
        lead = somebody(chance)
        found = await candidates(client, "leads", **lead)
        expected = {record_id: score(lead, one) for record_id, one in made.items()}
        assert {(one["object"], one["id"], one["score"]) for one in found} == {
            ("contact", record_id, points) for record_id, points in expected.items() if points >= 25
        }
        for one in found:
            assert one["score"] == sum(reason["points"] for reason in one["reasons"])


async def test_name_and_company_tell_together_and_a_colleague_is_somebody_else(client: Client) -> None:
    acme, other = [await make_account(client, name=name) for name in ("ACME GmbH", "Zyxon")]
    grace = await make_contact(client, **GRACE, accountId=acme["id"])
    namesake = await make_contact(client, **GRACE, accountId=other["id"])
    await make_contact(client, firstName="Jean", lastName="Sammet", accountId=acme["id"])

    first, second = await candidates(client, "leads", firstName="Grace", lastName="Hoper", company="Acme Inc.")

    assert (first["id"], second["id"]) == (grace["id"], namesake["id"])
    assert [(one["code"], one["field"]) for one in first["reasons"]] == [("name", "lastName"), ("company", "accountId")]
    assert first["score"] >= USUAL_SCORE > second["score"]
    assert await candidates(client, "leads", company="Acme Inc.") == []


async def test_the_reasons_are_explained_and_what_a_lead_became_is_no_duplicate(client: Client) -> None:
    acme = await make_account(client, name="Acme")
    contact = await make_contact(client, **GRACE, otherEmails=[{"address": "grace@home.example"}], accountId=acme["id"])
    lead = await make_lead(client, **BODY, email="GRACE@home.example")
    path = f"/leads/{lead['id']}/duplicates"

    (found,) = (await client.get(path)).json()["data"]
    asked = {"object": "lead", "id": lead["id"], "other": contact["id"], "otherObject": "contact"}
    explained = (await client.get("/explain/duplicates", params=asked)).json()
    unrelated = await client.get("/explain/duplicates", params=asked | {"otherObject": "account", "other": acme["id"]})
    unknown = await client.get("/explain/duplicates", params=asked | {"otherObject": "user"})
    choice = {"contact": {"id": contact["id"]}, "opportunity": None}
    converted = await client.post(f"/leads/{lead['id']}/convert", json=choice)
    assert converted.json().get("convertedContactId") == contact["id"], converted.text

    assert explained == {"score": found["score"], "reasons": found["reasons"]}
    assert [one["code"] for one in found["reasons"]] == ["email", "name", "company"]
    assert unrelated.json() == {"score": 0, "reasons": []}
    assert unknown.status_code == 400
    assert (await client.get(path)).json()["data"] == []


async def under(world: World, client: Client, action: str, **key: Any) -> Client:
    assert (await client.patch("/duplicate-policies", json={"lead": {"action": action}})).status_code == 200
    return await world.key_of(client, **key)


async def test_a_lead_that_is_a_contact_already_is_blocked_on_every_path(client: Client, world: World) -> None:
    contact = await make_contact(client, **GRACE, email="grace@home.example")
    blocked, body = await under(world, client, "block"), {"lastName": "Murray", "email": "grace@home.example"}
    batch = {"operations": [{"id": "a", "method": "POST", "path": "/leads", "body": body}]}
    refused = [
        (await blocked.post("/leads", json=body)).json(),
        (await blocked.put("/leads/by/erp/1", json=body)).json(),
        (await blocked.post("/leads?dryRun=true", json=body)).json(),
        (await blocked.post("/batch", json=batch)).json(),
    ]
    for one in refused:
        (fault,) = one["errors"]
        assert (one["code"], fault["pointer"].removeprefix("/operations/0/body")) == ("duplicate", "/email"), one
        assert {name: fault["params"][name] for name in ("object", "id")} == {"object": "contact", "id": contact["id"]}
    assert (await client.get("/leads?count=exact")).json()["meta"]["count"] == 0
    insisting = await blocked.post("/leads", json=body, headers={"Prefer": "allow-duplicates"})
    assert (insisting.status_code, insisting.headers["duplicates"]) == (201, "1")


async def test_a_warning_counts_contacts_and_leads(client: Client, world: World) -> None:
    await make_contact(client, **GRACE, email="grace@home.example")
    await make_lead(client, **BODY, email="grace@home.example")
    warned = await under(world, client, "warn")
    answer = await warned.post("/leads", json={"lastName": "Murray", "email": "grace@home.example"})
    assert (answer.status_code, answer.headers["duplicates"]) == (201, "2")
    path = answer.headers["link"].partition(">")[0].removeprefix("<")
    found = (await warned.get(f"http://test{path}")).json()["data"]
    assert [one["object"] for one in found] == ["lead", "contact"]


@pytest.mark.parametrize("scopes", [["leads:write", "leads:read"], ["leads:write", "leads:read", "contacts:read"]])
async def test_who_may_not_read_them_is_told_of_no_contacts(client: Client, world: World, scopes: list[str]) -> None:
    """The contact by its name and company only: without the company it would be a namesake."""
    acme = await make_account(client, name="Acme")
    await make_contact(client, **GRACE, accountId=acme["id"])
    narrow = await under(world, client, "block", scopes=scopes)

    found = await candidates(narrow, "leads", **BODY)
    refused = await narrow.post("/leads", json=BODY)

    assert [one["score"] for one in found] == ([60] if "contacts:read" in scopes else [])
    assert "Acme" not in str(found)
    assert (refused.status_code, refused.json()["errors"][0]["params"]) == (409, {})
    assert "Grace" not in refused.text


@pytest.mark.parametrize(
    "hidden",
    [{"contact": "email"}, {"lead": "email"}, {"account": "name"}, {"contact": "account_id"}, {"lead": "company"}],
)
async def test_a_hidden_field_gives_nothing_away(client: Client, world: World, hidden: dict[str, str]) -> None:
    acme = await make_account(client, name="Acme")
    await make_contact(client, **GRACE, email="grace@home.example", accountId=acme["id"])
    lead = await make_lead(client, **BODY, email="grace@home.example")
    schema = Schema(CATALOG, hidden={name: frozenset({column}) for name, column in hidden.items()})
    async with running(world.place, schema=schema) as other:
        viewer = Client(other.app, client.tenant_id, client.user_id, client.key)
        (found,) = (await viewer.get(f"/leads/{lead['id']}/duplicates")).json()["data"]
    codes = ["name", "company"] if "email" in hidden.values() else ["email", "name"]
    assert [one["code"] for one in found["reasons"]] == codes


@pytest.mark.parametrize("narrowed", ["contact", "account"])
async def test_records_of_others_are_compared_with_nothing(
    client: Client, stranger: Client, world: World, narrowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those of another tenant nor those of another owner, where owners decide who sees them."""
    find = auth.find_credential

    async def find_owner(*asked: Any) -> Any:
        found = await find(*asked)
        return found and replace(found, actor=replace(found.actor, owners=as_array((found.actor.id,))))

    acme = await make_account(client, name="Acme")
    await make_contact(client, **GRACE, email="grace@home.example", accountId=acme["id"])
    asked = {**BODY, "email": "grace@home.example"}
    assert await candidates(stranger, "leads", **asked) == []
    await under(world, client, "block")
    monkeypatch.setattr(auth, "find_credential", find_owner)
    async with running(world.place, schema=Schema(CATALOG, by_owner=frozenset({narrowed}))) as other:
        viewer = Client(other.app, client.tenant_id, client.user_id, client.key)
        found = await candidates(viewer, "leads", **asked)
        made = await viewer.post("/leads", json=asked)
    assert [[reason["code"] for reason in one["reasons"]] for one in found] == (
        [] if narrowed == "contact" else [["email", "name"]]
    )
    assert made.status_code == (201 if narrowed == "contact" else 409)
