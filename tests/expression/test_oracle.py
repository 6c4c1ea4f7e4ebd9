"""Our parser builds the tree that Google's parser of CEL builds, and what we refuse beyond it is a rule of ours."""

import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from app.domain.kernel.expression import lexer, parser
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import FUNCTIONS, Profile
from tests.expression.generating import Generator, schema
from tests.expression.google import RefusedByGoogle, google, ours
from tests.expression.kinds import CATALOG

FIXED = (
    "a || b && c || d && e", "a && b || c && d", "!a && !b || !c", "a || b ? c || d : e && f ? g : h", "a ? b : c ? d : e",
    "(a ? b : c) ? d : e", "a + b * c - d / e % f", "(a + b) * (c - d)", "a - b - c", "a / b / c", "a - (b - c)", "-a - -b",
    "-a * -b", "- 1", "-1", "--1", "---1", "-(1)", "- -1", "1 - -1", "1 -1", "1-1", "!!a", "!!!a", "!(a == b)", "!a == b", "-a < b",
    "a + b < c * d", "a in b && c", "a in [1, 2] || b in c", "a + b in c", "!(a in b)", "!a in b", "x == y && z in [w]", "a < b == c",
    "a.b.c", "a.b.c(d)", "(a.b).c", "a.b(c).d(e)", "(a + b).c(d)", "[a].b(c)", "'a'.b()", "a.b(c, d)[0]", "a[0]", "a[b].c",
    "f()", "f(a, b + c, [d])", "f(a ? b : c)", "[]", "[1]", "[[1], [2]]", "[1, 2,]", "{'a': 1}", "a{b: 1}", ".a", ".a.b(c)",
    "x.exists(c, c.y)", "x.all(c, c.y && c.z || d)", "x.exists(c, c.t.all(t, t == c.n))", "!x.exists(c, !c.y)", "x.exists_one(c, c)",
    "x.map(c, c + 1)", "x.filter(c, c > 1)", "x.count(c, c.y) > 2", "has(a.b)", "has(a.b.c) && has(d.e)", "!has(a.b)", "has(a)",
    '"a"', "'a'", '"a\'b"', "'a\"b'", r'"\a\b\f\n\r\t\v\\\?\"\'\`"', r'"\x41\X42\u00e9\U0001F600\101"', r'r"\d\"', "R'a\\'",
    'r"""a"""', '"""a"""', "b'a'", "'e\u0301'", r'"e\u0301"', '"\u65e5\u672c"', r'"\ud800"', r'"\x4"', r'"\8"', '"a\nb"',
    "1", "007", "1.5", "0.10", "1.50", "1e3", "1.", ".5", "1u", "0xFF", "9223372036854775807", "9223372036854775808", "99999999999999999999",
    "true", "false", "null", "null == true", "trueish", "inside", "in", "a.in", "a.true", "a.for", "for", "let == 1", "package.a",
    "a // b\n && c", "a//b", "\ta\r\n&&\fb ", "a\u00a0&& b", "a & b", "a | b", "a = b", "a <> b", "a === b", "a ? b", "a ? b ? c : d : e",
    "a b", "a.", "a..b", "(a", "a)", "f(,)", "f(a,)", "f(a b)", "[a b]", "", "a &&", "&& a", "!", "-", "!-a", "-!a", "a !b", "a.'b'", "a.1",
    "_", "_a1", "a-b", "a -b", "a.b-c", "'a' 'b'", "1.a", "1.a()", "(1).a()", "-1.a()", "f().g", "f(a).g.h(i)", "a.b.c.exists(d, d).e()",
)  # fmt: skip
REFUSED_BY_US: dict[str, str] = {
    "comparisons are not chained": "Comparisons cannot be chained",
    "there are no indexes": "or an operator such as &&\\. \\[",
    "there are no maps": "There are no maps",
    "a path does not begin with a dot": "a field, a value or a function\\. \\.",
    "a list does not end with a comma": "a field, a value or a function\\. [\\])]",
    "only paths have fields": "Only records have fields",
    "a number is digits and a point": "Write a number in digits",
    "a number has at most 30 digits": "digits before the point",
    "a text is no bytes, and stands in single quotes": "or an operator such as &&\\. (['\"]|r')",
    "there is no character of code 0": "character of code 0",
    "expressions are bounded": "Nest at most|Use at most|List at most|Write at most",
    "a reserved word is led by record.": "is reserved",
    "a condition has no sign": "a field, a value or a function\\. -$",
}
REFUSED_BY_GOOGLE: dict[str, str] = {
    "an integer there has 64 bits": "invalid int literal",
    "has takes a selection there": r"has\(\) argument must be a field selection",
    "a raw text there does not end with a backslash": "String must end with",
    "a macro there takes a name": "must be a simple name|argument must be",
}
_LOOPS = ("map", "filter", "exists_one")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", " in ")
_BARE_HAS = re.compile(r"has\((?=\w+\))")


@dataclass
class Outcome:
    """`unexplained` must stay empty: every difference belongs to a rule."""

    counts: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)

    def compare(self, text: str) -> None:
        try:
            tree = ours(parser.parse(text))
        except ExpressionError as error:
            self._refused_by_us(text, error)
            return
        try:
            expected = google(text)
        except RefusedByGoogle as error:
            self._explained(text, REFUSED_BY_GOOGLE, str(error), "only Google refuses")
            return
        if any(f"'{name}', True" in str(tree) for name in _LOOPS):
            self.counts["left to the checker: map, filter and exists_one are refused there"] += 1
            return
        self.counts["compared"] += 1
        self.counts["same"] += tree == expected
        if tree != expected:
            self.unexplained.append(f"{text!r}: {tree} is not {expected}")

    def _refused_by_us(self, text: str, error: ExpressionError) -> None:
        try:
            google(text)
        except RefusedByGoogle:
            self.counts["both refuse"] += 1
            return
        self._explained(text, REFUSED_BY_US, f"{error.message} {error.found or ''}", "only we refuse")

    def _explained(self, text: str, rules: dict[str, str], message: str, kind: str) -> None:
        rule = next((rule for rule, pattern in rules.items() if re.search(pattern, message)), None)
        if rule is None:
            self.unexplained.append(f"{text!r}: {kind}: {message}")
        else:
            self.counts[f"{kind}: {rule}"] += 1


class Grammar:
    """Random expressions of CEL's grammar, in any order of precedence and without needless parentheses."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def expression(self, depth: int) -> str:
        one = self._operation(depth)
        if depth > 0 and self._random.random() < 0.15:
            return f"{one} ? {self._operation(depth - 1)} : {self.expression(depth - 1)}"
        return one

    def _operation(self, depth: int) -> str:
        operands = [self._unary(depth) for _ in range(self._random.choice((1, 1, 2, 3, 4)))]
        text, compared = operands[0], False
        for operand in operands[1:]:
            operators = ["&&", "||", "+", "-", "*", "/", "%"]
            if not compared:
                operators += _COMPARISONS
            operator = self._random.choice(operators)
            compared = (compared and operator not in ("&&", "||")) or operator in (
                "==",
                "!=",
                "<",
                "<=",
                ">",
                ">=",
                " in ",
            )
            space = self._random.choice(("", " ", "\n", " // why\n"))
            text = f"{text}{space}{operator}{space}{operand}"
        return text

    def _unary(self, depth: int) -> str:
        sign = self._random.choice(("", "", "", "", "!", "!!", "-", "- ", "--", "---"))
        return f"{sign}{self._member(depth)}"

    def _member(self, depth: int) -> str:
        text = self._primary(depth)
        for _ in range(self._random.choice((0, 0, 0, 1, 2)) if text[-1] not in "0123456789" else 0):
            method = self._random.choice(("lower", "contains", "f"))
            if depth > 0:
                arguments = ", ".join(self.expression(depth - 1) for _ in range(self._random.randrange(3)))
                text = f"{text}.{method}({arguments})"
        return text

    def _primary(self, depth: int) -> str:
        forms: list[Callable[[], str]] = [self._path, self._path, self._literal, self._literal]
        if depth > 0:
            forms += [
                lambda: f"({self.expression(depth - 1)})",
                lambda: f"[{', '.join(self.expression(depth - 1) for _ in range(self._random.randrange(4)))}]",
                lambda: f"f({', '.join(self.expression(depth - 1) for _ in range(self._random.randrange(3)))})",
                lambda: (
                    f"{self._path()}.{self._random.choice(('exists', 'all', 'count'))}(x, {self.expression(depth - 1)})"
                ),
                lambda: f"has(a.{self._path()})",
            ]
        return self._random.choice(forms)()

    def _path(self) -> str:
        return ".".join(self._random.choices(("a", "b", "account", "_x", "c1"), k=self._random.choice((1, 1, 2, 3))))

    def _literal(self) -> str:
        return self._random.choice(
            (
                "0",
                "1",
                "42",
                "1.5",
                "0.25",
                "true",
                "false",
                "null",
                '"a"',
                "'b c'",
                '"\\n\\u00e9"',
                "r'\\d'",
                '"日本"',
                '""',
            )
        )


def _written() -> list[str]:
    """What the generator of typed expressions writes. A name in has() is led by record., as Google wants it."""
    random = Random(2026)
    texts = []
    for kind in CATALOG:
        for profile in Profile:
            generator = Generator(random, kind, schema(), profile)
            texts += [generator.condition(random.choice((1, 2, 3, 4))) for _ in range(100)]
    return [_BARE_HAS.sub("has(record.", text) for text in texts]


def _grammatical(count: int) -> list[str]:
    random = Random(7)
    grammar = Grammar(random)
    return [grammar.expression(random.choice((0, 1, 2, 2, 3))) for _ in range(count)]


def _broken(texts: list[str]) -> list[str]:
    """The same with a token taken out, doubled or moved: mostly no expressions any more."""
    random = Random(8)
    broken = []
    for text in texts:
        tokens = re.findall(r"\w+|\"[^\"]*\"|'[^']*'|&&|\|\||[=!<>]=|\s+|.", text)
        at = random.randrange(len(tokens))
        change = random.choice(
            ([], [tokens[at]] * 2, [random.choice(tokens)], [tokens[at], random.choice("()[].,!-?:")])
        )
        broken.append("".join((*tokens[:at], *change, *tokens[at + 1 :])))
    return broken


def _compared(texts: list[str]) -> Outcome:
    outcome = Outcome()
    for text in texts:
        outcome.compare(text)
    return outcome


def _show(capsys: pytest.CaptureFixture[str], outcome: Outcome) -> None:
    with capsys.disabled():
        sys.stdout.write("\n" + "".join(f"{count:6} {what}\n" for what, count in outcome.counts.most_common()))


def test_written_expressions_have_googles_tree(capsys: pytest.CaptureFixture[str]) -> None:
    texts = _written()
    outcome = _compared(texts)
    _show(capsys, outcome)
    assert not outcome.unexplained, "\n".join(outcome.unexplained[:10])
    assert outcome.counts["same"] == outcome.counts["compared"] == len(texts) >= 1_000


def test_the_grammar_has_googles_tree(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = _compared([*FIXED, *(one.example for one in FUNCTIONS.values()), *_grammatical(1_600)])
    _show(capsys, outcome)
    assert not outcome.unexplained, "\n".join(outcome.unexplained[:10])
    assert outcome.counts["same"] == outcome.counts["compared"] >= 1_600


def test_what_google_refuses_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = _compared(_broken(_grammatical(1_000)))
    _show(capsys, outcome)
    assert not outcome.unexplained, "\n".join(outcome.unexplained[:10])
    assert outcome.counts["both refuse"] >= 400


@pytest.mark.parametrize(
    ("target", "key", "wrong"),
    [
        pytest.param(parser.PRECEDENCE, "||", 2, id="|| binds as && does"),
        pytest.param(parser.PRECEDENCE, "&&", 0.5, id="&& binds less than ||"),
        pytest.param(parser.PRECEDENCE, "in", 4, id="in binds as + does"),
        pytest.param(parser.PRECEDENCE, "==", 2, id="== binds as && does"),
        pytest.param(parser.PRECEDENCE, "-", 5, id="- binds as * does"),
        pytest.param(parser.PRECEDENCE, "%", 6, id="% binds more than *"),
        pytest.param(lexer.ESCAPED, "n", "n", id="an escape is lost"),
        pytest.param(parser.WORDS, "true", False, id="true is false"),
    ],
)
def test_a_planted_fault_is_found(
    target: dict[str, Any], key: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(target, key, wrong)
    assert _compared([*FIXED, *_grammatical(200)]).unexplained
