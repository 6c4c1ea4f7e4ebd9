"""How much of a rate limit is left: arithmetic only, the time is passed in."""

from dataclasses import dataclass

SLICES = 60


@dataclass(frozen=True, slots=True)
class Grant:
    """`left` is free after it; `more_in_s` is when the oldest thing taken leaves the window."""

    tokens: int
    left: int
    more_in_s: float


class Window:
    """What was taken of a limit lately, counted in slices of a sixtieth of the window.

    A slice leaves as a whole, once all of it is older than the window, so that no window of any position admits more
    than the limit. (Windows that begin on the minute admit twice the limit around its turn.)
    """

    def __init__(self, window_s: float) -> None:
        self._slice_s = window_s / SLICES
        self._taken: dict[int, int] = {}

    def take(self, now_s: float, limit: int, wanted: int) -> Grant:
        free = max(0, limit - self.used(now_s))
        tokens = min(wanted, free)
        self.settle(now_s, tokens)
        return Grant(tokens, free - tokens, self.more_in_s(now_s))

    def settle(self, now_s: float, difference: int) -> None:
        """Counts what was taken otherwise; a negative difference gives back, the newest first."""
        current = int(now_s // self._slice_s)
        if difference > 0:
            self._taken[current] = self._taken.get(current, 0) + difference
        for slice_ in sorted(self._taken, reverse=True):
            if difference >= 0:
                break
            back = min(self._taken[slice_], -difference)
            self._taken[slice_] -= back
            difference += back
            if not self._taken[slice_]:
                del self._taken[slice_]

    def used(self, now_s: float) -> int:
        oldest = int(now_s // self._slice_s) - SLICES
        for slice_ in [slice_ for slice_ in self._taken if slice_ < oldest]:
            del self._taken[slice_]
        return sum(self._taken.values())

    def more_in_s(self, now_s: float) -> float:
        if not self._taken:
            return SLICES * self._slice_s
        return (min(self._taken) + 1 + SLICES) * self._slice_s - now_s


def share(limit: int, processes: int) -> int:
    """What one of them may admit alone. At least one request: a limit is no ban."""
    return max(1, limit // processes)
