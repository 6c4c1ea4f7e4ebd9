from typing import Any

from tests.factories.making import make
from tests.factories.pipeline import make_product
from tests.world import Client


async def make_price_book(client: Client, **fields: Any) -> dict[str, Any]:
    return await make(client, "price-books", {"name": "Resellers", "currency": "EUR"}, fields)


async def make_entry(client: Client, **fields: Any) -> dict[str, Any]:
    """Of a price book and a product of its own, unless they are given."""
    if "priceBookId" not in fields:
        fields["priceBookId"] = (await make_price_book(client))["id"]
    if "productId" not in fields:
        fields["productId"] = (await make_product(client))["id"]
    return await make(client, "price-book-entries", {"unitPrice": {"amount": "480.00", "currency": "EUR"}}, fields)
