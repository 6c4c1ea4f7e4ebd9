from app.domain.kernel.changes import Change
from app.domain.kernel.errors import Conflict, Invalid, refused
from app.domain.pricing.objects import PRICE_BOOK, PRICE_BOOK_ENTRY
from app.domain.pricing.schemas import PriceBookEntryRead, PriceBookRead
from app.domain.records.service import RecordService
from app.repositories.pricing import Prices
from app.repositories.records import Records
from app.repositories.refusals import unknown_reference


class PriceBookService(RecordService[PriceBookRead]):
    kind = PRICE_BOOK

    async def check(self, change: Change[PriceBookRead]) -> None:
        book = change.after
        if book.valid_from and book.valid_until and book.valid_until < book.valid_from:
            raise refused(Invalid, "/validUntil", "beforeBeginning", "It would end before it begins.")
        if change.before is not None and "currency" in change.fields and await Prices(self.session).any_in(book.id):
            message = "Its prices are in the currency that it has: take them out first, or make another price book."
            raise refused(Conflict, "/currency", "currencyInUse", message)


class PriceBookEntryService(RecordService[PriceBookEntryRead]):
    kind = PRICE_BOOK_ENTRY

    async def check(self, change: Change[PriceBookEntryRead]) -> None:
        """The foreign key over the currency as well decides where the price book changes at the same time."""
        if not {"unit_price", "price_book_id"}.intersection(change.fields):
            return
        entry = change.after
        book = await Records(self.session, PRICE_BOOK).load(entry.price_book_id)
        if book is None:
            raise unknown_reference("price_book_id")
        if entry.unit_price.currency != book.currency:
            message = f"The prices of this price book are in {book.currency}."
            raise refused(Invalid, "/unitPrice/currency", "otherCurrency", message, currency=book.currency)
