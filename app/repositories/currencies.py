"""The exchange rates of the session's tenant, by day."""

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, Numeric, ScalarSelect, Select, Text, bindparam, case, literal_column, select

from app.domain.currencies.models import ExchangeRate
from app.domain.currencies.rules import Rates
from app.domain.governance.models import Tenant
from app.domain.kernel.record import table_of
from app.repositories.compile import CACHE, of_tenant, read_view, tenant
from app.repositories.session import Session

RATE, TENANT = table_of(ExchangeRate), table_of(Tenant)


class ExchangeRates:
    def __init__(self, session: Session) -> None:
        self.session = session

    async def corporate(self) -> str:
        row = await self.session.read(CACHE.get("corporate currency", _corporate), {})
        assert row is not None  # noqa: S101  # whoever asks is of a tenant
        return str(row["currency"])

    async def between(self, of: str, into: str, on: date) -> Rates:
        """The latest of each that are valid not after that day."""
        row = await self.session.read(CACHE.get("rates between", _between), {"of": of, "into": into, "on": on})
        return Rates(row["of"], row["into"], on) if row else Rates(None, None, on)


def _corporate() -> Select[Any]:
    own = read_view(TENANT)
    return select(own.c.currency).where(of_tenant(own))


def _between() -> Select[Any]:
    own = read_view(TENANT)
    sides = [case((own.c.currency == _text(one), literal_column("1", Numeric())), else_=_latest(one)) for one in SIDES]
    return select(*(side.label(name) for side, name in zip(sides, SIDES, strict=True))).where(of_tenant(own))


SIDES = ("of", "into")


def _latest(side: str) -> ScalarSelect[Any]:
    view = read_view(RATE).alias(f"rate_{side}")
    known = view.c.currency == _text(side), view.c.valid_from <= bindparam("on", type_=Date(), required=True)
    newest = select(view.c.rate).where(view.c.tenant_id == tenant(), *known)
    return newest.order_by(view.c.valid_from.desc()).limit(literal_column("1")).scalar_subquery()


def _text(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=Text(), required=True)
