"""docs/expressions.md has every operator, function and limit in the words of the code, and its examples are right."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress

import pytest

from app.domain.kernel.expression import limits
from app.domain.kernel.expression.checker import Profile, check_value
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import FUNCTIONS
from app.domain.kernel.expression.vocabulary import OPERATORS
from app.domain.registry import CATALOG, SCHEMA
from tests.architecture.source import ROOT
from tests.expression.test_meaning import ACTOR

PAGE = ROOT / "docs" / "expressions.md"
BLOCK = re.compile(r"^```cel\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIMITS = {
    "characters": limits.MAX_LENGTH,
    "fields, values and operators": limits.MAX_NODES,
    "levels of nesting": limits.MAX_DEPTH,
    "values in a list": limits.MAX_LIST,
    "references in a row": limits.MAX_HOPS,
    "different relations": limits.MAX_RELATIONS,
    "digits of a number before the point": limits.MAX_DIGITS,
    "digits after it": limits.MAX_DECIMALS,
    "factors of a product": limits.MAX_FACTORS,
    "days of a duration": limits.MAX_DURATION_DAYS,
}


def table(*rows: Iterable[str]) -> str:
    head, *others = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * (head.count(" | ") + 1), *others])


def code(*texts: str) -> str:
    return "<br>".join("`{}`".format(one.replace("|", r"\|")) for one in texts)


def tables() -> dict[str, str]:
    operators = sorted(OPERATORS, key=lambda one: -one.precedence)
    return {
        "operators": table(
            ("binds", "operator", "between", "says", "example"),
            *(
                (str(one.precedence), code(one.symbol), code(*one.operands), one.summary, code(one.example))
                for one in operators
            ),
        ),
        "functions": table(
            ("function", "says", "example"),
            *(
                (
                    code(*_forms(one.signatures)),
                    one.summary + (" Only of events." if one.profiles == {Profile.event} else ""),
                    code(one.example),
                )
                for one in FUNCTIONS.values()
            ),
        ),
        "limits": table(("at most", ""), *((f"{most:,}", name) for name, most in LIMITS.items())),
    }


def _forms(signatures: tuple[str, ...]) -> tuple[str, ...]:
    """One form stands for those of all types."""
    if len(signatures) <= 3:
        return signatures
    return (re.sub(r"\btext\b", "value", signatures[0]),)


def sections(page: str) -> dict[str, str]:
    found = re.findall(r"<!-- (\w+) -->\n(.*?)\n?<!-- end of \1 -->", page, re.DOTALL)
    return dict(found)


def filled(page: str) -> str:
    for name, text in tables().items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = page.partition(start)
        page = f"{before}{start}{text}\n{end}{rest.partition(end)[2]}"
    return page


def test_the_page_has_every_operator_function_and_limit_as_the_code_has_it() -> None:
    """With GOLDEN=write the tables are written anew."""
    if os.environ.get("GOLDEN") == "write":
        PAGE.write_text(filled(PAGE.read_text()))
    assert sections(PAGE.read_text()) == tables()


def test_a_function_that_the_page_lacks_is_noticed() -> None:
    lacking = PAGE.read_text().replace("`text.icontains(part: text) -> boolean`", "`icontains`")
    assert sections(lacking) != tables()


@pytest.mark.parametrize("expression", "".join(BLOCK.findall(PAGE.read_text())).splitlines())
def test_every_expression_of_the_page_is_one(expression: str) -> None:
    checked = []
    for kind in CATALOG:
        for profile in Profile:
            with suppress(ExpressionError):
                checked.append(check_value(expression, kind, SCHEMA, ACTOR, profile))
    assert checked
