"""What the paper of a quote says: texts only, in the form of its locale. Where they stand is the affair of the template."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from app.domain.quoting.rules import DRAFT, FIGURES
from app.domain.quoting.schemas import QuoteLine, QuoteRead

_WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "en": {
            "title": "Quote", "draft": "DRAFT", "number": "Number", "revision": "Revision", "date": "Date",
            "valid": "Valid until", "buyer": "For", "position": "No.", "item": "Item", "quantity": "Quantity",
            "price": "Unit price", "off": "Discount", "net": "Net", "subtotal": "Subtotal", "discount": "Discount",
            "tax": "Tax {rate} % on {net}", "total": "Total", "terms": "Terms", "page": "Page", "of": "of",
        },
        "de": {
            "title": "Angebot", "draft": "ENTWURF", "number": "Nummer", "revision": "Fassung", "date": "Datum",
            "valid": "Gültig bis", "buyer": "Für", "position": "Pos.", "item": "Leistung", "quantity": "Menge",
            "price": "Einzelpreis", "off": "Rabatt", "net": "Netto", "subtotal": "Zwischensumme", "discount": "Rabatt",
            "tax": "Steuer {rate} % auf {net}", "total": "Gesamt", "terms": "Bedingungen", "page": "Seite", "of": "von",
        },
        "fr": {
            "title": "Devis", "draft": "BROUILLON", "number": "Numéro", "revision": "Version", "date": "Date",
            "valid": "Valable jusqu'au", "buyer": "Pour", "position": "N°", "item": "Prestation", "quantity": "Quantité",
            "price": "Prix unitaire", "off": "Remise", "net": "Net", "subtotal": "Sous-total", "discount": "Remise",
            "tax": "Taxe {rate} % sur {net}", "total": "Total", "terms": "Conditions", "page": "Page", "of": "sur",
        },
    }
)  # fmt: skip
_OTHERWISE: Final = "en"
PRINTED: Final = (
    "name", "number", "revision", "status", "billingName", "billingAddress", "validUntil", "locale", "lines", "amounts", "taxes",
    "subtotal", "discount", "net", "tax", "total", "terms", "seller", "presentedOn",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Paper:
    """`name` is that of the file; `data` are strings and lists of them."""

    name: str
    data: Mapping[str, Any]


def paper(quote: QuoteRead, seller: str, today: date) -> Paper:
    """`today` is the date of a draft; what was presented has its own, and says the same for ever."""
    locale = Locale.parse(quote.locale, sep="-")
    language = locale.language if locale.language in _WORDS else _OTHERWISE
    words = _WORDS[language]
    on = quote.presented_on or today
    facts = [
        (words["number"], quote.number),
        (words["revision"], f"{quote.revision}" if quote.number else None),
        (words["date"], _day(on, locale)),
        (words["valid"], _day(quote.valid_until, locale) if quote.valid_until else None),
    ]
    data = {
        "language": language,
        "words": words,
        "draft": quote.status == DRAFT,
        "seller": seller,
        "buyer": [one for one in (quote.billing_name, *_address(quote.billing_address or {})) if one],
        "name": quote.name,
        "date": [on.year, on.month, on.day],
        "facts": [[label, value] for label, value in facts if value],
        "lines": [_row(place, *pair, locale) for place, pair in enumerate(_pairs(quote), 1)],
        "totals": _totals(quote, words, locale),
        "terms": quote.terms or "",
    }
    number = f"{quote.number}-{quote.revision}" if quote.number else "draft"
    return Paper(f"{number}.pdf", data)


def _pairs(quote: QuoteRead) -> list[tuple[QuoteLine, Mapping[str, Any]]]:
    """Its record holds lines and amounts as documents."""
    amounts: list[Any] = quote.amounts
    return [(QuoteLine.model_validate(one), of_it) for one, of_it in zip(quote.lines, amounts, strict=True)]


def _row(place: int, line: QuoteLine, amounts: Mapping[str, Any], locale: Locale) -> dict[str, str]:
    off = [f"{_number(line.discount_percent, locale)} %"] if line.discount_percent else []
    off += [_price(line.discount_amount.amount, line.discount_amount.currency, locale)] if line.discount_amount else []
    return {
        "position": str(place),
        "name": line.name or "",
        "description": line.description or "",
        "quantity": " ".join(one for one in (_number(line.quantity, locale), line.unit) if one),
        "price": _price(line.unit_price.amount, line.unit_price.currency, locale),
        "off": "\n+ ".join(off),
        "net": _money(amounts["net"], locale),
    }


def _totals(quote: QuoteRead, words: Mapping[str, str], locale: Locale) -> list[list[str]]:
    """Without a subtotal where nothing is taken off it."""
    shown = {name: getattr(quote, name) for name in FIGURES}
    if shown["total"] is None:
        return []
    money = {name: _price(one.amount, one.currency, locale) for name, one in shown.items()}
    rows = [[words[name], money[name]] for name in ("subtotal", "discount", "net")]
    if not shown["discount"].amount:
        rows = rows[-1:]
    else:
        rows[1][1] = f"−{rows[1][1]}"  # noqa: RUF001  # the sign that typography has for it
    for one in quote.taxes:
        tax: Any = one
        if Decimal(tax["ratePercent"]):
            rate = _number(Decimal(tax["ratePercent"]), locale)
            rows.append([words["tax"].format(rate=rate, net=_money(tax["net"], locale)), _money(tax["tax"], locale)])
    return [*rows, [words["total"], money["total"]]]


def _address(address: Mapping[str, Any]) -> list[str]:
    town = " ".join(address[one] for one in ("postalCode", "city") if address.get(one))
    return [address.get("street", ""), town, address.get("region", ""), address.get("country", "")]


def _day(day: date, locale: Locale) -> str:
    return format_date(day, "long", locale)


def _money(shown: Mapping[str, str], locale: Locale) -> str:
    return _price(Decimal(shown["amount"]), shown["currency"], locale)


def _price(amount: Decimal, currency: str, locale: Locale) -> str:
    """With as many decimals as it has: a unit price may have more than its currency."""
    places = max(0, -int(amount.as_tuple().exponent))
    pattern = locale.currency_formats["standard"].pattern.replace("0.00", f"0.{'0' * places}" if places else "0")
    return format_currency(amount, currency, pattern, locale=locale, currency_digits=False)


def _number(number: Decimal, locale: Locale) -> str:
    return format_decimal(number.normalize(), locale=locale, decimal_quantization=False)
