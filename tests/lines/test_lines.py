"""What lines cost, and what an opportunity is worth by them, over HTTP."""

import asyncio
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from tests.currencies.test_rules import to_the_digits
from tests.factories.lines import make_line
from tests.factories.pipeline import make_opportunity, make_product
from tests.factories.pricing import make_entry, make_price_book
from tests.world import Client

PLACES = {"USD": 2, "JPY": 0}


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


async def amount_of(client: Client, opportunity_id: str) -> tuple[Any, Any]:
    shown = (await client.get(f"/opportunities/{opportunity_id}")).json()
    return shown["amount"], shown["linesTotal"]


async def test_an_opportunity_is_worth_the_sum_of_its_lines(client: Client) -> None:
    deal = await make_opportunity(client, amount=usd("9.99"))
    one = await make_line(client, opportunityId=deal["id"], quantity="2", discountPercent="10", taxRatePercent="19")
    figures = {name: one[name]["amount"] for name in ("subtotal", "discount", "net", "tax", "total")}
    assert figures == {
        "subtotal": "1040.00",
        "discount": "104.00",
        "net": "936.00",
        "tax": "177.84",
        "total": "1113.84",
    }
    assert await amount_of(client, deal["id"]) == (usd("936.00"), usd("936.00"))

    two = await make_line(client, opportunityId=deal["id"], unitPrice=usd("0.0050"), quantity="3")
    assert (two["net"], await amount_of(client, deal["id"])) == (usd("0.02"), (usd("936.02"), usd("936.02")))
    await client.patch(f"/opportunity-lines/{one['id']}", json={"quantity": "1"})
    assert await amount_of(client, deal["id"]) == (usd("468.02"), usd("468.02"))
    await client.delete(f"/opportunity-lines/{one['id']}")
    assert await amount_of(client, deal["id"]) == (usd("0.02"), usd("0.02"))
    await client.post(f"/opportunity-lines/{one['id']}/restore")
    assert await amount_of(client, deal["id"]) == (usd("468.02"), usd("468.02"))
    for line in (one, two):
        await client.delete(f"/opportunity-lines/{line['id']}")
    assert await amount_of(client, deal["id"]) == (usd("0.00"), None)
    free = await client.patch(f"/opportunities/{deal['id']}", json={"amount": usd("5.00")})
    assert free.json()["amount"] == usd("5.00")


async def test_nobody_sends_a_total(client: Client) -> None:
    line = await make_line(client)
    deal = f"/opportunities/{line['opportunityId']}"
    refused = await client.patch(deal, json={"amount": usd("1.00")})
    assert (refused.status_code, refused.json()["code"]) == (422, "totalIsComputed")
    for name in ("net", "total", "tax", "subtotal", "discount", "listPrice"):
        answer = await client.patch(f"/opportunity-lines/{line['id']}", json={name: usd("1.00")})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{name}")
    assert (await client.patch(deal, json={"linesTotal": usd("1.00")})).status_code == 422
    assert (await client.patch(deal, json={"amount": usd("520.00"), "name": "Same"})).status_code == 200


@pytest.mark.parametrize("quantity", ["0", "-1", "-0.5", "1.00001", 2, "1e3"])
async def test_a_quantity_is_a_decimal_string_above_zero(client: Client, quantity: object) -> None:
    line = await make_line(client)
    answer = await client.patch(f"/opportunity-lines/{line['id']}", json={"quantity": quantity})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/quantity")


async def test_all_lines_are_in_one_currency(client: Client) -> None:
    line = await make_line(client)
    sent = {"opportunityId": line["opportunityId"], "unitPrice": {"amount": "1.00", "currency": "EUR"}}
    refused = await client.post("/opportunity-lines", json=sent)
    assert (refused.status_code, refused.json()["code"]) == (422, "otherCurrency")
    off = {"discountAmount": {"amount": "1.00", "currency": "EUR"}}
    other = await client.patch(f"/opportunity-lines/{line['id']}", json=off)
    assert other.json()["errors"][0]["pointer"] == "/discountAmount/currency"
    much = await client.patch(f"/opportunity-lines/{line['id']}", json={"discountAmount": usd("520.01")})
    assert (much.status_code, much.json()["code"]) == (422, "discountTooLarge")


async def test_of_two_first_lines_at_once_one_decides_the_currency(client: Client) -> None:
    deal = await make_opportunity(client)
    bodies = [
        {"opportunityId": deal["id"], "unitPrice": {"amount": "1.00", "currency": one}} for one in ("USD", "EUR") * 4
    ]
    answers = await asyncio.gather(*(client.post("/opportunity-lines", json=body) for body in bodies))
    made = [answer.json()["net"]["currency"] for answer in answers if answer.status_code == 201]
    assert len(set(made)) == 1
    assert (await amount_of(client, deal["id"]))[0] == {"amount": f"{len(made)}.00", "currency": made[0]}


async def test_the_price_is_that_of_the_tier_and_follows_the_quantity(client: Client) -> None:
    book, product = await make_price_book(client, currency="USD"), await make_product(client)
    for least, price in (("1", "520.00"), ("10", "480.00")):
        entry = {"priceBookId": book["id"], "productId": product["id"]}
        await make_entry(client, minQuantity=least, unitPrice=usd(price), **entry)
    deal = await make_opportunity(client, priceBookId=book["id"])
    line = await make_line(client, opportunityId=deal["id"], productId=product["id"], quantity="9.5")
    assert (line["unitPrice"], line["listPrice"]) == (usd("520.00"), usd("520.00"))
    url = f"/opportunity-lines/{line['id']}"
    assert (await client.patch(url, json={"quantity": "10"})).json()["unitPrice"] == usd("480.00")
    assert (await client.patch(url, json={"unitPrice": usd("470.00")})).json()["listPrice"] == usd("480.00")
    assert (await client.patch(url, json={"quantity": "1"})).json()["unitPrice"] == usd("470.00")

    fixed = await client.patch(f"/opportunities/{deal['id']}", json={"priceBookId": None})
    assert (fixed.status_code, fixed.json()["code"]) == (422, "priceBookInUse")
    unlisted = {"opportunityId": deal["id"], "productId": (await make_product(client))["id"]}
    assert (await client.post("/opportunity-lines", json=unlisted)).json()["code"] == "notInPriceBook"
    await client.patch(f"/price-books/{book['id']}", json={"active": False})
    off = {"opportunityId": deal["id"], "productId": product["id"]}
    assert (await client.post("/opportunity-lines", json=off)).json()["code"] == "priceBookNotValid"
    assert (await client.patch(url, json={"quantity": "3"})).status_code == 200


async def test_a_product_without_a_price_or_no_longer_for_sale_is_refused(client: Client) -> None:
    deal = await make_opportunity(client)
    for over, code in (
        ({"listPrice": None}, "priceMissing"),
        ({"discontinuedOn": "2020-01-01"}, "productDiscontinued"),
    ):
        sent = {"opportunityId": deal["id"], "productId": (await make_product(client, **over))["id"]}
        refused = await client.post("/opportunity-lines", json=sent)
        assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_twenty_writers_at_once_leave_the_sum(client: Client) -> None:
    deal = await make_opportunity(client)
    lines = [await make_line(client, opportunityId=deal["id"], unitPrice=usd("10.00")) for _ in range(8)]
    urls = [f"/opportunity-lines/{line['id']}" for line in lines]
    answers = await asyncio.gather(
        *(client.patch(url, json={"quantity": "3"}) for url in urls[:6]),
        *(client.delete(url) for url in urls[4:]),
        *(
            client.post("/opportunity-lines", json={"opportunityId": deal["id"], "unitPrice": usd(f"{n}.05")})
            for n in range(10)
        ),
    )
    assert {answer.status_code for answer in answers} <= {200, 201, 204, 404, 409}
    left = (await client.get(f"/opportunity-lines?opportunityId={deal['id']}&limit=200")).json()["data"]
    total = usd(str(sum(Decimal(line["net"]["amount"]) for line in left)))
    assert await amount_of(client, deal["id"]) == (total, total)


async def test_lines_and_totals_are_what_fractions_say(client: Client, seed: int) -> None:
    random = Random(seed)
    for currency, places in PLACES.items():
        deal, nets = await make_opportunity(client), dict[Fraction, Fraction]()
        for _ in range(12):
            quantity = Decimal(random.randint(1, 99_999)).scaleb(-random.randint(0, 4))
            price = Decimal(random.randint(0, 9_999_999)).scaleb(-random.randint(0, 4))
            percent, rate = random.choice(("0", "12.5", "33.3333", "100")), random.choice(("0", "7", "19"))
            line = await make_line(
                client, opportunityId=deal["id"], quantity=f"{quantity:f}", discountPercent=percent, taxRatePercent=rate,
                unitPrice={"amount": f"{price:f}", "currency": currency},
            )  # fmt: skip
            subtotal = to_the_digits(Fraction(quantity) * Fraction(price), places)
            net = subtotal - to_the_digits(subtotal * Fraction(percent) / 100, places)
            tax = to_the_digits(net * Fraction(rate) / 100, places)
            found = [Fraction(line[name]["amount"]) for name in ("subtotal", "net", "tax", "total")]
            assert found == [subtotal, net, tax, net + tax], line
            nets[Fraction(rate)] = nets.get(Fraction(rate), Fraction(0)) + net
        totals = (await client.get(f"/opportunities/{deal['id']}/totals")).json()
        taxes = {rate: to_the_digits(net * rate / 100, places) for rate, net in nets.items()}
        assert {Fraction(one["ratePercent"]): Fraction(one["tax"]["amount"]) for one in totals["taxes"]} == taxes
        assert Fraction(totals["net"]["amount"]) == sum(nets.values())
        assert Fraction(totals["total"]["amount"]) == sum(nets.values()) + sum(taxes.values())
        assert Fraction((await amount_of(client, deal["id"]))[0]["amount"]) == sum(nets.values())
