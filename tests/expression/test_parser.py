"""Exact values and places, which Google's parser cannot vouch for: it has neither our numbers nor our normal form."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.parser import parse
from app.domain.kernel.expression.syntax import Binary, Chain, Invocation, Listed, Literal, Path, Syntax, Unary
from tests.expression.generating import Generator, schema
from tests.expression.kinds import CATALOG


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", Decimal(1)),
        ("007", Decimal(7)),
        ("-0.10", Decimal("-0.10")),
        ("0.1", Decimal("0.1")),
        ("9" * 30 + "." + "9" * 20, Decimal("9" * 30 + "." + "9" * 20)),
        ("true", True),
        ("null", None),
        ('"a"', "a"),
        ("'it''s'"[:4], "it"),
        ('"it\'s"', "it's"),
        (r'"\"\\\n\t\x41\u00e9\U0001F600\101"', '"\\\n\tA\u00e9\U0001f600A'),
        (r'r"\n\"', "\\n\\"),
        ("'e\u0301'", "\u00e9"),
        (r"'e\u0301'", "\u00e9"),
        ("'//'", "//"),
        ("'a' // no part of it", "a"),
    ],
)
def test_a_literal_has_this_value(text: str, value: Any) -> None:
    literal = parse(text)
    assert isinstance(literal, Literal)
    assert (literal.value, type(literal.value)) == (value, type(value))


@pytest.mark.parametrize("text", ["9" * 31, "0." + "0" * 21, "1e3", "1.", "0x1", "1u", "1_000", "1.2.3"])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match="digits"):
        parse(text)


@pytest.mark.parametrize(
    "text", [r'"\q"', r'"\x4"', r'"\ud800"', r'"\U00110000"', r'"\8"', '"\\u0000"', '"\0"', '"\ud800"', '"\u202e"']
)
def test_other_characters_are_refused_where_they_stand(text: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse(f"name == {text}")
    assert 8 <= refused.value.position < refused.value.end <= 8 + len(text)


@pytest.mark.parametrize("word", ["for", "let", "package", "while"])
def test_a_reserved_word_can_still_name_a_field(word: str) -> None:
    with pytest.raises(ExpressionError, match=f"record.{word}"):
        parse(f"{word} == 1")
    assert isinstance(parse(f"record.{word}"), Path)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("  a.b  ", Path), (" -1 ", Literal), (" [a, b] ", Listed), ("  ( f(a, b) )", Invocation), (" a.f(b)  ", Invocation),
        (" (a) + (b) ", Binary), (" !(a)", Unary), ("  (a) && b\n&& c ", Chain),
    ],
)  # fmt: skip
def test_a_node_knows_where_it_stands(text: str, kind: type[Syntax]) -> None:
    node = parse(text)
    assert isinstance(node, kind)
    assert text[node.start : node.end] == text.strip()


def test_what_a_node_stands_for_reads_the_same_by_itself() -> None:
    """Cut out of the text by its place, every part is parsed to itself again."""
    generator = Generator(random := Random(5), CATALOG["opportunity"], schema())
    for _ in range(200):
        text = generator.condition(random.choice((1, 2, 3)))
        for node in _within(parse(text)):
            cut = text[node.start : node.end]
            assert _placeless(parse(cut)) == _placeless(node), cut


def _within(node: Syntax) -> list[Syntax]:
    found, at = [node], 0
    while at < len(found):
        for slot in found[at].__slots__:
            member = getattr(found[at], slot)
            found += [one for one in (member if isinstance(member, tuple) else (member,)) if hasattr(one, "height")]
        at += 1
    return found


def _placeless(node: Any) -> Any:
    if isinstance(node, tuple):
        return tuple(map(_placeless, node))
    if not hasattr(node, "start"):
        return node
    members = (getattr(node, slot) for slot in node.__slots__ if slot not in ("start", "end", "height"))
    return (type(node).__name__, *map(_placeless, members))
