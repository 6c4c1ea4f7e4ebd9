"""Leads that may be the same person."""

from tests.factories.leads import make_lead
from tests.world import Client, World


async def test_the_same_person_is_found_by_email_phone_and_name_and_a_colleague_is_not(client: Client) -> None:
    grace = await make_lead(client, phone="+4930123456")
    await make_lead(client, firstName="Jean", lastName="Sammet", email="jean@acme.example")
    asked = {"email": "Grace@Acme.example", "phone": "+49 30 123456", "firstName": "Grace", "lastName": "Hoper"}
    answer = await client.post("/leads/duplicates", json=asked)
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["data"]
    assert found["id"] == grace["id"]
    assert [one["code"] for one in found["reasons"]] == ["email", "phone", "name"]


async def test_an_organisation_may_forbid_leads_that_are_there_already(world: World, client: Client) -> None:
    policy = {"lead": {"action": "block", "leastScore": 85}}
    assert (await client.patch("/duplicate-policies", json=policy)).status_code == 200
    anew = await world.key_of(client)  # those that are known already are so for up to a second
    body = {"lastName": "Hopper", "email": "grace@acme.example"}
    first, second = [await anew.post("/leads", json=body) for _ in range(2)]
    insisting = await anew.post("/leads", json=body, headers={"Prefer": "allow-duplicates"})
    assert [one.status_code for one in (first, second, insisting)] == [201, 409, 201]
    assert second.json()["code"] == "duplicate"
