"""Price books, their prices by quantity, and what products have for them."""

import asyncio

import pytest

from tests.factories.pipeline import make_product
from tests.factories.pricing import make_entry, make_price_book
from tests.world import Client

EUR = {"amount": "480.00", "currency": "EUR"}


async def test_a_price_is_in_the_currency_of_its_book(client: Client) -> None:
    book, product = await make_price_book(client, currency="USD"), await make_product(client)
    sent = {"priceBookId": book["id"], "productId": product["id"], "unitPrice": EUR}
    refused = await client.post("/price-book-entries", json=sent)

    assert (refused.status_code, refused.json()["code"]) == (422, "otherCurrency")
    assert refused.json()["errors"][0] == {
        "pointer": "/unitPrice/currency",
        "code": "otherCurrency",
        "message": "The prices of this price book are in USD.",
        "params": {"currency": "USD"},
    }


async def test_the_currency_of_a_book_stays_while_it_has_prices(client: Client) -> None:
    entry = await make_entry(client)
    book = f"/price-books/{entry['priceBookId']}"
    refused = await client.patch(book, json={"currency": "USD"})
    assert (refused.status_code, refused.json()["code"]) == (409, "currencyInUse")

    await client.delete(f"/price-book-entries/{entry['id']}")
    assert (await client.patch(book, json={"currency": "USD"})).json()["currency"] == "USD"
    back = await client.post(f"/price-book-entries/{entry['id']}/restore")
    assert back.status_code == 409


async def test_book_and_price_never_disagree_however_they_race(client: Client) -> None:
    product = await make_product(client)
    for _ in range(5):
        book = await make_price_book(client)
        sent = {"priceBookId": book["id"], "productId": product["id"], "unitPrice": EUR}
        made, changed = await asyncio.gather(
            client.post("/price-book-entries", json=sent),
            client.patch(f"/price-books/{book['id']}", json={"currency": "USD"}),
        )
        assert (made.status_code == 201) != (changed.status_code == 200), (made.text, changed.text)
        assert made.status_code in (201, 422, 409)
        assert changed.status_code in (200, 422, 409)


async def test_a_book_does_not_end_before_it_begins(client: Client) -> None:
    book = await make_price_book(client, validFrom="2026-06-01", validUntil="2026-06-01")
    refused = await client.patch(f"/price-books/{book['id']}", json={"validUntil": "2026-05-31"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/validUntil")


@pytest.mark.parametrize("quantity", ["0", "-1", "0.0000", "1.00001", 5])
async def test_a_tier_begins_above_zero(client: Client, quantity: object) -> None:
    entry = await make_entry(client)
    refused = await client.patch(f"/price-book-entries/{entry['id']}", json={"minQuantity": quantity})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/minQuantity")


async def test_a_price_is_never_negative(client: Client) -> None:
    entry = await make_entry(client)
    answers = [
        await client.patch(
            f"/price-book-entries/{entry['id']}", json={"unitPrice": {"amount": amount, "currency": "EUR"}}
        )
        for amount in ("-0.01", "0")
    ]
    assert [answer.status_code for answer in answers] == [422, 200]


async def test_the_prices_of_a_product_are_shown_with_it(client: Client) -> None:
    product = await make_product(client, sku="GTX-1", unit="piece", discontinuedOn="2027-01-01")
    entry = await make_entry(client, productId=product["id"], minQuantity="10")
    shown = (await client.get(f"/products/{product['id']}?expand=prices.priceBook")).json()
    assert (shown["sku"], shown["unit"], shown["discontinuedOn"]) == ("GTX-1", "piece", "2027-01-01")
    assert [(one["id"], one["priceBook"]["currency"]) for one in shown["prices"]["data"]] == [(entry["id"], "EUR")]
