"""Marketing hands a lead to sales, up to its conversion."""

from typing import Any

from tests.factories.accounts import make_account
from tests.factories.making import make
from tests.world import Client, World

VISITOR = {
    "firstName": "Jane",
    "lastName": "Doe",
    "company": "Acme Corp",
    "title": "Head of IT",
    "email": "jane.doe@acme.example",
    "source": "Web - eBook Download",
    "utm": {"source": "newsletter", "medium": "email"},
}


SCORING = {
    "name": "Website",
    "active": True,
    "rules": [{"key": "download", "label": "Downloaded", "when": "source.endsWith('Download')", "points": 20}],
    "behaviours": [
        {"key": "visit", "label": "Visited the prices", "points": 8, "halvesAfterDays": 7, "most": 40},
        {"key": "demo", "label": "Asked for a demo", "points": 40},
    ],
    "thresholds": [{"score": 60, "status": "qualified", "rating": "hot"}],
}


async def taken_up(client: Client, world: World) -> tuple[Client, dict[str, Any]]:
    """What comes from the website waits in a queue, from which one of the representatives takes it."""
    rep = await world.member_of(client)
    queue = await make(client, "queues", {"name": "Web", "members": [str(rep.user_id)]}, {})
    rule = {"name": "Web", "position": 1, "when": "source.startsWith('Web')", "queueId": queue["id"]}
    await make(client, "assignment-rules", rule, {})
    await make(client, "scoring-models", SCORING, {})
    lead = await make(client, "leads", VISITOR, {})
    assert (lead["status"], lead["ownerId"], lead["queueId"]) == ("new", None, queue["id"])

    refused = await client.post(f"/leads/{lead['id']}/take")
    assert (refused.status_code, refused.json()["code"]) == (403, "notMember")
    taken = (await rep.post(f"/leads/{lead['id']}/take")).json()
    assert (taken["ownerId"], taken["queueId"]) == (str(rep.user_id), None)
    return rep, taken


async def gets_hot(client: Client, url: str) -> list[tuple[int, str, str | None]]:
    """What the lead is before and after each of the things it does; the facts of its score say why."""
    seen = []
    for behaviour in (None, "visit", "demo"):
        if behaviour:
            assert (await client.post(f"{url}/behaviours", json={"behaviour": behaviour})).status_code == 201
        lead = (await client.get(url)).json()
        seen.append((lead["score"], lead["status"], lead["rating"]))
    why = (await client.get("/explain/score", params={"leadId": lead["id"]})).json()
    assert [(one["key"], one["points"]) for one in why["facts"]] == [("download", 20), ("visit", 8), ("demo", 40)]
    return seen


async def test_from_a_download_to_a_deal(client: Client, world: World) -> None:
    rep, lead = await taken_up(client, world)
    acme = await make_account(client, name="Acme Corporation", website="https://www.acme.example")
    url = f"/leads/{lead['id']}"

    # What the visitor does on the website makes the lead hot, and qualifies it.
    assert await gets_hot(client, url) == [(20, "new", None), (28, "new", None), (68, "qualified", "hot")]

    # After a call she is sure, and looks what the conversion would do.
    assert (await rep.post(f"{url}/contact")).json()["firstRespondedAt"] is not None
    proposal = (await rep.get(f"{url}/conversion")).json()
    assert proposal["account"]["use"] == acme["id"]
    preview = (await rep.post(f"{url}/convert", json={}, headers={"Prefer": "dry-run"})).json()
    assert [(one["change"], one["object"]) for one in preview["writes"]] == [
        ("created", "contact"),
        ("created", "opportunity"),
        ("updated", "lead"),
    ]
    assert (await rep.get(url)).json()["status"] == "qualified"

    # She converts it. The request gets lost on its way back and is sent once more: nothing happens twice.
    wanted = {"opportunity": {"name": "Acme Corp - Potential Deal"}}
    converted = await rep.post(f"{url}/convert", json=wanted, headers={"Idempotency-Key": "convert"})
    again = await rep.post(f"{url}/convert", json=wanted, headers={"Idempotency-Key": "convert"})
    assert (converted.status_code, again.content) == (200, converted.content)
    lead = converted.json()
    assert (lead["status"], lead["convertedAccountId"]) == ("converted", acme["id"])

    contact = (await rep.get(f"/contacts/{lead['convertedContactId']}")).json()
    assert (contact["lastName"], contact["email"], contact["accountId"]) == ("Doe", VISITOR["email"], acme["id"])
    deal = (await rep.get(f"/opportunities/{lead['convertedOpportunityId']}")).json()
    assert (deal["name"], deal["stage"], deal["accountId"]) == ("Acme Corp - Potential Deal", "prospecting", acme["id"])
    overview = (await rep.get(f"/accounts/{acme['id']}/overview")).json()
    assert [one["id"] for one in overview["openOpportunities"]["data"]] == [deal["id"]]

    # From now on the lead is a record of what was.
    locked = await rep.patch(url, json={"company": "Acme Inc"})
    assert (locked.status_code, locked.json()["code"]) == (409, "leadConverted")
