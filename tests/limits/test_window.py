"""The arithmetic of a sliding window, against a plain list of what was admitted when."""

from hypothesis import given
from hypothesis import strategies as st

from app.api.window import SLICES, Window, share

WINDOW_S = 60.0
SLICE_S = WINDOW_S / SLICES
pauses = st.floats(min_value=0, max_value=40, allow_nan=False)
asked = st.lists(st.tuples(pauses, st.integers(1, 60)), max_size=60)
limits = st.integers(1, 100)


def _admitted(requests: list[tuple[float, int]], limit: int) -> list[tuple[float, int, int]]:
    """When, how many were wanted, how many were granted."""
    window, now, log = Window(WINDOW_S), 1_000.0, []
    for pause, wanted in requests:
        now += pause
        log.append((now, wanted, window.take(now, limit, wanted).tokens))
    return log


@given(asked, limits)
def test_no_window_of_any_position_admits_more_than_the_limit(requests, limit):
    log = _admitted(requests, limit)
    for end, _, _ in log:
        assert sum(granted for at, _, granted in log if end - WINDOW_S < at <= end) <= limit


@given(asked, limits)
def test_nothing_is_refused_that_one_slice_more_of_patience_would_not_have_to_wait_for(requests, limit):
    log = _admitted(requests, limit)
    for index, (now, wanted, granted) in enumerate(log):
        recent = sum(before for at, _, before in log[:index] if at > now - WINDOW_S - SLICE_S)
        assert granted >= min(wanted, limit - recent)


@given(asked, limits)
def test_more_is_free_when_it_says_so(requests, limit):
    window, now = Window(WINDOW_S), 0.0
    for pause, wanted in requests:
        now += pause
        grant = window.take(now, limit, wanted)
        if grant.tokens < wanted:
            assert window.take(now + grant.more_in_s + 1e-6, limit, 1).tokens == 1
            return


@given(asked, st.integers(1, 100))
def test_what_is_given_back_can_be_taken_again_and_nothing_beyond_it(requests, back):
    window, now = Window(WINDOW_S), 0.0
    for pause, wanted in requests:
        now += pause
        window.take(now, 100, wanted)
    used = window.used(now)
    window.settle(now, -back)
    assert window.used(now) == max(0, used - back)


@given(st.integers(1, 10_000), st.integers(1, 50))
def test_shares_do_not_add_up_to_more_than_the_limit_unless_each_is_the_least_there_is(limit, processes):
    part = share(limit, processes)
    assert part == 1 or part * processes <= limit
    assert part * processes > limit - processes
