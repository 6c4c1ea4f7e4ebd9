"""Python folds queries as PostgreSQL folds records."""

import unicodedata

import pytest

from app.domain.kernel.search import fold
from tests.world import Place

PAIRS = {
    "Émile ZOLA": "emile zola",
    "Straße": "strasse",
    "GROẞ": "gross",
    "Łukasz Ångström": "lukasz angstrom",
    "Søren Æbleskiver": "soren aebleskiver",
    "Œuvre": "oeuvre",
    "Þórður": "thordur",
    "ΣΊΣΥΦΟΣ Σίσυφος": "σισυφοσ σισυφοσ",
    "\u0130stanbul \u0131l\u0131k": "istanbul ilik",
    "O'Brien d\u2019Arc": "obrien darc",
    "ada.lovelace+x@example.com": "ada lovelace x example com",
    "+49 (30) 123-456": "49 30 123 456",
    "ﬁrma Ⅻ": "firma xii",
    "Ёлка Юлия": "елка юлия",
    "강남 김": "강남 김",
    "ｶﾞﾗｽ": "ガラス",
    "\t!%_\\": "",
}


@pytest.mark.parametrize(("text", "folded"), PAIRS.items())
def test_case_accents_and_signs_do_not_matter(text: str, folded: str) -> None:
    assert fold(text) == folded


async def test_every_letter_is_folded_alike_by_python_and_by_postgresql(place: Place) -> None:
    """All that Python's Unicode knows, each letter beside others, so that it may change them or part them."""
    letters = [chr(code) for code in range(1, 0x20000) if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")]
    texts = [f"aZ{letter}bÉ" for letter in letters]
    async with place.connect() as connection:
        rows = await connection.fetch(
            "select app_search(text) from unnest($1::text[]) with ordinality t(text, n) order by n", texts
        )

    differing = [text for text, (row,) in zip(texts, rows, strict=True) if row != f" {fold(text)} "]

    assert len(texts) > 60_000
    assert differing == []
