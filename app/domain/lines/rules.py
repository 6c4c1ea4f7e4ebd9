"""What lines cost, in exact decimals: each figure is rounded once, a half to the even neighbour."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from app.domain.currencies.rules import EXACT, rounded
from app.domain.kernel.errors import AppError, Invalid, refused
from app.domain.kernel.money import Money
from app.domain.lines.schemas import OpportunityLineRead

LARGEST = Decimal(10) ** 15  # an amount has fewer digits than this before the point
HUNDRED = Decimal(100)


class Sold(Protocol):
    """What a line says of its figures, beside the price: of an opportunity, or of a document made from it."""

    @property
    def quantity(self) -> Decimal: ...
    @property
    def discount_percent(self) -> Decimal: ...
    @property
    def discount_amount(self) -> Money | None: ...
    @property
    def tax_rate_percent(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What an opportunity, its price book and a product say of the price of a line."""

    currency: str | None
    book: str | None
    book_holds: bool
    product: bool
    for_sale: bool
    listed: Money | None

    @property
    def list_price(self) -> Money | None:
        return self.listed if self.listed and self.currency in (None, self.listed.currency) else None

    def refuse(self) -> None:
        """For a line that is new, or gets another product or opportunity."""
        if not self.product:
            return
        if not self.for_sale:
            raise refused(Invalid, "/productId", "productDiscontinued", "The product is no longer for sale.")
        if self.book and not self.book_holds:
            message = f"The prices of {self.book} do not hold today: give the opportunity another price book."
            raise refused(Invalid, "/productId", "priceBookNotValid", message)
        if self.book and self.listed is None:
            message = f"{self.book} has no price of this product for this quantity."
            raise refused(Invalid, "/productId", "notInPriceBook", message)


def is_held(active: bool | None, valid_from: date | None, valid_until: date | None, today: date) -> bool:  # noqa: FBT001  # a column
    return bool(active) and (valid_from or today) <= today <= (valid_until or today)


def unit_price(line: OpportunityLineRead, before: OpportunityLineRead | None, listed: Money | None) -> Money:
    """That of the line; the list price where it has none, or had the one that was listed and nobody set another."""
    followed = before is not None and before.unit_price == before.list_price == line.unit_price
    price: Money | None = listed if followed and listed else line.unit_price
    if price is None and listed is None:
        message = "Give a unit price: there is no list price of a product in the currency of the opportunity."
        raise refused(Invalid, "/unitPrice", "priceMissing", message)
    return price or listed  # type: ignore[return-value]  # one of them is there


def refuse_other_currency(money: Money | None, currency: str, pointer: str) -> None:
    if money is not None and money.currency != currency:
        message = f"All lines are in one currency, here {currency}."
        raise refused(Invalid, f"{pointer}/currency", "otherCurrency", message, currency=currency)


def figures(line: Sold, price: Money) -> dict[str, Money]:
    """By column."""
    currency = price.currency
    subtotal = rounded(EXACT.multiply(line.quantity, price.amount), currency)
    discount = rounded(EXACT.multiply(subtotal, line.discount_percent / HUNDRED), currency)
    if line.discount_amount is not None:
        discount = EXACT.add(discount, rounded(line.discount_amount.amount, currency))
    if subtotal >= LARGEST:
        raise refused(Invalid, "/quantity", "tooLarge", "An amount has at most 15 digits before the point.")
    if discount > subtotal:
        raise refused(Invalid, "/discountAmount", "discountTooLarge", "No more can be taken off than the subtotal.")
    net = subtotal - discount
    tax = rounded(EXACT.multiply(net, line.tax_rate_percent / HUNDRED), currency)
    found = {"subtotal": subtotal, "discount": discount, "net": net, "tax": tax, "total": net + tax}
    return {name: Money.model_construct(amount=amount, currency=currency) for name, amount in found.items()}


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one currency and tax rate, added up."""

    currency: str
    rate: Decimal
    lines: int
    subtotal: Decimal
    discount: Decimal
    net: Decimal


def totals(groups: Iterable[Group]) -> dict[str, Any]:
    """As the API shows them."""
    listed = sorted(groups, key=lambda one: one.rate)
    if not listed:
        return {"lines": 0, "currency": None, "taxes": []} | dict.fromkeys(
            ("subtotal", "discount", "net", "tax", "total")
        )
    currency = listed[0].currency

    def money(amount: Decimal) -> dict[str, str]:
        return {"amount": f"{amount:f}", "currency": currency}

    taxes = [rounded(EXACT.multiply(one.net, one.rate / HUNDRED), currency) for one in listed]
    sums = {name: sum(getattr(one, name) for one in listed) for name in ("subtotal", "discount", "net")}
    sums |= {"tax": sum(taxes), "total": sums["net"] + sum(taxes)}
    by_rate = [
        {"ratePercent": f"{one.rate:f}", "net": money(one.net), "tax": money(tax)}
        for one, tax in zip(listed, taxes, strict=True)
    ]
    shown = {name: money(Decimal(amount)) for name, amount in sums.items()}
    return {"lines": sum(one.lines for one in listed), "currency": currency, "taxes": by_rate, **shown}


def mixed(currencies: Iterable[str]) -> AppError:
    message = f"All lines of an opportunity are in one currency; these would be in {', '.join(sorted(currencies))}."
    return refused(Invalid, "/unitPrice/currency", "otherCurrency", message)
