"""Conversion and rounding against fractions, which know no digits."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from random import Random

import pytest

from app.domain.currencies.rules import EXACT, Rates, converted, rounded
from app.domain.kernel.money import Money

TODAY = date(2026, 11, 22)
PLACES = {"JPY": 0, "EUR": 2, "KWD": 3, "CLF": 4}


def to_the_digits(exact: Fraction, places: int) -> Fraction:
    """By whole units: the nearest, and of two that are as near the even one."""
    units = exact * 10**places
    below = units.numerator // units.denominator
    rest = units - below
    up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1)
    return Fraction(below + up, 10**places)


def draw(random: Random, digits: int, places: int) -> Decimal:
    """Of any size; often one that makes a tie."""
    whole, part = random.randint(1, digits), random.randint(0, places)
    text = random.choice(("5", "25", "125", str(random.randrange(10 ** (whole + part)))))
    return Decimal(text).scaleb(-part)


def disagreement(random: Random, convert: Callable[[Money, str, Rates], Money]) -> str | None:
    """The first of many conversions that is not what fractions say."""
    for _ in range(2_000):
        of, into = random.sample(sorted(PLACES), 2)
        amount = draw(random, 15, 4) * random.choice((1, -1))
        rates = Rates(draw(random, 9, 10) + 1, draw(random, 9, 10) + 1, TODAY)
        assert rates.of is not None
        assert rates.into is not None
        exact = Fraction(amount) * Fraction(rates.of) / Fraction(rates.into)
        found = convert(Money.model_construct(amount=amount, currency=of), into, rates)
        if Fraction(found.amount) != to_the_digits(exact, PLACES[into]) or found.currency != into:
            return f"{amount} {of} by {rates} gives {found}"
    return None


def test_conversion_is_what_fractions_say(seed: int) -> None:
    assert disagreement(Random(seed), converted) is None


def with_floats(money: Money, into: str, rates: Rates) -> Money:
    assert rates.of is not None
    assert rates.into is not None
    exact = float(money.amount) * float(rates.of) / float(rates.into)
    return Money.model_construct(amount=Decimal(str(round(exact, PLACES[into]))), currency=into)


def with_halves_up(money: Money, into: str, rates: Rates) -> Money:
    found = converted(money, "CLF" if into == "EUR" else into, rates)
    if into != "EUR":
        return found
    return Money.model_construct(amount=found.amount.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP"), currency=into)


@pytest.mark.parametrize("wrong", [with_floats, with_halves_up])
def test_a_wrong_conversion_is_seen(wrong: Callable[[Money, str, Rates], Money]) -> None:
    assert disagreement(Random(1), wrong) is not None


def test_a_quotient_next_to_a_tie_is_none() -> None:
    """The greatest numbers that may be written, one off a tie: digits enough are kept to see it."""
    rates = Rates(Decimal("999999999.9999999999"), Decimal("999999999.9999999998"), TODAY)
    given = Money.model_construct(amount=Decimal("999999999999999.995"), currency="EUR")
    exact = Fraction(given.amount) * Fraction(rates.of or 0) / Fraction(rates.into or 1)
    assert Fraction(converted(given, "USD", rates).amount) == to_the_digits(exact, 2)


@pytest.mark.parametrize("currency", sorted(PLACES))
def test_a_half_goes_to_the_even_neighbour(currency: str) -> None:
    unit = Decimal(1).scaleb(-PLACES[currency])
    halves = [(odd * unit / 2, even * unit) for odd, even in ((1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2), (-5, -2))]
    assert [rounded(half, currency) for half, _ in halves] == [whole for _, whole in halves]
    assert not any(str(rounded(half, currency)).startswith("-0") and whole == 0 for half, whole in halves)


def test_products_are_exact() -> None:
    widest = partial(EXACT.multiply, Decimal("9" * 19))
    assert widest(Decimal("9" * 19)) == int("9" * 19) ** 2
