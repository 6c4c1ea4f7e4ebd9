"""Conversion between currencies by dated rates, all of which are against one currency, the corporate one."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal

from babel.numbers import get_currency_precision

from app.domain.kernel.errors import AppError, Invalid, refused
from app.domain.kernel.money import Money

# A quotient of these sizes that is no tie differs from one before its 40th digit, so that rounding to 100 digits first
# never makes a tie; products and sums are exact.
EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Rates:
    """What a unit of either currency is worth in the corporate one, on the day `on`; None where no rate is known."""

    of: Decimal | None
    into: Decimal | None
    on: date


def rounded(amount: Decimal, currency: str) -> Decimal:
    """To the digits of the currency, a half to the even neighbour; never minus zero."""
    return EXACT.add(amount.quantize(Decimal(1).scaleb(-get_currency_precision(currency)), context=EXACT), Decimal(0))


def converted(money: Money, into: str, rates: Rates) -> Money:
    """Rounded once, at the end. Into its own currency an amount stays as it is."""
    if money.currency == into:
        return money
    of, by = _known(rates.of, money.currency, rates.on), _known(rates.into, into, rates.on)
    exact = EXACT.divide(EXACT.multiply(money.amount, of), by)
    return Money.model_construct(amount=rounded(exact, into), currency=into)


def cross(of: str, into: str, rates: Rates) -> Decimal:
    """What a unit of the first is worth in the second, to 20 digits."""
    if of == into:
        return Decimal(1)
    quotient = EXACT.divide(_known(rates.of, of, rates.on), _known(rates.into, into, rates.on))
    return Context(prec=20, rounding=ROUND_HALF_EVEN).plus(quotient)


def rate_missing(currency: str, on: date, pointer: str = "") -> AppError:
    message = f"There is no exchange rate of {currency} that holds on {on.isoformat()}: POST /exchange-rates has one."
    return refused(Invalid, pointer, "rateMissing", message, currency=currency, date=on.isoformat())


def _known(rate: Decimal | None, currency: str, on: date) -> Decimal:
    if rate is None:
        raise rate_missing(currency, on)
    return rate
