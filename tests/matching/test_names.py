"""Names that mean the same company or person are alike, whoever typed them."""

import random

import pytest

from app.domain.matching.names import company_likeness, company_words, person_likeness, word_likeness
from app.domain.matching.rules import domain_key, email_key, phone_key
from bench.companies import misspelt, names

SAME = [
    ("Acme Inc.", "ACME, Inc"),
    ("Müller & Söhne GmbH", "Mueller & Söhne"),
    ("Müller & Söhne GmbH", "muller und sohne gmbh"),
    ("Société Générale S.A.", "Societe Generale SA"),
    ("Kilgore Intl", "Kilgore International Ltd"),
    ("Kilgore Phamra", "Kilgore Pharmaceuticals Ltd"),
    ("The Bank of Leeds", "Leeds Bank plc"),
    ("A.B.C. Logistics", "ABC Logistics"),
    ("Ægir Shipping A/S", "Aegir Shipping"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_name_in_another_spelling_is_as_good_as_equal(one: str, other: str) -> None:
    assert company_likeness(one, other) > 0.9


def test_a_legal_form_decides_between_twins_and_no_more() -> None:
    assert 0.95 < company_likeness("Acme GmbH", "Acme Ltd") < company_likeness("Acme GmbH", "Acme") == 1


def test_a_name_of_nothing_but_a_legal_form_keeps_it() -> None:
    assert company_words("The Limited")[0] == ("the", "limited")


def test_what_trade_two_companies_are_in_does_not_make_them_alike() -> None:
    assert company_likeness("Kilgore Logistics", "Brandeis Logistics") < 0.5


def test_first_and_last_name_may_change_places_and_one_stroke_may_be_wrong() -> None:
    assert person_likeness("Ada Lovelace", "lovelace, ada") == 1
    assert person_likeness("Ada Lovelace", "Ada Lovelcae") > 0.85
    assert person_likeness("Ada Lovelace", "Grace Hopper") < 0.4


def test_words_are_as_alike_either_way_round(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(500):
        one, other = ("".join(chance.choices("abc", k=chance.randint(1, 6))) for _ in range(2))
        assert word_likeness(one, other) == word_likeness(other, one)
        assert (word_likeness(one, other) == 1) == (one == other)


def test_a_misspelt_name_is_more_like_its_own_than_like_most_others(seed: int) -> None:
    chance = random.Random(seed)
    written = names(chance, 60)
    nearest = 0
    for name in written:
        typed = misspelt(chance, name)
        nearest += max(written, key=lambda other, typed=typed: company_likeness(typed, other)) == name
    assert nearest >= 50


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("https://www.Acme.example/about?x=1", "acme.example"),
        ("acme.example", "acme.example"),
        ("ada@ACME.example", "acme.example"),
        ("ada@gmail.com", ""),
        ("https://xn--mller-kva.example", "müller.example"),
        ("acme", ""),
        ("http://[broken", ""),
        ("", ""),
    ],
)
def test_the_domain_of_a_website_or_an_email_is_the_same_however_it_is_written(value: str, key: str) -> None:
    assert domain_key(value) == key


def test_emails_and_phones_are_compared_without_what_does_not_matter() -> None:
    assert email_key(" Ada@Example.com ") == "ada@example.com"
    assert phone_key("0049 (0)30 123-456") == phone_key("+49 30 123456") == "4930123456"
