from uuid import RFC_4122, UUID

import pytest

from app.domain.kernel.ids import parse_id, uuid7


def test_ids_are_of_version_7_and_sort_by_the_millisecond_of_their_making() -> None:
    made = [uuid7() for _ in range(10_000)]
    assert {(one.version, one.variant) for one in made} == {(7, RFC_4122)}
    assert len(set(made)) == len(made)
    milliseconds = [one.int >> 80 for one in made]
    assert milliseconds == sorted(milliseconds)


def test_of_two_ids_of_one_millisecond_the_later_is_greater(monkeypatch: pytest.MonkeyPatch) -> None:
    """As lists of the newest first want it: two records can be created in less."""
    made = []
    for nanoseconds in (0, 245, 500_000, 999_755, 999_999, 1_000_000):
        monkeypatch.setattr("time.time_ns", lambda after=nanoseconds: 1_795_000_000_000_000_000 + after)
        made.append(uuid7())
    assert made == sorted(made)
    assert [one.int >> 80 for one in made] == [1_795_000_000_000] * 5 + [1_795_000_000_001]


def test_only_the_usual_spelling_of_an_id_is_one() -> None:
    one = uuid7()
    assert parse_id(str(one)) == parse_id(str(one).upper()) == one
    for text in ("", "17", one.hex, f"{{{one}}}", f"urn:uuid:{one}", "g" * 36, str(UUID(int=0))[:-1]):
        assert parse_id(text) is None
