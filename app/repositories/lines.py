"""Lines of opportunities: what prices them, and what they come to."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from asyncpg import Record as Row
from sqlalchemy import (
    ColumnElement,
    Numeric,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSON

from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.record import table_of
from app.domain.lines.models import OpportunityLine
from app.domain.lines.rules import Group
from app.domain.pipeline.models import Opportunity, Product
from app.domain.pricing.models import PriceBook, PriceBookEntry
from app.repositories.compile import CACHE, of_tenant, read_view, tenant, visible
from app.repositories.reading import record_id
from app.repositories.session import Session

LINE, OPPORTUNITY = table_of(OpportunityLine), table_of(Opportunity)


class Lines:
    """`kind` is that of opportunities, of which the actor sees some."""

    def __init__(self, session: Session, kind: AnyObject) -> None:
        self.session = session
        self.kind = kind

    async def terms(self, opportunity_id: UUID, product_id: UUID | None, quantity: Decimal) -> Row | None:
        """None where there is no such opportunity."""
        schema = self.session.schema
        statement = CACHE.get(("terms of a line", schema.shape), lambda: _terms(self.kind, self.session))
        return await self.session.read(statement, {"id": opportunity_id, "product": product_id, "quantity": quantity})

    async def lock(self, opportunity_id: UUID) -> None:
        """Until the end of the transaction nobody else adds its lines up."""
        await self.session.once(CACHE.get("lock an opportunity", _lock), {"id": opportunity_id})

    async def sums(self, opportunity_id: UUID) -> list[Group]:
        row = await self.session.read(CACHE.get("sums of lines", _sums), {"id": opportunity_id})
        return [_sum(one) for one in orjson.loads(row["sums"])] if row and row["sums"] else []


def _sum(one: dict[str, Any]) -> Group:
    exact = {name: Decimal(one[name]) for name in ("rate", "subtotal", "discount", "net")}
    return Group(currency=one["currency"], lines=one["lines"], **exact)


def _terms(kind: AnyObject, session: Session) -> Select[Any]:
    deal, book = read_view(OPPORTUNITY), read_view(table_of(PriceBook))
    product, price = read_view(table_of(Product)), read_view(table_of(PriceBookEntry))
    given = bindparam("product", type_=Uuid(), required=True)
    quantity = bindparam("quantity", type_=Numeric(), required=True)
    tiers = (
        select(price.c.unit_price, price.c.unit_price_currency)
        .where(of_tenant(price), price.c.price_book_id == deal.c.price_book_id, price.c.product_id == given)
        .where(price.c.min_quantity <= quantity)
        .order_by(price.c.min_quantity.desc())
        .limit(literal_column("1"))
    )
    tier = tiers.correlate(deal).lateral("tier")
    joined = (
        deal.outerjoin(book, and_(of_tenant(book), book.c.id == deal.c.price_book_id))
        .outerjoin(product, and_(of_tenant(product), product.c.id == given))
        .outerjoin(tier, true())
    )
    columns = (
        func.coalesce(deal.c.lines_total_currency, book.c.currency).label("currency"),
        book.c.name.label("book"),
        *(book.c[name] for name in ("active", "valid_from", "valid_until")),
        product.c.id.label("product_id"),
        product.c.discontinued_on,
        *(product.c[name] for name in ("list_price", "list_price_currency")),
        tier.c.unit_price,
        tier.c.unit_price_currency,
    )
    return select(*columns).select_from(joined).where(visible(kind, deal, session.schema), deal.c.id == record_id())


def _lock() -> Select[Any]:
    mine = (OPPORTUNITY.c.tenant_id == tenant(), OPPORTUNITY.c.id == record_id())
    return select(OPPORTUNITY.c.id).where(*mine).with_for_update(key_share=True)


def _sums() -> Select[Any]:
    view = read_view(LINE)

    def total(name: str) -> ColumnElement[Any]:
        return cast(func.sum(view.c[name]), Text()).label(name)

    rate = cast(func.trim_scale(view.c.tax_rate_percent), Text())
    groups = (
        select(view.c.net_currency.label("currency"), rate.label("rate"), func.count().label("lines"))
        .add_columns(*(total(name) for name in ("subtotal", "discount", "net")))
        .where(of_tenant(view), view.c.opportunity_id == record_id())
        .group_by(view.c.net_currency, rate)
        .subquery("sums")
    )
    return select(func.json_agg(groups.table_valued(), type_=JSON).label("sums"))
