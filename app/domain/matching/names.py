"""Names as they are compared: without case, accents, punctuation, order of words and legal forms."""

from collections.abc import Sequence
from functools import lru_cache

from app.domain.kernel.search import fold

_LEGAL_FORMS = (
    "inc incorporated llc llp lp ltd limited corp corporation co company plc pty pllc gmbh mbh ag kg kgaa ohg gbr ug ev eg se "
    "sa sas sasu sarl srl spa sl slu sc snc bv nv vof cv oy oyj ab as asa aps kft zrt doo sro sp zoo ooo pao kk pte sdn bhd "
    "ltda sca"
)
_FILLERS = "and und et y e the der die das le la les of de"
_TRADES = (
    "media energy foods retail capital trading transport software digital global europe america usa uk deutschland germany "
    "france marketing design networks data automotive aerospace chemicals textiles printing packaging ventures"
)
LEGAL_FORMS, FILLERS = frozenset(_LEGAL_FORMS.split()), frozenset(_FILLERS.split())
WHOLE_WORDS = {
    "intl": "international",
    "int": "international",
    "bros": "brothers",
    "mfg": "manufacturing",
    "tech": "technologies",
    "technology": "technologies",
    "svc": "services",
    "svcs": "services",
    "service": "services",
    "sys": "systems",
    "system": "systems",
    "grp": "group",
    "gruppe": "group",
    "hldg": "holdings",
    "hldgs": "holdings",
    "holding": "holdings",
    "assoc": "associates",
    "dev": "development",
    "mgmt": "management",
    "ind": "industries",
    "inds": "industries",
    "industry": "industries",
    "eng": "engineering",
    "engr": "engineering",
    "labs": "laboratories",
    "lab": "laboratories",
    "natl": "national",
    "univ": "university",
    "dist": "distribution",
    "sol": "solutions",
    "solns": "solutions",
    "solution": "solutions",
    "ent": "enterprises",
    "enterprise": "enterprises",
    "prod": "products",
    "partner": "partners",
    "consult": "consulting",
    "cons": "consulting",
    "log": "logistics",
    "elec": "electronics",
    "pharm": "pharmaceuticals",
    "pharma": "pharmaceuticals",
    "fin": "financial",
    "ins": "insurance",
    "med": "medical",
    "constr": "construction",
}
COMMON = frozenset(WHOLE_WORDS.values()) | frozenset(_TRADES.split())
LEAST_LIKE = 0.6  # below it two words have nothing to do with one another
ABBREVIATED = 0.75
SHORTEST_MISSPELT = 4
SHORTEST_ABBREVIATION = 5  # that is known in spite of a letter: shorter ones are too near to other words
COMMON_WEIGHT = 0.45
OTHER_FORM = 0.02  # what two different legal forms take away: enough to decide between twins


@lru_cache(maxsize=2_000)
def company_words(name: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The words that name it, abbreviations written out, and its legal forms. A name of legal forms only keeps them."""
    words = _joined_initials(fold(name).split())
    forms = frozenset(one for one in words if one in LEGAL_FORMS)
    naming = tuple(_whole(one) for one in words if one not in LEGAL_FORMS and one not in FILLERS)
    return (naming, forms) if naming else (tuple(words), frozenset())


def _whole(word: str) -> str:
    """What the word abbreviates, about one letter off as well; the word itself where it is no abbreviation."""
    if word in WHOLE_WORDS or word in COMMON or len(word) < SHORTEST_ABBREVIATION:
        return WHOLE_WORDS.get(word, word)
    return next((_NEAR_ABBREVIATION[part] for part in _shortened(word) if part in _NEAR_ABBREVIATION), word)


def person_words(name: str) -> tuple[str, ...]:
    return tuple(fold(name).split())


def distinctive(words: Sequence[str]) -> tuple[str, ...]:
    """Those by which a company is looked for; all of them where it has none but common ones."""
    return tuple(one for one in words if len(one) > 1 and not is_common(one)) or tuple(words)


@lru_cache(maxsize=50_000)
def is_common(word: str) -> bool:
    """A word of many names, or about one letter off from it: that it is there says little."""
    return word in COMMON or (len(word) >= SHORTEST_MISSPELT and not _NEAR_COMMON.isdisjoint(_shortened(word)))


def _shortened(word: str) -> list[str]:
    """The word and what is left of it without each of its letters: words one letter apart have one of these in common."""
    return [word, *(word[:place] + word[place + 1 :] for place in range(len(word)))]


_NEAR_ABBREVIATION = {
    part: whole for one, whole in WHOLE_WORDS.items() if len(one) >= SHORTEST_ABBREVIATION for part in _shortened(one)
}
_NEAR_COMMON = frozenset(
    part for one in (*COMMON, *WHOLE_WORDS) if len(one) >= SHORTEST_MISSPELT for part in _shortened(one)
)


def company_likeness(one: str, other: str) -> float:
    """From 0 to 1."""
    (words, forms), (other_words, other_forms) = company_words(one), company_words(other)
    alike = _likeness(words, other_words)
    return max(0.0, alike - OTHER_FORM) if forms and other_forms and forms != other_forms else alike


def person_likeness(one: str, other: str) -> float:
    return _likeness(person_words(one), person_words(other))


def _likeness(words: Sequence[str], others: Sequence[str]) -> float:
    """Word by word, in whatever order; or by the letters of all words, where one has them apart and the other together."""
    if not words or not others:
        return 0.0
    if sorted(words) == sorted(others):
        return 1.0
    word_by_word = _word_by_word(words, others)
    if len(words) == len(others):
        return word_by_word
    return max(word_by_word, word_likeness("".join(words), "".join(others)))


def _word_by_word(words: Sequence[str], others: Sequence[str]) -> float:
    """Each word is paired with the one most like it, the best pairs first; words without a partner count against."""
    pairs = sorted(
        (
            (word_likeness(one, other), place, there)
            for place, one in enumerate(words)
            for there, other in enumerate(others)
        ),
        reverse=True,
    )
    mine, theirs, shared = set[int](), set[int](), 0.0
    for alike, place, there in pairs:
        if alike >= LEAST_LIKE and place not in mine and there not in theirs:
            mine.add(place)
            theirs.add(there)
            shared += alike * (_weight(words[place]) + _weight(others[there]))
    return shared / sum(map(_weight, (*words, *others)))


def _weight(word: str) -> float:
    weight: float = len(word) ** 0.5
    return weight * COMMON_WEIGHT if is_common(word) else weight


@lru_cache(maxsize=50_000)
def word_likeness(one: str, other: str) -> float:
    """1 for equal words, less for each letter that would have to be typed anew, and 0 where that would be most of them."""
    if one == other:
        return 1.0
    shorter, longer = sorted((one, other), key=len)
    if _abbreviates(shorter, longer):
        return ABBREVIATED
    in_common = sum(min(one.count(letter), other.count(letter)) for letter in set(shorter))
    if in_common < len(longer) * LEAST_LIKE:  # each letter that only one of them has is an edit
        return 0.0
    return 1.0 - _edits(one, other) / len(longer)


def _abbreviates(shorter: str, longer: str) -> bool:
    """Whether it is the first letter and some of those that follow, in their order."""
    if not 2 <= len(shorter) <= len(longer) // 2 or shorter[0] != longer[0]:
        return False
    rest = iter(longer)
    return all(letter in rest for letter in shorter)


def _edits(one: str, other: str) -> int:
    """Letters to add, drop, replace or swap with their neighbour (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for place, letter in enumerate(one, start=1):
        row = [place]
        for there, opposite in enumerate(other, start=1):
            edits = min(last[there] + 1, row[there - 1] + 1, last[there - 1] + (letter != opposite))
            is_swapped = place > 1 and there > 1 and letter == other[there - 2] and one[place - 2] == opposite
            row.append(min(edits, before[there - 2] + 1) if is_swapped else edits)
        before, last = last, row
    return last[-1]


def _joined_initials(words: Sequence[str]) -> list[str]:
    """`S.A.` folds to two words of one letter, and means one."""
    joined: list[str] = []
    is_open = False
    for word in words:
        if len(word) == 1 and is_open:
            joined[-1] += word
        else:
            joined.append(word)
        is_open = len(word) == 1
    return joined
