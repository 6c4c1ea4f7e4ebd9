"""Prices of products, as price books have them."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select

from app.domain.kernel.record import table_of
from app.domain.pricing.models import PriceBookEntry
from app.repositories.compile import CACHE, of_tenant, read_view
from app.repositories.reading import record_id
from app.repositories.session import Session

ENTRY = table_of(PriceBookEntry)


class Prices:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def any_in(self, price_book_id: UUID) -> bool:
        row = await self.session.read(CACHE.get("any price in a book", _any_in), {"id": price_book_id})
        return bool(row and row["any"])


def _any_in() -> Select[Any]:
    view = read_view(ENTRY)
    return select(exists().where(of_tenant(view), view.c.price_book_id == record_id()).label("any"))
