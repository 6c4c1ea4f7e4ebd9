"""What quick search looks for: a query as folded words, and the words that are one letter off.

`fold` says in Python what app_search() says in SQL of the records; a test compares the two.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.domain.kernel.errors import BadRequest, refused

MAX_QUERY = 200
MAX_WORDS = 10
MAX_ALIKE = 4  # words of one query that are also looked for with a wrong letter
CANDIDATES = 200  # records of each way of matching that are ranked: a thousand take longer, for the same page
FEW = 10  # as long as there are fewer, less exact ways of matching are tried

MATCHED = ("similar", "infix", "prefix", "word")  # how exactly, in rising order

_APOSTROPHES = re.compile("['\u2018\u2019\u02bc]")
_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]"
)
# Given by code points, because what a letter is differs from one locale of PostgreSQL to the next.
_APART = re.compile(
    "[\u0000-\u002f:-@\\[-`{-\u00bf\u00d7\u00f7\u2000-\u206f\u20a0-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3008-\u3020\u3030"
    "\ue000-\uf8ff\U0001f000-\U0001faff]+"
)
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ŧ": "t", "ŋ": "n", "\u0131": "i", "ð": "d"}
    | {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "\u03c2": "\u03c3"}
)
_ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "αβγδεζηθικλμνξοπρστυφχψω", "абвгдежзиклмнопрстуфхцчшщъыьэюя")
_NUMBER = re.compile(r"[0-9+()/.\s-]+")
_SHORTEST_ALIKE, _LONGEST_ALIKE = 5, 30
_SHORTEST_WITHIN = 3  # a trigram is the least that the index knows
_LONGEST_COMMON = 5  # up to which the beginnings of words are so many that they are looked for before their pieces
_SHORTEST_NUMBER = 5


@dataclass(frozen=True, slots=True)
class SoughtShape:
    """What makes one search statement differ from another.

    `forgiving` says for each word whether a wrong letter in it is forgiven, `pieces` how many are looked for within
    words, and `from_beginning` that those are so common, or so different, that beginnings are looked for before.
    """

    forgiving: tuple[bool, ...]
    pieces: int
    from_beginning: bool


@dataclass(frozen=True, slots=True)
class Sought:
    """All `words` must match; the `pieces` say where a match may begin in the middle of a word."""

    words: tuple[str, ...]
    pieces: tuple[str, ...]

    @property
    def shape(self) -> SoughtShape:
        forgiving = [_is_forgiving(word) for word in self.words]
        few = tuple(one and sum(forgiving[:place]) < MAX_ALIKE for place, one in enumerate(forgiving))
        is_common = max(map(len, self.words)) <= _LONGEST_COMMON
        return SoughtShape(few, len(self.pieces), from_beginning=is_common or len(self.pieces) != len(self.words))

    def parameters(self) -> dict[str, Any]:
        return {
            "words": list(self.words),
            "phrase": f" {' '.join(self.words)}",
            **{f"whole{place}": f" {word} " for place, word in enumerate(self.words)},
            **{f"begun{place}": f"% {word}%" for place, word in enumerate(self.words)},
            **{f"within{place}": piece for place, piece in enumerate(self.pieces)},
            **{
                f"alike{place}": one_letter_off(word)
                for place, (word, forgiving) in enumerate(zip(self.words, self.shape.forgiving, strict=True))
                if forgiving
            },
        }


def sought(text: str) -> Sought:
    """Raises `BadRequest` where there is nothing to look for, or too much."""
    if len(text) > MAX_QUERY:
        raise refused(BadRequest, "q", "tooLong", f"Search for at most {MAX_QUERY} characters.")
    if "\0" in text:
        raise refused(BadRequest, "q", "badCharacter", "The text has a NUL, and no record can have one.")
    words = tuple(dict.fromkeys(fold(text).split()))
    if not words:
        raise refused(BadRequest, "q", "noWords", "Search for at least one letter or digit.")
    if len(words) > MAX_WORDS:
        raise refused(BadRequest, "q", "tooManyWords", f"Search for at most {MAX_WORDS} words.")
    return Sought(words, _pieces(text, words))


def fold(text: str) -> str:
    """Lower case without accents, words between single spaces."""
    text = _APOSTROPHES.sub("", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).lower().translate(_LETTERS)
        text = unicodedata.normalize("NFKC", _MARKS.sub("", text))
    return _APART.sub(" ", text.lower()).strip(" ")


@lru_cache(maxsize=500)
def one_letter_off(word: str) -> list[str]:
    """The word and all that differ from it by a letter too many, too few, another or two swapped."""
    alphabet = "".join(one for one in _ALPHABETS if set(one) & set(word)) or "".join(sorted(set(word)))
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    found = {word}
    for before, after in cuts:
        found.update(before + letter + after for letter in alphabet)
        if after:
            found.add(before + after[1:])
            found.update(before + letter + after[1:] for letter in alphabet)
        if len(after) > 1:
            found.add(before + after[1] + after[0] + after[2:])
    return sorted(found)


def _is_forgiving(word: str) -> bool:
    return _SHORTEST_ALIKE <= len(word) <= _LONGEST_ALIKE and not word.isdigit()


def _pieces(text: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """A phone number in whatever notation is one piece: its digits without what only stands for the country."""
    if _NUMBER.fullmatch(text):
        digits = "".join(filter(str.isdigit, text.replace("(0)", ""))).lstrip("0")
        if len(digits) >= _SHORTEST_NUMBER:
            return (f"%{digits}%",)
    if all(len(word) < _SHORTEST_WITHIN for word in words):
        return ()
    return tuple(f"%{word}%" if len(word) >= _SHORTEST_WITHIN else f"% {word}%" for word in words)
