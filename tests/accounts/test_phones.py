"""Numbers without the code of a country are read by the country of their record, or of the organisation, on every path."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import crm
from app.domain.governance.schemas import TenantCreate
from tests.factories.accounts import make_account, make_contact
from tests.factories.leads import make_lead
from tests.world import Client, Place, World

BERLIN, PARIS = "+4930123456", "+33123456789"


async def of_country(world: World, client: Client, country: str | None) -> Client:
    """With a key of its own: those that are known already are so for up to a second."""
    assert (await client.patch("/tenant-settings", json={"country": country})).status_code == 200
    return await world.key_of(client)


@pytest.fixture
async def german(world: World, client: Client) -> Client:
    return await of_country(world, client, "DE")


async def test_every_path_reads_a_number_alike(german: Client) -> None:
    body = {"lastName": "Lovelace", "phone": "030 123456"}
    batch = {"operations": [{"id": "a", "method": "POST", "path": "/contacts", "body": body}]}
    lead = await make_lead(german, phone="(0)30 / 123456")
    made = [
        (await german.post("/contacts", json=body)).json(),
        (await german.put("/contacts/by/erp/1", json=body)).json(),
        (await german.put("/contacts/by/erp/1", json=body | {"phone": "+49 30 123456"})).json(),
        (await german.post("/batch", json=batch)).json()["results"][0]["body"],
        (await german.post("/contacts?dryRun=true", json=body)).json()["body"],
        (await german.post("/contacts", json=body | {"account": {"name": "Acme", "phone": "030 123456"}})).json(),
        lead,
    ]
    converted = (await german.post(f"/leads/{lead['id']}/convert", json={"contact": body, "opportunity": None})).json()
    made.append((await german.get(f"/contacts/{converted['convertedContactId']}")).json())
    made.append((await german.get(f"/accounts/{made[5]['accountId']}")).json())

    assert [one.get("phone", one) for one in made] == [BERLIN] * len(made)
    assert made[2]["version"] == 1
    for asked in ("030 123456", "030/123456", "+49 30 123456"):
        found = (await german.get("/contacts", params={"q": asked, "limit": 50})).json()["data"]
        assert {one["id"] for one in found} == {one["id"] for one in made if "accountId" in one} - {made[4]["id"]}, (
            asked
        )
    likely = (await german.post("/leads/duplicates", json={"phone": "030 123456"})).json()["data"]
    assert likely[0]["reasons"] == [{"code": "phone", "field": "phone", "detail": BERLIN[1:], "points": 80}]


async def test_what_is_looked_for_is_read_by_the_country_that_is_given_with_it(german: Client) -> None:
    contact = await make_contact(german, phone="+33 1 23 45 67 89")
    for country in ({"addresses": [{"country": "France"}]}, {}):
        answer = await german.post("/contacts/duplicates", json={"phone": "01 23 45 67 89", **country})
        assert [one["id"] for one in answer.json()["data"]] == ([contact["id"]] if country else [])


async def test_a_record_is_where_it_says_once_it_is_written(german: Client) -> None:
    paris = {"addresses": [{"city": "Lyon"}, {"country": "France"}, {"country": "DE"}]}
    account = await make_account(german, country="fr", addresses=[{"country": "US"}], phone="01 23 45 67 89")
    contact = await make_contact(german, phone="030 123456")
    item = f"/contacts/{contact['id']}"
    moved = (await german.patch(item, json=paris | {"otherPhones": [{"number": "01 23 45 67 89"}]})).json()
    later = (await german.patch(item, json={"phone": "01 23 45 67 89", "otherPhones": []})).json()
    back = (await german.patch(item, json={"phone": "030 123456", "addresses": []})).json()

    assert account["phone"] == PARIS
    assert (moved["phone"], moved["otherPhones"]) == (BERLIN, [{"number": PARIS}])
    assert (later["phone"], back["phone"]) == (PARIS, BERLIN)


async def test_a_country_that_we_do_not_know_is_none_of_the_tenants(german: Client) -> None:
    for country, status in (("Freedonia", 422), ("", 201), (" ", 201), (None, 201)):
        answer = await german.post("/leads", json={"lastName": "Hopper", "country": country, "phone": "030 123456"})
        assert answer.status_code == status, country
    elsewhere = {"name": "Acme", "addresses": [{"country": "Freedonia"}], "phone": "030 123456"}
    assert (await german.post("/accounts", json=elsewhere)).json()["code"] == "unknownCountry"


async def test_a_patch_on_an_older_version_wants_the_number_as_it_is_kept(german: Client) -> None:
    contact = await make_contact(german, phone="030 123456")
    item = f"/contacts/{contact['id']}"
    theirs = (await german.patch(item, json={"phone": "030 654321"})).json()
    same = await german.patch(item, json={"phone": "(030) 65 43 21", "baseVersion": 1})
    other = await german.patch(item, json={"phone": "030 111111", "baseVersion": 1})

    assert (same.status_code, same.json()["version"]) == (200, theirs["version"])
    assert (other.status_code, other.json()["code"]) == (409, "clash")
    assert other.json()["errors"][0]["params"] == {"base": BERLIN, "theirs": "+4930654321", "yours": "+4930111111"}


async def test_the_same_number_is_given_once_however_it_is_dialled(german: Client) -> None:
    body = {
        "lastName": "Lovelace",
        "phone": "+49 30 123456",
        "otherPhones": [{"number": "030 123456", "label": "desk"}],
    }
    answer = await german.post("/contacts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "repeated")


@pytest.mark.parametrize(
    ("body", "code", "pointers"),
    [
        ({"phone": "030 123456"}, "unknownCountry", ["/phone"]),
        ({"phone": "030 123456", "addresses": [{"country": "Freedonia"}]}, "unknownCountry", ["/phone"]),
        ({"phone": "030 123456", "addresses": [{"country": "US"}]}, "unknownNumber", ["/phone"]),
        (
            {"phone": "123 4567", "otherPhones": [{"number": BERLIN}, {"number": "12345"}], "addresses": [{"country": "US"}]},
            "unknownNumber",
            ["/phone", "/otherPhones/1/number"],
        ),
    ],
)  # fmt: skip
async def test_a_number_that_cannot_be_read_is_refused_with_what_to_do(
    client: Client, body: dict[str, Any], code: str, pointers: list[str]
) -> None:
    answer = await client.post("/contacts", json={"lastName": "Lovelace", **body})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [one["pointer"] for one in answer.json()["errors"]] == pointers
    assert "+49 30 123456" in answer.json()["detail"]
    assert ("PATCH /tenant-settings" in answer.json()["detail"]) is ("addresses" not in body)


async def test_the_settings_are_the_administrators_and_tell_who_changed_them(client: Client, world: World) -> None:
    member, stranger = await world.member_of(client), await world.tenant()
    assert (await client.get("/me")).json()["tenant"]["country"] is None
    assert (await member.patch("/tenant-settings", json={"country": "FR"})).status_code == 403
    keyed = {"Idempotency-Key": "settings"}
    first = await client.patch("/tenant-settings", json={"country": "DE"}, headers=keyed)
    assert (await client.patch("/tenant-settings", json={"country": "FR"})).json() == {"country": "FR"}
    again = await client.patch("/tenant-settings", json={"country": "DE"}, headers=keyed)
    assert first.json() == again.json() == {"country": "DE"}
    assert (await client.patch("/tenant-settings", json={})).json() == {"country": "FR"}
    assert (await member.get("/tenant-settings")).json() == {"country": "FR"}
    assert (await stranger.get("/tenant-settings")).json() == {"country": None}
    for wrong in ("fr", "ZZ", "EU", "Germany", "", 7):
        assert (await client.patch("/tenant-settings", json={"country": wrong})).status_code == 422, wrong
    async with world.place.connect() as administrator:
        row = await administrator.fetchrow(
            "select modified_by, modified_at > now() - interval '1 minute' as now from tenant where tenant_id = $1",
            client.tenant_id,
        )
    assert dict(row) == {"modified_by": client.user_id, "now": True}
    assert (await client.patch("/tenant-settings", json={"country": None})).json() == {"country": None}


async def test_a_changed_country_leaves_what_is_kept(client: Client, world: World) -> None:
    german = await of_country(world, client, "DE")
    contact = await make_contact(german, phone="030 123456")
    french = await of_country(world, client, "FR")
    assert (await french.patch(f"/contacts/{contact['id']}", json={"title": "CTO"})).json()["phone"] == BERLIN


@pytest.mark.parametrize("country", ["DE", None])
def test_a_tenant_begins_with_its_country(database_copy: Place, monkeypatch: Any, country: str | None) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", database_copy.url)
    monkeypatch.setenv("CRM_REDIS_URL", database_copy.redis_url)
    given = ["--country", country] if country else []
    made = CliRunner().invoke(crm, ["tenant", "create", "--name", "Acme", *given])
    assert made.exit_code == 0, made.output
    assert set(json.loads(made.stdout)) == {"tenantId", "userId", "adminKey"}
    assert CliRunner().invoke(crm, ["tenant", "create", "--name", "Acme", "--country", "Germany"]).exit_code == 2
    with pytest.raises(ValidationError):
        TenantCreate(name="Acme", country="XX")
