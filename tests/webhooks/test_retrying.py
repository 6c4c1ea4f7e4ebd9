"""Ten attempts over 75 hours, spread, and never against the receiver's word."""

from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.kernel.clock import utc_now
from app.domain.webhooks.retrying import JITTER, PAUSES_S, Verdict, pause_s, verdict, wish_s

DAY_S = 24 * 3600.0
chances = st.floats(0, 1, exclude_max=True)
NOW = utc_now().replace(microsecond=0)


def pauses(chances: list[float]) -> list[float]:
    """Of a delivery that fails every time, until the plan is used up."""
    found: list[float] = []
    while (pause := pause_s(len(found), chances[len(found)])) is not None:
        found.append(pause)
    return found


@given(st.lists(chances, min_size=20, max_size=20))
def test_there_are_ten_attempts_each_within_a_fifth_of_its_time(chances: list[float]) -> None:
    found = pauses(chances)
    assert len(found) == 10
    assert found[0] == 0
    for pause, planned in zip(found, PAUSES_S, strict=True):
        assert abs(pause - planned) <= JITTER * planned


def test_without_chance_they_span_75_hours() -> None:
    assert 75 * 3600 <= sum(pauses([0.5] * 20)) <= 76 * 3600


def test_chance_spreads_them_evenly_to_both_sides() -> None:
    spans = [sum(pauses([step / 100] * 20)) for step in range(101)]
    assert sum(spans) / len(spans) >= 75 * 3600
    assert spans == sorted(spans)
    assert spans[0] < 61 * 3600 < 90 * 3600 < spans[-1]


@given(st.integers(0, 9), chances, st.floats(0, 10 * DAY_S))
def test_a_wish_of_the_receiver_delays_for_a_day_at_most_and_never_hastens(
    attempts: int, chance: float, wish: float
) -> None:
    planned, wished = pause_s(attempts, chance), pause_s(attempts, chance, wish)
    assert planned is not None
    assert wished == max(planned, min(wish, DAY_S))


@given(st.integers(10, 1000), chances, st.floats(0, DAY_S))
def test_a_wish_adds_no_attempt(attempts: int, chance: float, wish: float) -> None:
    assert pause_s(attempts, chance, wish) is None


class TestWishes:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("120", 120), (" 7 ", 7), ("0", 0), ("00060", 60), ("86400", DAY_S), ("86401", DAY_S), ("9" * 5000, DAY_S)],
    )
    def test_seconds_are_read(self, text: str, seconds: float) -> None:
        assert wish_s(text, NOW) == seconds

    @given(st.integers(-(10**9), 10**9))
    def test_dates_are_read(self, seconds: int) -> None:
        at = NOW + timedelta(seconds=seconds)
        assert wish_s(format_datetime(at, usegmt=True), NOW) == min(max(0, seconds), DAY_S)

    def test_the_older_forms_of_a_date_are_read(self) -> None:
        at = NOW + timedelta(seconds=90)
        assert wish_s(at.strftime("%A, %d-%b-%y %H:%M:%S GMT"), NOW) == 90
        assert wish_s(at.strftime("%a %b %d %H:%M:%S %Y"), NOW) == 90

    @pytest.mark.parametrize(
        "text", [None, "", "soon", "-5", "1.5", "٣", "12 seconds", "Fri, 99 Foo 2026 99:99:99 GMT"]
    )
    def test_anything_else_asks_for_nothing(self, text: str | None) -> None:
        assert wish_s(text, NOW) == 0

    @given(st.text())
    def test_no_text_breaks_it(self, text: str) -> None:
        assert 0 <= wish_s(text, NOW) <= DAY_S


@given(st.one_of(st.none(), st.integers(100, 999)))
def test_only_an_answer_of_success_delivers_and_only_410_ends_it(status: int | None) -> None:
    expected = Verdict.FAILED
    if status == 410:
        expected = Verdict.GONE
    if status is not None and str(status).startswith("2"):
        expected = Verdict.DELIVERED
    assert verdict(status) is expected
