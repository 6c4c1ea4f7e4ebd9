from app.api.records import record_router
from app.domain.pricing.service import PriceBookEntryService, PriceBookService
from app.domain.registry import CATALOG

price_books = record_router(PriceBookService, CATALOG)
price_book_entries = record_router(PriceBookEntryService, CATALOG)
