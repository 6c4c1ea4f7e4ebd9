from app.domain.kernel.object_type import ObjectType, Reference
from app.domain.pricing.models import PriceBook, PriceBookEntry
from app.domain.pricing.schemas import PriceBookCreate, PriceBookEntryCreate, PriceBookEntryRead, PriceBookRead

PRICE_BOOK = ObjectType(
    name="priceBook",
    plural="price-books",
    model=PriceBook,
    create=PriceBookCreate,
    read=PriceBookRead,
    example={"name": "Resellers", "currency": "EUR", "validFrom": "2026-01-01", "validUntil": "2026-12-31"},
    filterable=frozenset({"name", "currency", "is_standard", "valid_from", "valid_until", "active"}),
    sortable=frozenset({"name", "valid_from"}),
    searchable=("name",),
    title=("name",),
    default_sort="name",
)
PRICE_BOOK_ENTRY = ObjectType(
    name="priceBookEntry",
    plural="price-book-entries",
    model=PriceBookEntry,
    create=PriceBookEntryCreate,
    read=PriceBookEntryRead,
    example={
        "priceBookId": "019ad1c0-7b50-7d21-8e40-91a2b3c4d5e6",
        "productId": "019ad1c0-7b51-7a34-9b02-17c8d9e0f1a2",
        "unitPrice": {"amount": "480.00", "currency": "EUR"},
        "minQuantity": "10",
    },
    filterable=frozenset({"price_book_id", "product_id", "unit_price", "min_quantity"}),
    sortable=frozenset({"unit_price", "min_quantity"}),
    references={
        "price_book_id": Reference("priceBook", inverse="entries"),
        "product_id": Reference("product", inverse="prices"),
    },
    unique_together=("price_book_id", "product_id", "min_quantity"),
)
