from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LeastRecentlyUsed(Generic[K, V]):
    """Bounded in entries and in weight, since clients choose how many there are and how large each is."""

    def __init__(self, entries: int, weight: int) -> None:
        self._most, self._heaviest = entries, weight
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.weight = 0

    def get(self, key: K) -> V | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Lets go of what was used longest ago; of this one, too, where it alone is too heavy."""
        _, replaced = self._kept.pop(key, (None, 0))
        self._kept[key] = (value, weight)
        self.weight += weight - replaced
        while len(self._kept) > self._most or self.weight > self._heaviest:
            _, (_, gone) = self._kept.popitem(last=False)
            self.weight -= gone

    def clear(self) -> None:
        self._kept.clear()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._kept)
