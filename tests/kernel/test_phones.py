"""A phone number has one form, however and wherever it is dialled."""

import random

import pytest
from babel import Locale

from app.domain.kernel.countries import COUNTRIES, country_code
from app.domain.kernel.phones import e164, international, national

# Of each country its code, what stands before a number there and is left out from abroad, and numbers that it has.
PLANS = {
    "DE": ("49", "0", ("30123456", "1721234567", "891234567")),
    "GB": ("44", "0", ("2079460000", "7400123456")),
    "FR": ("33", "0", ("123456789", "612345678")),
    "US": ("1", "1", ("4155550132", "2125550100")),
    "RU": ("7", "8", ("4951234567", "9161234567")),
    "IT": ("39", "", ("0612345678", "3123456789")),
    "NO": ("47", "", ("22232425", "40612345")),
}
UNASSIGNED = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}


def spelled(chance: random.Random, digits: str) -> str:
    """With what people put between digits."""
    return digits[0] + "".join(chance.choice(["", "", " ", "-", ".", "/", " - "]) + one for one in digits[1:])


def test_a_number_is_the_same_from_within_its_country_and_from_abroad(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(300):
        country = chance.choice(list(PLANS))
        code, trunk, numbers = PLANS[country]
        number = chance.choice(numbers)
        kept = f"+{code}{number}"

        assert e164(spelled(chance, trunk + number), country) == kept
        for abroad in (f"+{spelled(chance, code + number)}", f"00 {spelled(chance, code + number)}"):
            assert e164(abroad, chance.choice([None, *PLANS])) == kept
        assert e164(kept, country) == kept


@pytest.mark.parametrize(
    ("number", "country", "kept"),
    [
        ("+49 (0)30 123-456", None, "+4930123456"),
        ("(0)30 123-456", "DE", "+4930123456"),
        ("(415) 555-0132", "US", "+14155550132"),
        ("011 49 30 123456", "US", "+4930123456"),
        ("+1 000 000 00 00", None, "+10000000000"),
        ("030 123456", None, None),
        ("555-0132", "US", None),
        ("030 123456", "AQ", None),
        ("030 123456", "FR", None),
        ("1234567890123456789", "DE", None),
        ("00", "DE", None),
        ("+49", "DE", None),
        ("(((((", "DE", None),
    ],
)
def test_what_is_no_number_there_is_none(number: str, country: str | None, kept: str | None) -> None:
    assert e164(number, country) == kept


def test_only_what_says_its_country_is_taken_at_its_word() -> None:
    """A new area may be missing in the plan, and nobody is to be kept from calling it."""
    assert international("+49 999 99999999999") is None
    assert international("+49 11 11111") == "+491111111"
    assert national("011 11111", "DE") is None


def test_countries_are_those_of_iso_3166() -> None:
    known = {code for code in Locale.parse("en").territories if len(code) == 2 and code.isalpha()}
    assert known - UNASSIGNED == COUNTRIES


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "pt", "nl", "pl"])
def test_a_country_is_known_by_its_names(language: str) -> None:
    names = {name: code for code, name in Locale.parse(language).territories.items() if code in COUNTRIES}
    assert {name: country_code(name) for name in names} == names
    assert {name: country_code(f" {name.upper()} ") for name in names} == names


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"), ("de", "DE"), ("DEU", "DE"), ("U.S.A.", "US"), ("UK", "GB"), ("England", "GB"), ("Czech Republic", "CZ"),
        ("United States of America", "US"), ("Deutschland", "DE"), ("Österreich", "AT"), ("Freedonia", None), ("", None),
        ("EU", None), ("§", None), ("150", None),
    ],
)  # fmt: skip
def test_a_country_is_known_by_its_codes_and_common_names(text: str, code: str | None) -> None:
    assert country_code(text) == code
