"""A sealed value opens at its own place, under the key that sealed it, and nowhere else."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.kernel.sealing import CannotOpen, CannotSeal, Seal

OLD, NEW = os.urandom(32), os.urandom(32)
PLACE = ("tenant", "webhook_secret", "secret", "row")

seal = Seal({1: OLD})
places = st.lists(st.text(max_size=8), max_size=5)


@given(st.binary(max_size=200), places)
def test_what_was_sealed_opens_at_its_place(plain: bytes, place: list[str]) -> None:
    assert seal.open(seal.seal(plain, place), place) == plain


@given(places, places)
def test_it_opens_at_no_other_place(place: list[str], other: list[str]) -> None:
    sealed = seal.seal(b"secret", place)
    if place != other:
        with pytest.raises(CannotOpen):
            seal.open(sealed, other)


@pytest.mark.parametrize("part", range(len(PLACE)))
def test_moved_to_another_tenant_table_column_or_row_it_does_not_open(part: int) -> None:
    other = [*PLACE[:part], "another", *PLACE[part + 1 :]]
    with pytest.raises(CannotOpen):
        seal.open(seal.seal(b"secret", PLACE), other)


def test_the_parts_of_a_place_do_not_run_into_each_other() -> None:
    with pytest.raises(CannotOpen):
        seal.open(seal.seal(b"secret", ["a", "bc"]), ["ab", "c"])


@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_changed_bit_anywhere_keeps_it_shut(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal.seal(plain, PLACE))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CannotOpen):
        seal.open(bytes(sealed), PLACE)


@given(st.binary(max_size=40))
def test_what_was_never_sealed_does_not_open(junk: bytes) -> None:
    with pytest.raises(CannotOpen):
        seal.open(junk, PLACE)


def test_nothing_of_the_value_shows_and_no_two_sealings_are_alike() -> None:
    one, two = seal.seal(b"a plain secret", PLACE), seal.seal(b"a plain secret", PLACE)
    assert one != two
    assert b"plain" not in one


def test_another_key_under_the_same_number_does_not_open() -> None:
    with pytest.raises(CannotOpen):
        Seal({1: NEW}).open(seal.seal(b"secret", PLACE), PLACE)


def test_the_number_of_the_key_cannot_be_changed() -> None:
    sealed = seal.seal(b"secret", PLACE)
    with pytest.raises(CannotOpen):
        Seal({1: OLD, 2: OLD}).open((2).to_bytes(4, "big") + sealed[4:], PLACE)


class TestRotation:
    def test_the_old_key_opens_and_the_highest_number_seals(self) -> None:
        both, sealed = Seal({2: NEW, 1: OLD}), seal.seal(b"secret", PLACE)
        assert both.open(sealed, PLACE) == b"secret"
        with pytest.raises(CannotOpen):
            seal.open(both.seal(b"secret", PLACE), PLACE)

    def test_resealed_it_no_longer_needs_the_old_key(self) -> None:
        both = Seal({1: OLD, 2: NEW})
        again = both.reseal(seal.seal(b"secret", PLACE), PLACE)
        assert again is not None
        assert Seal({2: NEW}).open(again, PLACE) == b"secret"
        assert both.reseal(again, PLACE) is None

    def test_a_value_under_a_key_that_was_taken_away_is_refused(self) -> None:
        with pytest.raises(CannotOpen, match="not among those"):
            Seal({2: NEW}).open(seal.seal(b"secret", PLACE), PLACE)


class TestWithoutAKey:
    def test_nothing_is_sealed_or_opened(self) -> None:
        with pytest.raises(CannotSeal):
            Seal({}).seal(b"secret", PLACE)
        with pytest.raises(CannotOpen):
            Seal({}).open(seal.seal(b"secret", PLACE), PLACE)


def test_a_key_never_shows_where_the_seal_is_printed() -> None:
    assert OLD.hex() not in repr(seal)
    assert repr(OLD)[2:-1] not in repr(vars(seal))
