"""Asks PostgreSQL and memory the same, three ways each, and tells where they differ.

A condition selects what memory says; its negation selects exactly the rest; and as a selected value it is true or
false for every row, never null.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Select, select

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.expression.checker import check
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.memory import evaluator
from app.domain.kernel.expression.tree import RECORD, AsValue, Condition, Not
from app.domain.kernel.object_type import AnyObject
from app.repositories import compile as compiling
from app.repositories import condition as judging
from tests.expression.generating import Generator
from tests.expression.kinds import CATALOG
from tests.expression.rows import TENANT, Viewer, id_of
from tests.world import Place

ASKED_OF = ("account", "contact", "opportunity", "user")
NOW = {"now": datetime(2026, 11, 22, 5, tzinfo=UTC), "today": date(2026, 11, 22), "me": UUID(id_of("user", 1))}
ACTOR = Actor(
    tenant_id=TENANT, id=NOW["me"], key_id=NOW["me"], role=Role.admin, scopes=frozenset({"admin"}), schema_version=1
)


@dataclass(frozen=True)
class Question:
    kind: str
    text: str
    viewer: int = 0
    refused: bool = False


@dataclass
class Report:
    expressions: int = 0
    rows: int = 0
    selecting: int = 0
    differences: list[str] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        share = 100 * self.selecting // max(self.expressions, 1)
        return (
            f"{self.expressions} expressions, {self.rows} rows judged, {share} % returned rows, "
            f"{len(self.differences)} differences, refused: {dict(self.codes)}"
        )


def generated(seed: int, count: int, viewers: Sequence[Viewer]) -> Iterable[Question]:
    """Every third as the narrowed viewer."""
    random = Random(seed)
    for number in range(count):
        kind = CATALOG[random.choice(ASKED_OF)]
        viewer = 1 if number % 3 == 2 else 0
        ids = [UUID(id_of(name, random.randrange(5))) for name in ("user", "account", "contact", kind.name)]
        text = Generator(random, kind, viewers[viewer].schema, ids=ids).condition(random.choice((1, 2, 3, 4)))
        yield Question(kind.name, text, viewer)


class Differential:
    """Every other question goes to views that show all tenants, where only the statement keeps them out."""

    def __init__(self, viewers: Sequence[Viewer], guarded: asyncpg.Connection, opened: asyncpg.Connection) -> None:
        self._viewers, self._connections = viewers, (guarded, opened)

    async def ask(self, questions: Iterable[Question], *, first: bool = False) -> Report:
        """`first` stops at the first difference."""
        report = Report()
        for number, question in enumerate(questions):
            await self._ask(question, self._connections[number % 2], report)
            if first and report.differences:
                break
        return report

    async def _ask(self, question: Question, connection: asyncpg.Connection, report: Report) -> None:
        kind, viewer = CATALOG[question.kind], self._viewers[question.viewer]
        try:
            expression = check(question.text, kind, viewer.schema, ACTOR).expression
        except ExpressionError as error:
            if not question.refused:
                report.codes[error.code] += 1
            return
        if question.refused:
            report.differences.append(f"{question}: accepted")
            return
        arguments = expression.bound(**NOW)
        holds = evaluator(expression.shape, arguments)
        judged = {id_: holds(row, {}) for id_, row in viewer.rows[kind.name].items()}
        report.expressions += 1
        report.rows += len(judged)
        report.selecting += any(judged.values())
        try:
            found = await self._found(connection, kind, viewer, expression.shape, arguments)
        except asyncpg.PostgresError as error:
            report.differences.append(f"{question}: {error!r}")
            return
        report.differences += [f"{question}: {one}" for one in _differences(judged, *found)]

    async def _found(
        self,
        connection: asyncpg.Connection,
        kind: AnyObject,
        viewer: Viewer,
        shape: Condition,
        arguments: Sequence[Any],
    ) -> tuple[list[UUID], list[UUID], list[tuple[UUID, Any]]]:
        parameters = {f"a{place}": one for place, one in enumerate(arguments)} | {"tenant": TENANT, **viewer.parameters}

        async def rows(statement: Select[Any]) -> list[asyncpg.Record]:
            compiled = compiling.compile_statement(statement)
            return await connection.fetch(compiled.sql, *compiled.arguments(parameters))

        selected = [one["id"] for one in await rows(_where(kind, viewer, shape))]
        rest = [one["id"] for one in await rows(_where(kind, viewer, Not(shape)))]
        return selected, rest, [tuple(one) for one in await rows(_as_value(kind, viewer, shape))]


def _where(kind: AnyObject, viewer: Viewer, shape: Condition) -> Select[Any]:
    source = compiling.read_view(kind.table)
    rows, matches = judging.matching(shape, source, viewer.schema)
    return select(source.c.id).select_from(rows).where(compiling.visible(kind, source, viewer.schema), matches)


def _as_value(kind: AnyObject, viewer: Viewer, shape: Condition) -> Select[Any]:
    source = compiling.read_view(kind.table)
    rows = judging.Rows(viewer.schema, RECORD, source)
    value = judging.value(AsValue(shape), rows).label("value")
    seen = compiling.visible(kind, source, viewer.schema)
    return select(source.c.id, value).select_from(rows.joined).where(seen)


def _differences(
    judged: Mapping[UUID, bool], selected: Sequence[UUID], rest: Sequence[UUID], valued: Sequence[tuple[UUID, Any]]
) -> Iterable[str]:
    if any(one is not True and one is not False for one in judged.values()):
        yield "memory answers neither true nor false"
    true, false = ({id_ for id_, one in judged.items() if bool(one) is wanted} for wanted in (True, False))
    if set(selected) != true or len(selected) != len(true):
        yield f"PostgreSQL selects {len(selected)}, memory {len(true)}: {sorted(set(selected) ^ true)[:2]}"
    if set(rest) != false or len(rest) != len(false):
        yield f"PostgreSQL selects {len(rest)} by the negation, memory {len(false)}: {sorted(set(rest) ^ false)[:2]}"
    if sorted(valued) != sorted(judged.items()):
        yield f"as a value: {[one for one in valued if one[1] is not judged.get(one[0])][:2]}"


async def connected(place: Place, stack: AsyncExitStack) -> tuple[asyncpg.Connection, asyncpg.Connection]:
    guarded = await stack.enter_async_context(place.connect("rapport_app", TENANT))
    opened = await stack.enter_async_context(place.connect("rapport_app", TENANT))
    await opened.execute("set search_path = open, public")
    return guarded, opened
