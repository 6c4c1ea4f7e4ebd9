"""What a customer reads on the paper of a quote: the text is read back out of the PDF."""

import re
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from tests.contract.convention import is_problem
from tests.factories.quoting import make_quote, present
from tests.isolation.narrowing import seeing_less
from tests.quoting.test_pdf import HOSTILE
from tests.world import Client, World

PUMPS = {
    "name": "Pump 3000",
    "description": "Stainless, with hose",
    "unit": "pcs",
    "quantity": "12",
    "unitPrice": {"amount": "1234.50", "currency": "EUR"},
    "discountPercent": "10",
    "taxRatePercent": "19",
}
DELIVERY = {"name": "Delivery", "quantity": "1.5", "unitPrice": {"amount": "0.045", "currency": "EUR"}}
ADDRESS = {"street": "1 High Street", "postalCode": "LS1 4AP", "city": "Leeds", "country": "United Kingdom"}
# 12 * 1234.50 is 14814.00, a tenth off is 13332.60, of which 19 % are 2533.194; 1.5 * 0.045 is 0.0675, to the cent 0.07.
SAID = {
    "en": [
        "1 Pump 3000 Stainless, with hose 12 pcs €1,234.50 10 % €13,332.60",
        "2 Delivery 1.5 €0.045 €0.07",
        "Subtotal €14,814.07",
        "Discount −€1,481.40",  # noqa: RUF001  # the sign that typography has for it
        "Net €13,332.67",
        "Tax 19 % on €13,332.60 €2,533.19",
        "Total €15,865.86",
        "Valid until December 31, 2099",
    ],
    "de": [
        "1 Pump 3000 Stainless, with hose 12 pcs 1.234,50 € 10 % 13.332,60 €",
        "2 Delivery 1,5 0,045 € 0,07 €",
        "Zwischensumme 14.814,07 €",
        "Rabatt −1.481,40 €",  # noqa: RUF001  # the sign that typography has for it
        "Netto 13.332,67 €",
        "Steuer 19 % auf 13.332,60 € 2.533,19 €",
        "Gesamt 15.865,86 €",
        "Gültig bis 31. Dezember 2099",
    ],
    "fr": [
        "Sous-total 14 814,07 €",
        "Taxe 19 % sur 13 332,60 € 2 533,19 €",
        "Total 15 865,86 €",
        "Valable jusqu'au 31 décembre 2099",
    ],
}


async def read(client: Client, quote: dict[str, Any]) -> str:
    """All pages, with every blank as one space, and without the places where a long word may break."""
    answer = await client.get(f"/quotes/{quote['id']}/pdf")
    assert answer.status_code == 200, answer.text
    pages = [page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages]
    return re.sub(r"\s+", " ", " ".join(pages).replace("\u200b", ""))


@pytest.mark.parametrize("locale", SAID)
async def test_the_paper_says_what_the_quote_says(client: Client, locale: str) -> None:
    given = {"name": "Pumps for Leeds", "billingName": "Acme Ltd", "billingAddress": ADDRESS, "locale": locale}
    quote = await present(client, lines=[PUMPS, DELIVERY], terms="30 days net.", notes="Margin 40", **given)
    text = await read(client, quote)

    assert [one for one in SAID[locale] if one not in text] == []
    for said in ("Pumps for Leeds", "Acme Ltd", *ADDRESS.values(), quote["number"], quote["seller"], "30 days net."):
        assert said in text, said
    assert "Margin" not in text, "notes are for the house"
    assert text.count("1,234.50") + text.count("1.234,50") + text.count("1 234,50") == 1


async def test_only_a_draft_says_that_it_is_one(client: Client) -> None:
    quote = await make_quote(client)
    assert "DRAFT" in await read(client, quote)
    assert (await client.post(f"/quotes/{quote['id']}/present")).status_code == 200
    assert "DRAFT" not in await read(client, quote)


async def test_every_line_and_the_totals_are_on_the_pages_of_a_long_quote(client: Client) -> None:
    lines = [{"name": f"Item-{place:03}", "unitPrice": {"amount": "1.00", "currency": "USD"}} for place in range(200)]
    text = await read(client, await present(client, lines=lines))
    assert re.findall(r"Item-\d{3}", text) == [one["name"] for one in lines]
    assert "$200.00" in text
    assert re.search(r"Page (\d+) of \1$", text)


async def test_what_looks_like_markup_is_printed_as_it_was_typed(client: Client) -> None:
    offered = {"name": HOSTILE, "unitPrice": {"amount": "1.00", "currency": "USD"}}
    text = await read(client, await present(client, name=HOSTILE, terms=HOSTILE, lines=[offered]))
    assert text.replace(" ", "").count(HOSTILE.replace(" ", "")) == 3


@pytest.mark.parametrize("field", ["lines", "amounts", "taxes", "total", "billing_address", "terms"])
async def test_who_does_not_see_a_field_gets_no_paper_that_prints_it(world: World, client: Client, field: str) -> None:
    quote = await present(client)
    async with seeing_less(world, client, hidden={"quote": frozenset({field})}) as viewer:
        is_problem(await viewer.get(f"/quotes/{quote['id']}/pdf"), 403, "fieldHidden")
    async with seeing_less(world, client, hidden={"quote": frozenset({"notes"})}) as viewer:
        assert "Total" in await read(viewer, quote)
