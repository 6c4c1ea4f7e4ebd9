"""Ways to reach people are kept in one form, and hostile text stays text."""

from typing import Any

import pytest

from tests.factories.accounts import make_account, make_account_relation, make_contact
from tests.factories.leads import make_lead
from tests.world import Client

SCRIPT = "<script>alert('x')</script> {{7*7}} '; drop table contact; -- \u202e"


@pytest.mark.parametrize("dialled", ["+49 (0)30 123-456", "0049 30/123.456", "+4930123456"])
async def test_a_phone_is_kept_as_e164(client: Client, dialled: str) -> None:
    contact = await make_contact(client, phone=dialled, otherPhones=[{"number": "+1 (212) 555-0100", "label": "desk"}])
    assert contact["phone"] == "+4930123456"
    assert contact["otherPhones"] == [{"number": "+12125550100", "label": "desk"}]
    found = (await client.get("/contacts", params={"phone": "+4930123456"})).json()["data"]
    assert [one["id"] for one in found] == [contact["id"]]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Ada.L@EXAMPLE.Com", "Ada.L@example.com"),
        ("ada@MÜLLER.example", "ada@müller.example"),
        ("ada@xn--mller-kva.example", "ada@müller.example"),
        ("ada@mu\u0308ller.example", "ada@müller.example"),
        ("ada@faß.example", "ada@faß.example"),
        ("ada@例え.テスト", "ada@例え.テスト"),
        ("ada@دامنه.example", "ada@دامنه.example"),
        ("ada@r3---sn-4g5e6n.example", "ada@r3---sn-4g5e6n.example"),
    ],
)
async def test_the_domain_of_an_email_is_kept_in_one_form(client: Client, written: str, kept: str) -> None:
    assert (await make_contact(client, email=written))["email"] == kept
    assert (await make_lead(client, email=written))["email"] == kept


async def test_either_writing_of_a_domain_is_the_same_company(client: Client) -> None:
    account = await make_account(client, website="https://www.müller.example/start")
    found = await client.post("/accounts/duplicates", json={"name": "Mueller", "website": "xn--mller-kva.example"})
    assert found.status_code == 200, found.text
    assert [one["id"] for one in found.json()["data"]] == [account["id"]]


BAD: list[dict[str, Any]] = [
    {"phone": "030 123456"},
    {"phone": "+49"},
    {"phone": "+49 30 ABCDEF"},
    {"phone": "+((((((("},
    {"phone": "+" + "1" * 30},
    {"email": "ada"},
    {"email": "ada@"},
    {"email": "ada@localhost"},
    {"email": "ada@-b.example"},
    {"email": "ada@b-.example"},
    {"email": "ada@xn--zz.example"},
    {"email": "ada@a\u0301\u200d.example"},
    {"email": f"ada@{'ü' * 60}.example"},
    {"otherEmails": [{"address": "ada@"}]},
    {"otherEmails": [{"address": f"a{n}@b.example"} for n in range(1_000)]},
    {"otherEmails": [{"address": "a@b.example", "secret": 1}]},
    {"otherEmails": [{}]},
    {"otherEmails": None},
    {"otherPhones": [{"number": "12"}]},
    {"addresses": [{"street": "x" * 301}]},
    {"addresses": ["Leeds"]},
    {"socialProfiles": [{"network": "x"}]},
    {"tags": [""]},
    {"timeZone": "Europe/Atlantis"},
    {"locale": "klingon"},
    {"birthday": "2026-02-30"},
    {"doNotEmail": "yes"},
]


@pytest.mark.parametrize("bad", BAD, ids=lambda one: str(one)[:40])
async def test_what_cannot_reach_anybody_is_refused_and_named(client: Client, bad: dict[str, Any]) -> None:
    (member,) = bad
    answer = await client.post("/contacts", json={"lastName": "Lovelace", **bad})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{member}")


async def test_the_same_email_or_phone_is_given_once_on_every_way(client: Client) -> None:
    contact = await make_contact(client, email="ada@a.example", otherEmails=[{"address": "ada@b.example"}])
    item = f"/contacts/{contact['id']}"
    for body, pointer in (
        ({"otherEmails": [{"address": "ADA@a.example"}]}, "/otherEmails/0/address"),
        ({"email": "ada@b.example"}, "/otherEmails/0/address"),
        ({"otherPhones": [{"number": "+4930123456"}, {"number": "0049 30 123456"}]}, "/otherPhones/1/number"),
    ):
        answer = await client.patch(item, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "repeated")
        assert answer.json()["errors"][0]["pointer"] == pointer
    swapped = {"email": "ada@b.example", "otherEmails": [{"address": "ada@a.example"}]}
    assert (await client.patch(item, json=swapped)).status_code == 200


async def test_a_script_is_a_text_in_every_text(client: Client) -> None:
    texts = {"name": SCRIPT, "industry": SCRIPT, "website": SCRIPT, "country": SCRIPT, "description": SCRIPT}
    account = await make_account(client, **texts, tags=["<b>"], addresses=[{"street": SCRIPT, "city": SCRIPT}])
    assert {name: account[name] for name in texts} == texts
    contact = await make_contact(client, firstName=SCRIPT, lastName=SCRIPT, title=SCRIPT, description=SCRIPT)
    assert [contact[name] for name in ("firstName", "lastName", "title", "description")] == [SCRIPT] * 4
    assert (await client.get(f"/contacts/{contact['id']}")).headers["content-type"] == "application/json"


async def test_a_contact_does_not_report_to_itself_however_far_up(client: Client) -> None:
    boss = await make_contact(client)
    contact = await make_contact(client, reportsToId=boss["id"])
    answer = await client.patch(f"/contacts/{boss['id']}", json={"reportsToId": contact["id"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "cycle")


async def test_a_contact_has_further_accounts_by_relations(client: Client) -> None:
    account, contact = await make_account(client), await make_contact(client)
    relation = await make_account_relation(
        client, accountId=account["id"], contactId=contact["id"], role="payer", startsOn="2026-01-01"
    )
    shown = (await client.get(f"/contacts/{contact['id']}?expand=accountRelations.account")).json()
    assert shown["accountRelations"]["data"][0]["account"]["id"] == account["id"]
    for body in ({"endsOn": "2025-12-31"}, {"startsOn": "2026-05-01", "endsOn": "2026-04-30"}):
        answer = await client.patch(f"/account-relations/{relation['id']}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "endsBeforeStart")
    assert (await client.delete(f"/accounts/{account['id']}")).status_code == 409
