"""The sentence of an expression: it reads well, and never stands for two that differ."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.expression import meaning as module
from app.domain.kernel.expression import verbs, wording
from app.domain.kernel.expression.checker import Profile, check_value
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import FUNCTIONS
from app.domain.kernel.expression.meaning import _Speaker, meaning
from app.domain.kernel.expression.memory import ABSENT, Row, evaluator
from app.domain.kernel.expression.names import TYPES
from app.domain.kernel.expression.tree import OLD, RECORD, Bound, Comparison, Condition, Field, IsTrue, Operation, Type
from app.domain.kernel.expression.vocabulary import OPERATORS
from app.domain.kernel.object_type import AnyObject, ValueType, currency_of
from tests.expression.generating import BY_FIELD, SAMPLES, SYSTEMS, Generator, schema
from tests.expression.kinds import CATALOG
from tests.expression.mutating import mutants

GOLDEN = Path(__file__).with_name("meaning.golden.txt")
ACTOR = Actor(UUID(int=1), UUID(int=2), UUID(int=3), Role.admin, frozenset({"admin"}), 1)
SCHEMA = schema()
EXPRESSIONS, MUTANTS, RECORDS = 25, 30, 60  # expressions of each object in each profile, mutants of each of them
BOUND = {Bound.now: datetime(2026, 11, 22, 5, tzinfo=UTC), Bound.today: date(2026, 11, 22), Bound.me: UUID(int=2)}


@dataclass(frozen=True)
class Said:
    """An expression whatever made it."""

    shape: Condition
    arguments: tuple[Any, ...]


def pairs(text: str) -> Iterator[tuple[str, str, str, str]]:
    """Object, profile, expression and sentence."""
    for block in text.strip().split("\n\n"):
        head, sentence = block.split("\n")
        place, _, expression = head.partition(": ")
        kind, _, profile = place.partition(" ")
        yield kind, profile or Profile.sql, expression, sentence


def sentence(kind: str, profile: str, expression: str) -> str:
    return meaning(check_value(expression, CATALOG[kind], SCHEMA, ACTOR, Profile(profile)))


def test_sentences_are_those_that_were_read() -> None:
    """With GOLDEN=write the file is written anew: read what has changed before it is committed."""
    found = [
        f"{kind}{f' {profile}' if profile != Profile.sql else ''}: {expression}\n{sentence(kind, profile, expression)}"
        for kind, profile, expression, _ in pairs(GOLDEN.read_text())
    ]
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.write_text("\n\n".join(found) + "\n")
    assert "\n\n".join(found) + "\n" == GOLDEN.read_text()


@pytest.mark.parametrize("example", [one.example for one in (*FUNCTIONS.values(), *OPERATORS)])
def test_every_function_and_operator_can_be_said(example: str) -> None:
    said = []
    for kind in CATALOG:
        for profile in Profile:
            with suppress(ExpressionError):
                said.append(sentence(kind.name, profile, example))
    assert said
    assert all(one.endswith(".") for one in said)


def test_no_two_fields_of_an_object_are_called_alike() -> None:
    """A reference and what it leads to are one; nothing is called as the language itself speaks."""
    for kind in CATALOG:
        names = {name for name, one in kind.fields.items() if one.type is not ValueType.json}
        labels = [wording.label(name) for name in names]
        assert len(labels) == len(set(labels)), kind.name
        assert not [one for one in labels if one.startswith(("former ", "custom field ", "external id "))]


class Known(Row):
    """It refers to others, and they to it: nobody wants to read it whole."""

    __repr__ = object.__repr__


class Records:
    """A small world of random records that refer to one another, as the evaluator in memory reads them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.of = {kind.name: [Known(self._values(kind)) for _ in range(RECORDS)] for kind in CATALOG}
        for kind in CATALOG:
            for row in self.of[kind.name]:
                self._relate(kind, row)

    def results(self, kind: AnyObject, profile: Profile, said: Said) -> list[bool]:
        """For each record, after each of some others in the place of what it was before."""
        holds = evaluator(said.shape, said.arguments)
        rows = self.of[kind.name]
        before = [ABSENT, *rows[:5]] if profile is Profile.event else [ABSENT]
        return [bool(holds(row, {**BOUND, OLD: old})) for row in rows for old in before]

    def _values(self, kind: AnyObject) -> Iterator[tuple[str, Any]]:
        for name, field in SCHEMA.fields(kind).items():
            if field.type is not ValueType.json:
                yield field.name, self._one_of(name, field.type, nullable=field.nullable)
            if field.type is ValueType.money:
                yield currency_of(field.name), self._random.choice(BY_FIELD["currency"])
        for custom in SCHEMA.custom(kind).values():
            yield f"custom.{custom.name}", self._custom(custom.type)
        yield (
            "external_ids",
            {one: self._random.choice(SAMPLES[Type.text]) for one in SYSTEMS[: self._random.randrange(3)]},
        )

    def _custom(self, type_: Type) -> Any:
        if type_ is Type.texts:
            return self._random.sample(SAMPLES[Type.text], self._random.randrange(4))
        return self._random.choice((None, *SAMPLES[type_]))

    def _one_of(self, name: str, type_: ValueType, *, nullable: bool) -> Any:
        if nullable and self._random.random() < 0.2:
            return None
        return self._random.choice(BY_FIELD.get(name, SAMPLES[TYPES[type_]]))

    def _relate(self, kind: AnyObject, row: Row) -> None:
        for name, relation in SCHEMA.relations(kind).items():
            others = self.of[relation.to]
            some = self._random.sample(others, self._random.randrange(4))
            row[name] = some if relation.many else next(iter(some), None)


@pytest.fixture(scope="module")
def records() -> Records:
    return Records(Random(1))


def generated(random: Random, *, expressions: int) -> Iterator[tuple[AnyObject, Profile, str]]:
    for kind in CATALOG:
        for profile in Profile:
            generator = Generator(random, kind, SCHEMA, profile)
            yield from ((kind, profile, generator.condition(3)) for _ in range(expressions))


def golden() -> Iterator[tuple[AnyObject, Profile, str]]:
    for kind, profile, expression, _ in pairs(GOLDEN.read_text()):
        yield CATALOG[kind], Profile(profile), expression


def spoken(random: Random, kind: AnyObject, profile: Profile, expression: str, most: int) -> Iterator[Said]:
    """An expression, and what differs from it in one place."""
    shape, arguments = _checked(kind, profile, expression)
    if not isinstance(shape, Condition):
        return
    yield Said(shape, arguments)
    near = [*mutants(shape, arguments)]
    yield from (Said(*one) for one in random.sample(near, min(most, len(near))))


def _checked(kind: AnyObject, profile: Profile, expression: str) -> tuple[Any, tuple[Any, ...]]:
    checked = check_value(expression, kind, SCHEMA, ACTOR, profile)
    return IsTrue(checked.shape) if isinstance(checked.shape, Field) else checked.shape, checked.arguments


def shared(
    records: Records, random: Random, expressions: Iterable[tuple[AnyObject, Profile, str]], most: int
) -> Iterator[str]:
    """Sentences of expressions that have different results."""
    of: dict[tuple[str, Profile, str], dict[str, Said]] = {}
    for kind, profile, expression in expressions:
        for one in spoken(random, kind, profile, expression, most):
            of.setdefault((kind.name, profile, meaning(one)), {})[repr(one)] = one
    for (name, profile, text), several in of.items():
        if len(several) > 1:
            results = {tuple(records.results(CATALOG[name], profile, one)) for one in several.values()}
            yield from [text] if len(results) > 1 else []


@pytest.mark.parametrize("seed", [1, None])
def test_expressions_that_differ_on_any_record_never_share_a_sentence(
    records: Records, seed: int | None, request: pytest.FixtureRequest
) -> None:
    random = Random(request.getfixturevalue("seed") if seed is None else seed)
    assert [*shared(records, random, generated(random, expressions=EXPRESSIONS), MUTANTS)] == []


def test_nor_do_those_that_were_read_and_all_that_is_near_them(records: Records) -> None:
    assert [*shared(records, Random(1), golden(), most=1000)] == []


def test_literals_that_differ_are_written_differently() -> None:
    values = [*SAMPLES[Type.text], "empty", "Empty", "today", "A or B", 'A" or "B', "\\", "\n", "\\n", "\u00a0", "true"]
    values += [*SAMPLES[Type.number], *SAMPLES[Type.date], *SAMPLES[Type.timestamp], *SAMPLES[Type.id], *Bound, True]
    written = [wording.literal(one) for one in values]
    assert len(set(written)) == len(set(map(repr, values)))


def _deaf_to_not(speaker: Any, node: Any, **_: Any) -> tuple[Any, bool]:
    return _PLAIN(speaker, node)[0], True


def _without_old_and_hops(speaker: Any, source: Any, noun: str) -> str:
    return _OWNED(
        speaker, replace(source, hops=(), variable=RECORD if source.variable == OLD else source.variable), noun
    )


def _without_variables(speaker: Any, source: Any, noun: str) -> str:
    return _OWNED(replace(speaker, names={}), source, noun)


_CASE = " in upper or lower case"
_PLAIN, _OWNED, _SOME = _Speaker.plain, _Speaker.owned, _Speaker.some
PLANTED: Mapping[str, tuple[Any, str, Any]] = {
    "a negation is not heard": (_Speaker, "plain", _deaf_to_not),
    "groups have no parentheses": (_Speaker, "part", _Speaker.clause),
    "calculations have no parentheses": (_Speaker, "operand", _Speaker.value),
    "or is said as and": (module, "_series", lambda parts, _: ", ".join(parts)),
    "what was before and whose it is are left out": (_Speaker, "owned", _without_old_and_hops),
    "the record and those of its relation are mixed up": (_Speaker, "owned", _without_variables),
    "every one is said as none": (_Speaker, "some", lambda speaker, node, **_: _SOME(speaker, node, holds=True)),
    "orders are not told apart": (verbs, "_NUMBERS", dict.fromkeys(Comparison, "is about")),
    "texts are not quoted": (wording, "quoted", str),
    "nothing is told of upper and lower case": (
        module,
        "TESTS",
        {name: (one.replace(_CASE, ""), other.replace(_CASE, "")) for name, (one, other) in verbs.TESTS.items()},
    ),
    "operations are not told apart": (module, "SYMBOLS", dict.fromkeys(Operation, "and")),
    "a moment is said as its day": (wording, "_time", wording._day),
    "later is said as earlier": (module, "shifted", lambda shift, moment, **_: f"{shift} from {moment}"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_sentence_that_two_share_is_found(records: Records, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*PLANTED[fault])
    assert any(shared(records, Random(1), golden(), most=1000))
