from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.domain.currencies.objects import EXCHANGE_RATE
from app.domain.currencies.rules import converted, cross
from app.domain.currencies.schemas import ExchangeRateRead
from app.domain.kernel.changes import Change
from app.domain.kernel.errors import Invalid, refused
from app.domain.kernel.money import Money
from app.domain.records.service import RecordService
from app.repositories.currencies import ExchangeRates


@dataclass(frozen=True, slots=True)
class Conversion:
    given: Money
    to: Money
    rate: Decimal
    on: date


class ExchangeRateService(RecordService[ExchangeRateRead]):
    kind = EXCHANGE_RATE

    async def check(self, change: Change[ExchangeRateRead]) -> None:
        if "currency" in change.fields and change.after.currency == await ExchangeRates(self.session).corporate():
            message = "This is the currency that rates are against: its own is always 1."
            raise refused(Invalid, "/currency", "corporateCurrency", message)

    async def convert(self, money: Money, into: str | None, on: date) -> Conversion:
        """Into the corporate currency unless another is named, by the rates that hold on that day."""
        self._may_read()
        rates = ExchangeRates(self.session)
        currency = into or await rates.corporate()
        known = await rates.between(money.currency, currency, on)
        return Conversion(money, converted(money, currency, known), cross(money.currency, currency, known), on)
