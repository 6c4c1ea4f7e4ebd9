"""Whatever is written, it is refused or admitted at once, and only ever by an ExpressionError."""

from collections.abc import Iterable
from random import Random
from time import thread_time

import pytest

from app.domain.kernel.expression.checker import Checked, check
from app.domain.kernel.expression.errors import ExpressionError
from tests.expression.bombs import BOMBS, generated
from tests.expression.generating import schema
from tests.expression.kinds import CATALOG
from tests.expression.viewers import ANYBODY

SLOW_S = 0.05
_SCHEMA = schema()
_LARGEST = {
    "conditions": " && ".join(["1==1"] * 130),
    "alternatives of pairs": " || ".join(["(stage=='a' && has(name))"] * 60),
    "sums": "+".join(["amount"] * 23) + " > 0",
    "lists": "probability in [" + ", ".join(["1"] * 200) + "] || amount in [" + ", ".join(["2"] * 190) + "]",
    "parentheses": "(" * 23 + "1==1" + ")" * 23,
    "texts": " + ".join(["name"] * 23) + ' == ""',
    "a text": "name == '" + "x" * 3_900 + "'",
    "calls": "lower(" * 20 + "name" + ")" * 20 + " == ''",
    "questions": " || ".join(f"account.contacts.exists(c{n}, c{n}.email == null)" for n in range(9)),
}


def _checked(text: str) -> Checked:
    return check(text, CATALOG["opportunity"], _SCHEMA, ANYBODY)


def _refusal(text: str) -> ExpressionError | None:
    try:
        _checked(text)
    except ExpressionError as error:
        return error
    return None


def _seconds(text: str) -> float:
    start = thread_time()
    _refusal(text)
    return thread_time() - start


def test_there_are_more_than_twenty_eight_kinds_of_bombs() -> None:
    assert len(BOMBS) > 28


@pytest.mark.quick
@pytest.mark.parametrize("text", BOMBS.values(), ids=list(BOMBS))
def test_a_bomb_is_refused(text: str) -> None:
    refused = _refusal(text)
    assert refused
    assert 0 <= refused.position <= refused.end <= len(text)
    assert refused.message.endswith((".", "?"))
    assert len(refused.message) < 300


def test_a_bomb_is_refused_at_once() -> None:
    assert not _slow(BOMBS.values())


def test_generated_bombs_do_nothing_else_than_being_refused() -> None:
    """Or they are accepted: some are long and harmless."""
    assert not _slow(generated(Random(28), 2_000))


def _slow(texts: Iterable[str]) -> list[str]:
    """What takes longer than 50 ms of the processor, even when it is tried again."""
    return [text for text in texts if _seconds(text) > SLOW_S and min(_seconds(text) for _ in range(3)) > SLOW_S]


@pytest.mark.parametrize("text", _LARGEST.values(), ids=list(_LARGEST))
def test_the_largest_that_is_accepted_is_read_at_once(text: str) -> None:
    assert _checked(text).shape
    assert not _slow([text])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name == '" + "x" * 3_991 + "'", "tooLong"),
        ("&&".join(["1==1"] * 134), "tooComplex"),
        ("probability in [" + ",".join(["1"] * 201) + "]", "listTooLong"),
        ("(" * 25 + "true" + ")" * 25, "tooDeep"),
        ("+".join(["1"] * 25) + " > 0", "tooDeep"),
        ("!" * 25 + "true", "tooDeep"),
        ("account.parent.parent.parent.name == ''", "tooDeep"),
        (" * ".join(["amount"] * 21) + " > 0", "tooComplex"),
    ],
)
def test_one_more_than_allowed_is_refused(text: str, code: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        _checked(text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "name == '" + "x" * 3_990 + "'",
        "&&".join(["1==1"] * 133),
        "probability in [" + ",".join(["1"] * 200) + "]",
        "(" * 24 + "true" + ")" * 24,
        "!" * 24 + "true",
        "account.parent.parent.name == ''",
        " * ".join(["amount"] * 20) + " > 0",
    ],
)
def test_as_much_as_allowed_is_accepted(text: str) -> None:
    assert _checked(text).type == "boolean"
