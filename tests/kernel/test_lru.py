import random

from app.domain.kernel.lru import LeastRecentlyUsed


def test_what_was_used_longest_ago_goes_first() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(entries=2, weight=100)
    cache.put("a", 1, 1)
    cache.put("b", 2, 1)
    assert cache.get("a") == 1
    cache.put("c", 3, 1)
    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_heavy_entries_push_out_several_and_too_heavy_ones_are_not_kept() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(entries=10, weight=10)
    for key in "abc":
        cache.put(key, 1, 3)
    cache.put("d", 1, 7)
    assert [key for key in "abcd" if cache.get(key)] == ["c", "d"]
    cache.put("e", 1, 11)
    assert (len(cache), cache.weight, cache.get("e")) == (0, 0, None)


def test_the_bounds_hold_under_many_distinct_entries_and_replacements() -> None:
    cache: LeastRecentlyUsed[int, int] = LeastRecentlyUsed(entries=100, weight=5_000)
    chance = random.Random(3)
    for number in range(50_000):
        cache.put(number if number % 3 else 7, number, chance.randrange(200))
    assert 0 < len(cache) <= 100
    assert 0 < cache.weight <= 5_000
    kept = list(cache._kept.values())
    assert cache.weight == sum(weight for _, weight in kept)
