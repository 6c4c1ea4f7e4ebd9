"""Names of companies, and the same as somebody types them who is in a hurry."""

import random
from collections.abc import Callable, Sequence

FORMS = (
    "Inc",
    "Inc.",
    "LLC",
    "Ltd",
    "Limited",
    "GmbH",
    "AG",
    "S.A.",
    "SARL",
    "B.V.",
    "plc",
    "Corp.",
    "Co.",
    "Oy",
    "AB",
    "",
)
TRADES = (
    *("Manufacturing", "Technologies", "Services", "Systems", "Group", "Holdings", "Associates", "Development"),
    *(
        "Management",
        "Industries",
        "Engineering",
        "Laboratories",
        "Distribution",
        "Solutions",
        "Enterprises",
        "Products",
    ),
    *("Partners", "Consulting", "Logistics", "Electronics", "Media", "Energy", "Foods", "Retail", "Capital", "Trading"),
    *("Transport", "Software", "Insurance", "Construction", "International", "Brothers", "Pharmaceuticals"),
)
SHORT = {
    "Manufacturing": "Mfg",
    "International": "Intl",
    "Brothers": "Bros",
    "Technologies": "Tech",
    "Services": "Svcs",
    "Systems": "Sys",
    "Group": "Grp",
    "Associates": "Assoc",
    "Development": "Dev",
    "Management": "Mgmt",
    "Engineering": "Eng",
    "Laboratories": "Labs",
    "Pharmaceuticals": "Pharma",
}
_HEADS = (
    "b",
    "br",
    "c",
    "d",
    "dr",
    "f",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kr",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "w",
    "z",
)
_HEARTS = ("a", "e", "i", "o", "u", "ai", "ei", "ou", "ö", "é")
_TAILS = ("", "l", "n", "r", "s", "t", "nd", "rk", "ng", "ss", "x")


def names(random_: random.Random, number: int) -> list[str]:
    """All different, many of them neighbours: of a thousand and more families each has companies in several trades."""
    families = sorted({_family(random_) for _ in range(max(50, number // 12))})
    found: dict[str, None] = {}
    while len(found) < number:
        first, second = random_.choice(families), random_.choice(families)
        trade, other = random_.sample(TRADES, 2)
        form = random_.choice(("{a} {t}", "{a} {t}", "{a} {t} {o}", "{a} & {b} {t}", "{a} {b}", "{a} of {b} {t}"))
        found.setdefault(form.format(a=first, b=second, t=trade, o=other))
    return [f"{name} {random_.choice(FORMS)}".strip() for name in found]


def misspelt(random_: random.Random, name: str) -> str:
    """With another legal form, abbreviated, in other case, and with one wrong stroke or two."""
    words = name.split()
    if words[-1] in FORMS:
        words.pop()
    words = [SHORT[one] if one in SHORT and random_.random() < 0.4 else one for one in words]
    for _ in range(random_.choice((1, 1, 2))):
        place = random_.choice([place for place, word in enumerate(words) if len(word) > 3] or [0])
        words[place] = random_.choice(_STROKES)(random_, words[place])
    text = " ".join((*words, random_.choice(FORMS))).strip()
    return random_.choice((str, str, str.lower, str.upper))(text)


def _family(random_: random.Random) -> str:
    syllables = random_.choice((2, 2, 3))
    letters = "".join(
        random_.choice(_HEADS) + random_.choice(_HEARTS) + random_.choice(_TAILS) for _ in range(syllables)
    )
    return letters.capitalize()


def _dropped(random_: random.Random, word: str) -> str:
    place = random_.randrange(len(word))
    return word[:place] + word[place + 1 :]


def _swapped(random_: random.Random, word: str) -> str:
    place = random_.randrange(max(1, len(word) - 1))
    return word[:place] + word[place + 1 : place + 2] + word[place] + word[place + 2 :]


def _doubled(random_: random.Random, word: str) -> str:
    place = random_.randrange(len(word))
    return word[: place + 1] + word[place:]


_STROKES: Sequence[Callable[[random.Random, str], str]] = (_dropped, _swapped, _doubled)
