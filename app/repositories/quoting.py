"""What quotes need beside their records: what they are made from, a lock on one, the one before it, and numbers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record as Row
from sqlalchemy import ColumnElement, FromClause, ScalarSelect, Select, Text, and_, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from app.domain.accounts.models import Account
from app.domain.governance.models import Tenant
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.record import table_of
from app.domain.lines.models import OpportunityLine
from app.domain.pipeline.models import Opportunity, Product
from app.repositories.compile import CACHE, Statement, of_tenant, read_view, visible
from app.repositories.reading import record_id
from app.repositories.session import Session

_LOCK = Statement("select id from quote where tenant_id = $1 and id = $2 for update", ("tenant", "id"), {})
_BEFORE = Statement(
    "select id from quote where tenant_id = $1 and number = $2 and revision = $3 for update",
    ("tenant", "number", "revision"),
    {},
)
# The row is held until the end of the transaction: who comes next waits for it, and a rollback gives the number back.
_NUMBER = Statement(
    """
    insert into quote_number as n (tenant_id, year, last) values ($1, $2, 1)
        on conflict (tenant_id, year) do update set last = n.last + 1
    returning last
    """,
    ("tenant", "year"),
    {},
)
_PRODUCTS = Statement(
    """
    select coalesce(jsonb_object_agg(id::text, jsonb_build_array(name, unit)), '{}') as found
      from product where tenant_id = $1 and id = any ($2::uuid[])
    """,
    ("tenant", "ids"),
    {},
)


class Quotes:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def lock(self, quote_id: UUID) -> None:
        """Until the end of the transaction nobody else writes this quote."""
        await self.session.once(_LOCK, {"id": quote_id})

    async def lock_before(self, number: str, revision: int) -> UUID | None:
        """The revision before this one, if it is still there."""
        row = await self.session.once(_BEFORE, {"number": number, "revision": revision - 1})
        return row["id"] if row else None

    async def next_number(self, year: int) -> int:
        """The last thing that a transaction asks for: until its end nobody else in the tenant gets one."""
        row = await self.session.once(_NUMBER, {"year": year})
        assert row is not None  # noqa: S101  # an upsert always answers one row
        return int(row["last"])

    async def products(self, product_ids: Sequence[UUID]) -> dict[str, tuple[str, str | None]]:
        """Name and unit by id, of those that there are."""
        row = await self.session.read(_PRODUCTS, {"ids": product_ids})
        return {product_id: (name, unit) for product_id, (name, unit) in row["found"].items()} if row else {}

    async def source(self, deal: AnyObject, buyer: AnyObject, opportunity_id: UUID) -> Row | None:
        """What the opportunity says; None where the actor sees no such one."""
        schema = self.session.schema
        statement = CACHE.get(("source of a quote", schema.shape), lambda: _source(deal, buyer, self.session))
        return await self.session.read(statement, {"id": opportunity_id})


def _source(kind: AnyObject, buyer: AnyObject, session: Session) -> Select[Any]:
    deal, account = read_view(table_of(Opportunity)), read_view(table_of(Account))
    seller, schema = read_view(table_of(Tenant)), session.schema
    is_buyer = and_(visible(buyer, account, schema), account.c.id == deal.c.account_id)
    columns = (
        deal.c.name,
        deal.c.primary_contact_id,
        account.c.name.label("account"),
        account.c.addresses,
        seller.c.locale,
        _lines(deal).label("lines"),
    )
    joined = deal.join(seller, of_tenant(seller)).outerjoin(account, is_buyer)
    return select(*columns).select_from(joined).where(visible(kind, deal, schema), deal.c.id == record_id())


def _lines(deal: FromClause) -> ScalarSelect[Any]:
    """As they would be sent, with numbers as texts: they keep all their digits."""
    line, product = read_view(table_of(OpportunityLine)), read_view(table_of(Product))
    members = {
        "productId": line.c.product_id,
        "name": product.c.name,
        "description": line.c.description,
        "unit": product.c.unit,
        "quantity": _text(line.c.quantity),
        "unitPrice": _money(line, "unit_price"),
        "discountPercent": _text(line.c.discount_percent),
        "discountAmount": _money(line, "discount_amount"),
        "taxRatePercent": _text(line.c.tax_rate_percent),
    }
    one = aggregate_order_by(_object(members), line.c.position, line.c.id)
    sold = line.outerjoin(product, and_(of_tenant(product), product.c.id == line.c.product_id))
    of_deal = (of_tenant(line), line.c.opportunity_id == deal.c.id)
    return select(func.jsonb_agg(one, type_=JSONB)).select_from(sold).where(*of_deal).correlate(deal).scalar_subquery()


def _object(members: dict[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    named = [part for name, one in members.items() for part in (literal_column(f"'{name}'"), one)]
    return func.jsonb_build_object(*named, type_=JSONB)


def _text(number: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.trim_scale(number), Text())


def _money(line: FromClause, name: str) -> ColumnElement[Any]:
    money = _object({"amount": _text(line.c[name]), "currency": line.c[f"{name}_currency"]})
    return func.nullif(money, literal_column("""'{"amount": null, "currency": null}'::jsonb"""))
