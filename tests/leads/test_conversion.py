"""What a lead becomes, all or nothing, and what is proposed before."""

import asyncio
from typing import Any

import httpx

from app.domain.kernel.ids import uuid7
from tests.factories.accounts import make_account, make_contact
from tests.factories.governance import make_user
from tests.factories.leads import make_lead
from tests.world import Client, World

MADE = ("accounts", "contacts", "opportunities")


async def convert(client: Client, lead: dict[str, Any], body: Any = None, **headers: str) -> httpx.Response:
    return await client.post(f"/leads/{lead['id']}/convert", json=body or {}, headers=headers)


async def became(client: Client, answer: httpx.Response) -> tuple[Any, Any, Any]:
    """Account, contact and opportunity of a lead that was converted."""
    assert answer.status_code == 200, answer.text
    lead = answer.json()
    links = zip(MADE, ("convertedAccountId", "convertedContactId", "convertedOpportunityId"), strict=True)
    found = [(await client.get(f"/{plural}/{lead[link]}")).json() if lead[link] else None for plural, link in links]
    return found[0], found[1], found[2]


async def counts(client: Client) -> list[int]:
    return [(await client.get(f"/{plural}?count=exact")).json()["meta"]["count"] for plural in MADE]


async def test_without_any_choice_all_three_are_made_of_what_the_lead_says(client: Client) -> None:
    owner = (await make_user(client))["id"]
    lead = await make_lead(
        client,
        website="acme.example",
        industry="Finance",
        employees=12,
        country="DE",
        phone="+4930123456",
        title="Admiral",
        description="Met at the fair",
        ownerId=owner,
    )
    answer = await convert(client, lead)
    account, contact, opportunity = await became(client, answer)

    wanted = {"name": "Acme", "website": "acme.example", "industry": "Finance", "employees": 12, "country": "DE"}
    assert {name: account[name] for name in wanted} == wanted
    wanted = ("firstName", "lastName", "email", "phone", "title", "description", "doNotEmail", "doNotCall")
    assert {name: contact[name] for name in wanted} == {name: lead[name] for name in wanted}
    assert contact["accountId"] == opportunity["accountId"] == account["id"]
    assert (opportunity["name"], opportunity["primaryContactId"]) == ("Acme - Grace Hopper", contact["id"])
    assert {one["ownerId"] for one in (account, contact, opportunity)} == {owner}
    now = answer.json()
    assert (now["status"], now["version"], now["convertedBy"]) == ("converted", 2, str(client.user_id))
    assert now["convertedAt"] is not None
    event = (await client.get(f"/leads/{lead['id']}/history")).json()["data"][0]
    assert {"status", "convertedAccountId", "convertedContactId", "convertedOpportunityId"} <= {*event["changedFields"]}


async def test_what_is_chosen_is_taken_and_only_what_is_empty_is_filled(client: Client) -> None:
    account = await make_account(client, name="Acme Holding", industry=None, country="FR", employees=None)
    contact = await make_contact(client, firstName="G.", lastName="Hopper", phone=None)
    lead = await make_lead(client, industry="Finance", country="DE", employees=12, phone="+4930123456")
    choice = {"account": {"id": account["id"]}, "contact": {"id": contact["id"]}, "opportunity": None}
    after, person, opportunity = await became(client, await convert(client, lead, choice))

    assert (after["name"], after["country"], after["industry"], after["employees"]) == (
        "Acme Holding",
        "FR",
        "Finance",
        12,
    )
    assert (person["firstName"], person["phone"], person["email"]) == ("G.", "+4930123456", lead["email"])
    assert (person["id"], person["accountId"], opportunity) == (contact["id"], account["id"], None)


async def test_who_does_not_want_to_be_called_is_not_called_after_the_conversion_either(client: Client) -> None:
    contact = await make_contact(client, doNotEmail=True)
    lead = await make_lead(client, doNotCall=True)
    _, person, _ = await became(client, await convert(client, lead, {"contact": {"id": contact["id"]}}))
    assert (person["doNotEmail"], person["doNotCall"]) == (True, True)


async def test_fields_that_are_given_go_before_those_of_the_lead(client: Client) -> None:
    lead = await make_lead(client)
    money = {"amount": "1100.00", "currency": "EUR"}
    choice = {
        "account": {"name": "Acme Ltd"},
        "contact": {"lastName": "Murray"},
        "opportunity": {"name": "Rollout", "amount": money, "closeDate": "2027-06-30"},
        "ownerId": str(client.user_id),
    }
    account, contact, opportunity = await became(client, await convert(client, lead, choice))
    assert (account["name"], contact["lastName"], contact["firstName"]) == ("Acme Ltd", "Murray", "Grace")
    assert (opportunity["name"], opportunity["amount"], opportunity["closeDate"]) == ("Rollout", money, "2027-06-30")
    assert {one["ownerId"] for one in (account, contact, opportunity)} == {str(client.user_id)}


async def test_one_exact_match_is_used_and_of_two_none(client: Client) -> None:
    known = await make_account(client, name="Something else", website="https://www.acme.example/en")
    preview = (await client.get(f"/leads/{(await make_lead(client))['id']}/conversion")).json()
    first, contact, _ = await became(client, await convert(client, await make_lead(client)))
    again, same, _ = await became(client, await convert(client, await make_lead(client)))
    assert preview["account"]["use"] == known["id"] == first["id"] == again["id"]
    assert same["id"] == contact["id"]

    await make_account(client, name="And one more", website="acme.example")
    await make_contact(client, email="grace@acme.example")
    lead = await make_lead(client)
    preview = (await client.get(f"/leads/{lead['id']}/conversion")).json()
    assert (preview["account"]["use"], preview["contact"]["use"]) == (None, None)
    assert len(preview["contact"]["matches"]) == 2
    new, other, _ = await became(client, await convert(client, lead))
    assert new["id"] not in (known["id"], None)
    assert other["id"] != contact["id"]


async def test_a_contact_that_is_found_brings_its_account(client: Client) -> None:
    account = await make_account(client, name="Acme Holding")
    contact = await make_contact(client, email="grace@acme.example", accountId=account["id"])
    found, person, _ = await became(client, await convert(client, await make_lead(client)))
    assert (found["id"], person["id"]) == (account["id"], contact["id"])


async def test_the_preview_names_matches_with_reasons_that_add_up_and_writes_nothing(client: Client) -> None:
    account = await make_account(client, name="Acme Limited", website="acme.example")
    contact = await make_contact(client, firstName="Gracie", lastName="Hopper", email="other@x.example")
    lead = await make_lead(client)
    before = await counts(client)
    answer = await client.get(f"/leads/{lead['id']}/conversion")
    assert answer.status_code == 200, answer.text
    preview = answer.json()

    for part, record in (("account", account), ("contact", contact)):
        (match,) = preview[part]["matches"]
        assert match["id"] == record["id"]
        assert match["score"] == sum(reason["points"] for reason in match["reasons"]) <= 100
    assert {reason["code"] for reason in preview["account"]["matches"][0]["reasons"]} == {"name", "domain"}
    assert preview["contact"]["values"] == {name: lead[name] for name in ("firstName", "lastName", "email")}
    assert preview["opportunity"]["values"] == {"name": "Acme - Grace Hopper"}
    assert await counts(client) == before
    assert (await client.get(f"/leads/{lead['id']}")).json() == lead


async def test_a_converted_lead_is_locked_and_says_what_it_became(world: World, client: Client) -> None:
    lead = await make_lead(client)
    done = (await convert(client, lead)).json()
    url, member = f"/leads/{lead['id']}", await world.member_of(client)
    for answer in (
        await convert(client, lead),
        await client.patch(url, json={"title": "CTO"}),
        await client.patch(url, json={"ownerId": str(client.user_id)}),
        await client.post(f"{url}/contact"),
        await client.post(f"{url}/disqualify", json={"reason": "spam"}),
        await client.post(f"{url}/recycle"),
        await client.get(f"{url}/conversion"),
        await member.delete(url),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "leadConverted")
        links = {fault["pointer"].removeprefix("/"): fault["params"]["id"] for fault in answer.json()["errors"]}
        assert links == {name: done[name] for name in links}
        assert len(links) == 3
    assert (await client.get(url)).json() == done
    assert (await client.delete(url)).status_code == 204
    assert (await client.post(f"{url}/restore")).json()["convertedAccountId"] == done["convertedAccountId"]


async def test_a_refused_conversion_writes_nothing(client: Client, stranger: Client) -> None:
    theirs, lead = await make_account(stranger), await make_lead(client)
    before = await counts(client)
    refused = (
        ({"account": {"id": theirs["id"]}}, 422, "/account/id"),
        ({"account": {"id": str(uuid7())}}, 422, "/account/id"),
        ({"contact": {"id": str(uuid7())}}, 422, "/contact/id"),
        ({"account": {"id": theirs["id"], "name": "Acme"}}, 422, "/account/id"),
        ({"account": {"name": "New", "ownerId": str(stranger.user_id)}}, 422, "/account/ownerId"),
        ({"ownerId": str(stranger.user_id)}, 422, "/ownerId"),
        ({"opportunity": {"name": "X", "productId": str(uuid7())}}, 422, "/opportunity/productId"),
        ({"opportunity": {"accountId": theirs["id"]}}, 422, "/opportunity/accountId"),
        ({"contact": {"email": "no address"}}, 422, "/contact/email"),
    )
    for body, status, pointer in refused:
        answer = await convert(client, lead, body)
        assert answer.status_code == status, (body, answer.text)
        assert answer.json()["errors"][0]["pointer"].startswith(pointer), (body, answer.text)
    foreign, unknown = [
        (await convert(client, lead, {"account": {"id": one}})).json() | {"requestId": ""}
        for one in (theirs["id"], str(uuid7()))
    ]
    assert foreign == unknown
    nameless = await convert(client, await make_lead(client, lastName=None))
    assert (nameless.status_code, nameless.json()["errors"][0]["pointer"]) == (422, "/contact/lastName")
    gone = await make_lead(client, status="disqualified", disqualifiedReason="spam")
    assert (await convert(client, gone)).json()["code"] == "illegalTransition"
    assert await counts(client) == before
    assert (await client.get(f"/leads/{lead['id']}")).json() == lead
    assert (await client.get(f"/accounts/{theirs['id']}")).status_code == 404


async def test_without_a_company_there_is_no_account_and_null_makes_none(client: Client) -> None:
    account, contact, opportunity = await became(
        client, await convert(client, await make_lead(client, company=None, email="grace@gmail.com"))
    )
    assert (account, contact["accountId"], opportunity["name"]) == (None, None, "Grace Hopper")
    alone = {"account": None, "opportunity": None}
    account, contact, opportunity = await became(client, await convert(client, await make_lead(client), alone))
    assert (account, contact["accountId"], opportunity) == (None, None, None)


async def test_it_needs_the_right_to_write_all_that_it_makes(world: World, client: Client) -> None:
    scopes = [
        "leads:write",
        "accounts:write",
        "contacts:write",
        "opportunities:write",
        "accounts:read",
        "contacts:read",
    ]
    for missing in scopes:
        lead = await make_lead(client)
        narrow = await world.key_of(client, scopes=[one for one in scopes if one != missing])
        assert (await convert(narrow, lead)).json()["code"] == "missingScope", missing
    lead = await make_lead(client)
    writer = await world.key_of(client, scopes=[one for one in scopes if one.endswith("write") and "opp" not in one])
    chosen = {"account": {"name": "Acme"}, "contact": {"lastName": "Hopper"}, "opportunity": None}
    assert (await convert(writer, lead, chosen)).status_code == 200


async def test_a_retry_with_its_key_has_one_effect(client: Client) -> None:
    lead = await make_lead(client)
    answers = await asyncio.gather(*(convert(client, lead, **{"Idempotency-Key": "once"}) for _ in range(6)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert await counts(client) == [1, 1, 1]


async def test_of_fifty_at_once_one_has_its_way(world: World, client: Client) -> None:
    """Conversions race one another, edits and deletes of the same lead."""
    member = await world.member_of(client)
    for _ in range(3):
        lead, before = await make_lead(client, lastName="Racer", email=f"{uuid7()}@gmail.com"), await counts(client)
        url = f"/leads/{lead['id']}"
        calls = [convert(member, lead, {"contact": {"lastName": "Racer"}}) for _ in range(30)]
        calls += [member.patch(url, json={"title": f"{n}"}, headers={"If-Match": '"1-0"'}) for n in range(10)]
        calls += [member.delete(url) for _ in range(10)]
        answers = await asyncio.gather(*calls)

        conversions, deletes = [answer.status_code for answer in answers[:30]], answers[40:]
        assert {*conversions} <= {200, 404, 409}
        assert {answer.status_code for answer in answers[30:40]} <= {200, 404, 409, 412}
        assert {answer.status_code for answer in deletes} <= {204, 404, 409}
        assert conversions.count(200) + [answer.status_code for answer in deletes].count(204) == 1
        made = [now - then for now, then in zip(await counts(client), before, strict=True)]
        assert made == [conversions.count(200)] * 3
        now = await client.get(url)
        if 200 in conversions:
            assert (now.status_code, now.json()["status"]) == (200, "converted")
        else:
            assert now.status_code == 404


async def test_a_lead_becomes_something(client: Client) -> None:
    lead = await make_lead(client)
    refused = await convert(client, lead, dict.fromkeys(("account", "contact", "opportunity")))
    assert (refused.status_code, refused.json()["code"]) == (422, "becomesNothing")
    assert (await client.get(f"/leads/{lead['id']}")).json() == lead


async def test_a_contact_that_has_the_email_among_its_others_is_the_one_and_gets_nothing_twice(client: Client) -> None:
    others = {"otherEmails": [{"address": "Grace@acme.example"}], "otherPhones": [{"number": "+4930123456"}]}
    contact = await make_contact(client, lastName="Murray", **others)
    lead = await make_lead(client, email="grace@acme.example", phone="+4930123456", title="Admiral")

    answer = await client.post(f"/leads/{lead['id']}/convert", json={"opportunity": None})

    assert answer.json().get("convertedContactId") == contact["id"], answer.text
    filled = (await client.get(f"/contacts/{contact['id']}")).json()
    assert (filled["email"], filled["phone"], filled["title"]) == (None, None, "Admiral")
    assert {name: filled[name] for name in others} == others
