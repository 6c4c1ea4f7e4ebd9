"""What a quote is made from, what it comes to, and that it stays as the customer got it; over HTTP."""

from typing import Any

import pytest

from tests.factories.accounts import make_account, make_contact
from tests.factories.lines import make_line
from tests.factories.pipeline import make_opportunity, make_product
from tests.factories.quoting import make_quote, present
from tests.world import Client, World


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def line(**more: Any) -> dict[str, Any]:
    return {"name": "GTX Basic", "unitPrice": usd("520.00"), **more}


async def turn(client: Client, quote: dict[str, Any], verb: str, **body: Any) -> Any:
    return await client.post(f"/quotes/{quote['id']}/{verb}", json=body if verb == "reject" else None)


async def test_a_quote_takes_what_its_opportunity_says(client: Client) -> None:
    addresses = [{"label": "office", "city": "Bonn"}, {"label": "Billing", "city": "Leeds", "postalCode": "LS1 4AP"}]
    account = await make_account(client, name="Acme Ltd", addresses=addresses)
    contact = await make_contact(client)
    product = await make_product(client, unit="piece", listPrice=usd("520.00"))
    deal = await make_opportunity(client, accountId=account["id"], primaryContactId=contact["id"])
    await make_line(client, opportunityId=deal["id"], description="Delivery", position=2, unitPrice=usd("80.005"))
    await make_line(
        client, opportunityId=deal["id"], productId=product["id"], quantity="2.5", discountPercent="10",
        taxRatePercent="19", discountAmount=usd("0.50"),
    )  # fmt: skip

    made = (await client.post("/quotes", json={"opportunityId": deal["id"]})).json()

    assert (made["name"], made["billingName"], made["billingAddress"]) == (deal["name"], "Acme Ltd", addresses[1])
    assert (made["contactId"], made["locale"], made["currency"]) == (contact["id"], "en", "USD")
    assert (made["status"], made["number"], made["revision"]) == ("draft", None, 1)
    first, second = made["lines"]
    assert (first["productId"], first["name"], first["unit"]) == (product["id"], "GTX Basic", "piece")
    assert (second["description"], second["unitPrice"], second["discountAmount"]) == ("Delivery", usd("80.005"), None)
    shown = (await client.get(f"/opportunities/{deal['id']}/totals")).json()
    assert {name: made[name] for name in ("subtotal", "discount", "net", "taxes", "tax", "total")} == {
        name: shown[name] for name in ("subtotal", "discount", "net", "taxes", "tax", "total")
    }
    sold = (await client.get(f"/opportunity-lines?opportunityId={deal['id']}")).json()["data"]
    assert made["amounts"] == [{name: one[name] for name in made["amounts"][0]} for one in sold]

    await client.patch(f"/products/{product['id']}", json={"name": "GTX Plus"})
    assert (await client.get(f"/quotes/{made['id']}")).json()["lines"][0]["name"] == "GTX Basic"


async def test_a_draft_takes_the_lines_of_its_opportunity_anew(client: Client) -> None:
    deal = await make_opportunity(client)
    empty = (await client.post("/quotes", json={"opportunityId": deal["id"]})).json()
    assert (empty["lines"], empty["total"], empty["currency"], empty["taxes"]) == ([], None, None, [])
    await make_line(client, opportunityId=deal["id"])
    fresh = (await turn(client, empty, "refresh")).json()
    assert (fresh["total"], fresh["version"]) == (usd("520.00"), 2)
    await client.patch(f"/quotes/{empty['id']}", json={"validUntil": "2099-01-01"})
    assert (await turn(client, empty, "present")).status_code == 200
    assert (await turn(client, empty, "refresh")).json()["code"] == "quoteFrozen"


async def test_of_a_product_the_name_as_of_then_is_kept(client: Client) -> None:
    product = await make_product(client, unit="hour")
    own, left_out = line(name="Rollout", unit="day"), line(name=None)
    made = await make_quote(client, lines=[one | {"productId": product["id"]} for one in (own, left_out)])
    assert [(one["name"], one["unit"]) for one in made["lines"]] == [("Rollout", "day"), ("GTX Basic", "hour")]
    unknown = {"opportunityId": made["opportunityId"], "lines": [line(), line(productId=made["id"])]}
    refused = await client.post("/quotes", json=unknown)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/lines/1/productId")


async def test_nobody_sends_a_total(client: Client) -> None:
    quote = await make_quote(client)
    for name in ("subtotal", "discount", "net", "tax", "total", "taxes", "amounts", "number", "status", "currency"):
        answer = await client.patch(f"/quotes/{quote['id']}", json={name: quote[name]})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{name}")
    lines = [line() | {"total": usd("1.00")}]
    answer = await client.patch(f"/quotes/{quote['id']}", json={"lines": lines})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/lines/0/total")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"unitPrice": {"amount": "1.00", "currency": "EUR"}}, "/lines/1/unitPrice/currency"),
        ({"discountAmount": {"amount": "1.00", "currency": "EUR"}}, "/lines/1/discountAmount/currency"),
        ({"discountAmount": usd("520.01")}, "/lines/1/discountAmount"),
        ({"quantity": "999999999999", "unitPrice": usd("999999999.00")}, "/lines/1/quantity"),
        ({"quantity": "1", "unitPrice": usd("999999999999999.00")}, "/lines"),
    ],
)
async def test_a_line_that_cannot_be_is_named(client: Client, wrong: dict[str, Any], pointer: str) -> None:
    quote = await make_quote(client)
    answer = await client.patch(f"/quotes/{quote['id']}", json={"lines": [line(), line(**wrong)]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_presented_quote_stays_as_it_is(client: Client) -> None:
    quote = await present(client)
    assert quote["number"].startswith("Q-2")
    assert (quote["seller"], quote["presentedOn"]) == ("Test", quote["presentedAt"][:10])
    for given in (
        {"name": "X"},
        {"lines": []},
        {"notes": "x"},
        {"validUntil": None},
        {"contactId": None, "terms": "x"},
    ):
        refused = await client.patch(f"/quotes/{quote['id']}", json=given)
        assert (refused.status_code, refused.json()["code"]) == (409, "quoteFrozen")
    given_away = await client.patch(f"/quotes/{quote['id']}", json={"ownerId": str(client.user_id)})
    assert given_away.status_code == 200


async def test_a_quote_is_ready_with_a_line_and_a_day_to_come(client: Client) -> None:
    for lacking, pointer in (({"lines": []}, "/lines"), ({"validUntil": None}, "/validUntil")):
        answer = await turn(client, await make_quote(client, **lacking), "present")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    over = await turn(client, await make_quote(client, validUntil="2020-01-01"), "present")
    assert over.json()["code"] == "notValid"


async def test_a_revision_takes_the_place_of_the_one_before_when_it_is_presented(client: Client) -> None:
    first = await present(client, externalIds={"erp": "1"})
    draft = (await turn(client, first, "revise")).json()
    assert (draft["number"], draft["revision"], draft["status"]) == (first["number"], 2, "draft")
    assert (draft["lines"], draft["total"], draft["externalIds"]) == (first["lines"], first["total"], {})
    again = await turn(client, first, "revise")
    assert (again.status_code, again.json()["code"]) == (409, "alreadyRevised")
    elsewhere = await client.patch(
        f"/quotes/{draft['id']}", json={"opportunityId": (await make_opportunity(client))["id"]}
    )
    assert elsewhere.json()["code"] == "quoteNumbered"
    assert (await client.get(f"/quotes/{first['id']}")).json() == first

    second = (await turn(client, draft, "present")).json()
    former = (await client.get(f"/quotes/{first['id']}")).json()
    assert (second["number"], second["status"], former["status"]) == (first["number"], "presented", "superseded")
    assert (await turn(client, first, "accept")).json()["code"] == "illegalTransition"
    assert [one["id"] for one in (await client.get(f"/quotes?q={first['number']}")).json()["data"][:2]] == [
        second["id"],
        first["id"],
    ]


async def test_a_revision_of_what_was_accepted_meanwhile_is_not_presented(client: Client) -> None:
    first = await present(client)
    draft = (await turn(client, first, "revise")).json()
    assert (await turn(client, first, "accept")).status_code == 200
    refused = await turn(client, draft, "present")
    assert (refused.status_code, refused.json()["code"]) == (409, "illegalTransition")
    assert (await client.delete(f"/quotes/{draft['id']}")).status_code == 204


async def test_a_refused_turn_names_those_that_somebody_can_call(client: Client) -> None:
    quote = await present(client)
    refused = (await turn(client, quote, "present")).json()
    assert refused["detail"] == "It is presented: one can accept or reject or revise it."
    assert refused["errors"][0]["params"]["allowed"] == ["accept", "reject", "revise"]


async def test_a_rejected_quote_says_why_and_can_be_revised(client: Client) -> None:
    quote = await present(client)
    rejected = (await turn(client, quote, "reject", reason="Too dear.")).json()
    assert (rejected["status"], rejected["rejectedReason"]) == ("rejected", "Too dear.")
    assert rejected["decidedAt"] is not None
    assert (await turn(client, rejected, "accept")).status_code == 409
    assert (await turn(client, rejected, "revise")).json()["revision"] == 2


async def test_an_accepted_quote_says_what_its_opportunity_is_worth_unless_that_has_lines(client: Client) -> None:
    bare, priced = await make_opportunity(client), await make_opportunity(client)
    await make_line(client, opportunityId=priced["id"], unitPrice=usd("7.00"))
    for deal, amount in ((bare, usd("936.00")), (priced, usd("7.00"))):
        quote = await present(client, opportunityId=deal["id"])
        accepted = (await turn(client, quote, "accept")).json()
        assert (accepted["status"], accepted["net"]) == ("accepted", usd("936.00"))
        assert (await client.get(f"/opportunities/{deal['id']}")).json()["amount"] == amount
        kept = await client.delete(f"/quotes/{quote['id']}")
        assert (kept.status_code, kept.json()["code"]) == (409, "quoteAccepted")


async def test_what_a_quote_is_made_from_needs_the_right_to_read_it(world: World, client: Client) -> None:
    deal = await make_opportunity(client)
    narrow = await world.key_of(client, scopes=["quotes:write", "quotes:read", "opportunities:read"])
    refused = await narrow.post("/quotes", json={"opportunityId": deal["id"]})
    assert (refused.status_code, refused.json()["code"]) == (403, "missingScope")
    unknown = await client.post("/quotes", json={"opportunityId": str(client.user_id)})
    assert unknown.json()["errors"][0]["pointer"] == "/opportunityId"


async def test_a_verb_obeys_if_match_and_repeats_its_answer(client: Client) -> None:
    quote = await make_quote(client)
    stale = await client.post(f"/quotes/{quote['id']}/present", headers={"If-Match": '"9-0"'})
    assert stale.status_code == 412
    key = {"Idempotency-Key": "present"}
    first, again = [await client.post(f"/quotes/{quote['id']}/present", headers=key) for _ in range(2)]
    assert (first.content, again.headers["idempotent-replayed"]) == (again.content, "true")
    assert first.json()["number"].endswith("-00001")
