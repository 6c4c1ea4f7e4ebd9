"""Amounts are exact, and look the same wherever they came from."""

import json
from decimal import Decimal

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.domain.kernel.changes import as_json
from app.domain.kernel.money import CURRENCIES, Money, scaled

amounts = st.decimals(min_value=-(10**15) + 1, max_value=10**15 - 1, places=4, allow_nan=False)
currencies = st.sampled_from(sorted(CURRENCIES))


@given(amounts, currencies)
def test_the_value_never_changes_and_the_decimals_of_the_currency_are_shown(amount: Decimal, currency: str) -> None:
    shown = scaled(amount, currency)
    assert shown == amount
    assert -int(shown.as_tuple().exponent) >= get_currency_precision(currency)
    assert scaled(shown, currency).as_tuple() == shown.as_tuple()
    assert str(shown) != "-0"


@given(amounts, currencies)
def test_what_is_shown_can_be_sent_back(amount: Decimal, currency: str) -> None:
    money = Money.model_construct(amount=scaled(amount, currency), currency=currency)
    again = Money.model_validate_json(json.dumps(as_json(money)), strict=True)
    assert again == money


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1054", "USD", "1054.00"),
        ("0.125", "USD", "0.125"),
        ("1.500", "EUR", "1.50"),
        ("7", "JPY", "7"),
        ("7", "KWD", "7.000"),
        ("-0", "EUR", "0.00"),
    ],
)
def test_amounts_look_the_way_their_currency_is_written(amount: str, currency: str, shown: str) -> None:
    body = json.dumps({"amount": amount, "currency": currency})
    assert as_json(Money.model_validate_json(body, strict=True)) == {"amount": shown, "currency": currency}


@pytest.mark.parametrize(
    "body",
    [
        {"amount": 12, "currency": "EUR"},
        {"amount": 12.5, "currency": "EUR"},
        {"amount": "1e3", "currency": "EUR"},
        {"amount": "1,000.00", "currency": "EUR"},
        {"amount": "1.23456", "currency": "EUR"},
        {"amount": "1234567890123456", "currency": "EUR"},
        {"amount": "01", "currency": "EUR"},
        {"amount": "1\n", "currency": "EUR"},
        {"amount": "1", "currency": "EURO"},
        {"amount": "1", "currency": "eur"},
        {"amount": "1"},
        {"amount": "1", "currency": "EUR", "rate": "1"},
    ],
)
def test_anything_else_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate_json(json.dumps(body), strict=True)
