"""Sales team account and contact management, as a representative lives through it."""

from tests.factories.accounts import make_account, make_contact
from tests.factories.pipeline import make_opportunity
from tests.world import Client, World


async def test_a_new_person_at_a_known_company(client: Client, world: World) -> None:
    """Before a call she looks whether the company is known, and adds the person she has met there."""
    acme = await make_account(client, name="Acme Corp", website="https://acme.example")
    await make_account(client, name="Zenith Works")
    await make_contact(client, firstName="John", lastName="Doe", accountId=acme["id"])
    deal = await make_opportunity(client, name="Acme - Pumps", accountId=acme["id"])
    anna = await world.member_of(client)

    found = (await anna.get("/search", params={"q": "acme cor", "objects": "account"})).json()["data"]
    (hit,) = found[0]["hits"]
    assert (hit["id"], hit["title"]) == (acme["id"], "Acme Corp")

    jane = {"firstName": "Jane", "lastName": "Smith", "email": "jane.smith@acme.example", "accountId": hit["id"]}
    created = await anna.post("/contacts", json=jane, headers={"Idempotency-Key": "jane"})
    again = await anna.post("/contacts", json=jane, headers={"Idempotency-Key": "jane"})
    assert (created.status_code, again.content) == (201, created.content)
    contact = created.json()

    overview = (await anna.get(f"/accounts/{acme['id']}/overview")).json()
    assert {one["lastName"] for one in overview["contacts"]["data"]} == {"Doe", "Smith"}
    assert [one["id"] for one in overview["openOpportunities"]["data"]] == [deal["id"]]
    seen_from_jane = (await anna.get(f"/contacts/{contact['id']}", params={"expand": "account"})).json()
    assert seen_from_jane["account"]["name"] == "Acme Corp"

    await world.settled()
    history = (await anna.get(f"/contacts/{contact['id']}/history")).json()["data"]
    assert [(one["type"], one["actor"]["id"]) for one in history] == [("contact.created", str(anna.user_id))]


async def test_an_unknown_company_comes_with_its_first_person(client: Client) -> None:
    """Nobody knows the company yet: both are entered in one step, and a second look finds them."""
    company = {"name": "Initech GmbH", "website": "https://initech.example"}
    assert (await client.post("/accounts/duplicates", json=company)).json()["data"] == []

    peter = await make_contact(client, firstName="Peter", lastName="Gibbons", account=company)
    account = (await client.get(f"/accounts/{peter['accountId']}")).json()
    assert account["name"] == "Initech GmbH"

    (twin,) = (await client.post("/accounts/duplicates", json={"name": "INITECH"})).json()["data"]
    assert twin["id"] == account["id"]
    assert [reason["code"] for reason in twin["reasons"]] == ["name"]


async def test_a_company_with_people_does_not_vanish_by_accident(client: Client) -> None:
    acme = await make_account(client)
    jane = await make_contact(client, accountId=acme["id"])

    refused = await client.delete(f"/accounts/{acme['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "referenced")

    assert (await client.patch(f"/accounts/{acme['id']}", json={"status": "inactive"})).json()["status"] == "inactive"
    assert (await client.get(f"/contacts/{jane['id']}")).json()["accountId"] == acme["id"]
