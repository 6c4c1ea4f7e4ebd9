from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from app.domain.kernel.changes import Change
from app.domain.kernel.claim import Claim
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import Forbidden, NotFound
from app.domain.kernel.money import Money
from app.domain.kernel.query import Document
from app.domain.lines.objects import OPPORTUNITY_LINE
from app.domain.lines.rules import Terms, figures, is_held, mixed, refuse_other_currency, totals, unit_price
from app.domain.lines.schemas import OpportunityLineRead
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.pipeline.service import OpportunityService
from app.domain.records.service import Derived, RecordService, Versions
from app.repositories.lines import Lines
from app.repositories.refusals import unknown_reference

ADDED_UP = ("subtotal", "discount", "net", "tax", "total")
_OF_PRODUCT = frozenset({"opportunity_id", "product_id"})
_PRICED_BY = _OF_PRODUCT | {"quantity", "unit_price"}


class OpportunityLineService(RecordService[OpportunityLineRead]):
    kind = OPPORTUNITY_LINE
    reacts_to = frozenset({"opportunity_id", "net"})

    async def check(self, change: Change[OpportunityLineRead]) -> Derived:
        """What it costs follows from what it says and from the prices that hold today."""
        before, line = change.before, change.after
        currency, listed = None, before.list_price if before is not None else None
        if before is None or not _PRICED_BY.isdisjoint(change.fields):
            terms = await self._terms(line)
            if before is None or not _OF_PRODUCT.isdisjoint(change.fields):
                terms.refuse()
                listed = terms.list_price
            elif "quantity" in change.fields and (not terms.book or terms.book_holds):
                listed = terms.list_price or listed
            currency = terms.currency
        price = unit_price(line, before if "unit_price" not in change.fields else None, listed)
        refuse_other_currency(price, currency or price.currency, "/unitPrice")
        refuse_other_currency(line.discount_amount, price.currency, "/discountAmount")
        return {"unit_price": price, "list_price": listed, **figures(line, price)}

    async def react(self, change: Change[OpportunityLineRead]) -> None:
        before = change.before
        await self._add_up({change.after.opportunity_id, *([before.opportunity_id] if before else [])})

    async def delete(self, record_id: UUID, *, versions: Versions = None, claim: Claim | None = None) -> Document:
        async with self.session.transaction():
            found = await self.records.load(record_id)
            document = await super().delete(record_id, versions=versions, claim=claim)
            if found is not None:
                await self._add_up([found.opportunity_id])
            return document

    async def restore(self, record_id: UUID, claim: Claim | None = None) -> Document:
        return await self._restore(record_id, claim, lambda line: self._add_up([line.opportunity_id]))

    async def totals(self, opportunity_id: UUID) -> bytes:
        """Of all lines of the opportunity, as JSON."""
        self._may_read()
        if hidden := self.session.schema.unseen(OPPORTUNITY_LINE, ADDED_UP):
            raise Forbidden(f"Totals tell of {', '.join(hidden)}, which you do not see.", code="fieldHidden")
        if await self._lines.terms(opportunity_id, None, Decimal(1)) is None:
            raise NotFound("There is no such record.")
        return orjson.dumps(totals(await self._lines.sums(opportunity_id)))

    @property
    def _lines(self) -> Lines:
        return Lines(self.session, OPPORTUNITY)

    async def _add_up(self, opportunity_ids: Iterable[UUID]) -> None:
        """Under a lock, so that of lines written at once none is left out; in order of id, so that none wait in a ring."""
        for opportunity_id in sorted(opportunity_ids):
            await self._lines.lock(opportunity_id)
            sums = await self._lines.sums(opportunity_id)
            currencies = {one.currency for one in sums}
            if len(currencies) > 1:
                raise mixed(currencies)
            net = sum((one.net for one in sums), Decimal(0))
            total = Money.model_construct(amount=net, currency=currencies.pop()) if sums else None
            await OpportunityService(self.session).total(opportunity_id, total)

    async def _terms(self, line: OpportunityLineRead) -> Terms:
        row = await self._lines.terms(line.opportunity_id, line.product_id, line.quantity)
        if row is None:
            raise unknown_reference("opportunity_id")
        if line.product_id is not None and row["product_id"] is None:
            raise unknown_reference("product_id")
        today = utc_now().astimezone(ZoneInfo(self.session.actor.time_zone)).date()
        ends: date | None = row["discontinued_on"]
        return Terms(
            currency=row["currency"],
            book=row["book"],
            book_holds=is_held(row["active"], row["valid_from"], row["valid_until"], today),
            product=line.product_id is not None,
            for_sale=ends is None or today < ends,
            listed=_money(row, "unit_price" if row["book"] else "list_price"),
        )


def _money(row: Any, name: str) -> Money | None:
    amount = row[name]
    return None if amount is None else Money.model_construct(amount=amount, currency=row[f"{name}_currency"])
