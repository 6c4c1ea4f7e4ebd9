"""Quick search: records whose document has all the words of a query, the best first.

Whole words come from an index of words, beginnings and pieces of words from trigrams; a wrong letter is found by all the
words that are one letter off. A way of matching runs only while those before it have found too little. PostgreSQL must
not see the patterns when it plans: it would take a common one for a reason to read the table. So they are subqueries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeAlias

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    TableClause,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONPATH, aggregate_order_by
from sqlalchemy.sql.selectable import LateralFromClause
from sqlalchemy.types import TypeEngine

from app.domain.kernel.expression.tree import EVERYTHING, Condition
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import RELEVANCE
from app.domain.kernel.schema import Schema
from app.domain.kernel.search import CANDIDATES, FEW, MATCHED, Sought, SoughtShape
from app.repositories.compile import CACHE, every_column, of_tenant, part, read_view, visible
from app.repositories.condition import matching
from app.repositories.projection import as_json, document
from app.repositories.session import Session

EXTERNAL_IDS = "external_ids"
Test: TypeAlias = Callable[[ColumnElement[Any]], ColumnElement[bool]]
TEXT, INTEGER = Text(), Integer()
TEXTS = ARRAY(TEXT)
_SPACE: ColumnElement[str] = literal_column("' '")
_NOTHING: ColumnElement[str] = literal_column("''")
_STEP, _AT_START, _TOGETHER, _WHOLE = 100, 30, 15, 60


def document_of(kind: AnyObject, source: FromClause, texts: Sequence[str]) -> ColumnElement[Any]:
    """What `search` holds for a row of `source`, were these all its texts."""
    parts: list[ColumnElement[Any]] = [_searched(kind, source, name) for name in kind.searchable if name in texts]
    if EXTERNAL_IDS in texts:
        parts.append(cast(func.jsonb_path_query_array(source.c.external_ids, literal_column("'$.*'")), Text()))
    together = parts[0] if parts else _NOTHING
    for one in parts[1:]:
        together = together.concat(_SPACE).concat(one)
    return func.app_search(together)


def _searched(kind: AnyObject, source: FromClause, name: str) -> ColumnElement[Any]:
    if (member := kind.listed.get(name)) is None:
        return func.coalesce(source.c[name], _NOTHING)
    return cast(func.jsonb_path_query_array(source.c[name], cast(f"$[*].{member}", JSONPATH)), Text())


@dataclass(frozen=True)
class Matching:
    """The records of one kind that match, for one viewer: at most so many candidates of each way of matching."""

    kind: AnyObject
    schema: Schema
    shape: SoughtShape
    where: Condition

    def found(self) -> CTE:
        """Ids with their relevance, whose hundreds tell the way of matching. The records are fetched when few are left."""
        ways = [self._way("word", self._whole)]
        for name, test in self._partial():
            ways.append(self._way(name, test, ways, self._is_wanted(name, ways)))
        if any(self.shape.forgiving):
            ways.append(self._way("similar", self._alike, ways, _together(ways) < _number(FEW)))
        together = union_all(*(select(one) for one in ways)).subquery(f"{self.kind.name}_ways")
        best = select(together.c.id, self._relevance(together)).order_by(*_best_first(together))
        return best.limit(_number(CANDIDATES)).cte(f"{self.kind.name}_found")

    def _partial(self) -> Sequence[tuple[str, Test]]:
        """What is found within words has the beginnings among it, so that one scan does, unless it finds too many."""
        begun, within = ("prefix", self._begun), ("infix", self._within)
        if not self.shape.pieces:
            return (begun,)
        return (begun, within) if self.shape.from_beginning else (within, begun)

    def _is_wanted(self, name: str, before: Sequence[CTE]) -> ColumnElement[bool]:
        """Beginnings are sought after pieces where those were so many that some may have been missed."""
        is_second_look = name == "prefix" and len(before) > 1
        return (
            _together(before[-1:]) >= _number(CANDIDATES) if is_second_look else _together(before) < _number(CANDIDATES)
        )

    @cached_property
    def source(self) -> FromClause:
        return read_view(self.kind.table)

    @cached_property
    def _text(self) -> ColumnElement[Any]:
        """The document as far as the viewer sees its fields: what is hidden must not be found either."""
        seen = tuple(field.name for field in self.schema.fields(self.kind).values())
        if {*self.kind.searchable, EXTERNAL_IDS} <= {*seen}:
            return self.source.c.search
        return document_of(self.kind, self.source, seen)

    def _way(self, name: str, test: Test, before: Sequence[CTE] = (), wanted: ColumnElement[bool] | None = None) -> CTE:
        """The index is asked for the whole document, the rows then for what the viewer sees of it."""
        text = self._text
        rows, judged = matching(self.where, self.source, self.schema)
        where = [visible(self.kind, self.source, self.schema), judged, test(self.source.c.search)]
        if text is not self.source.c.search:
            where.append(test(text))
        where += [self.source.c.id.not_in(select(one.c.id)) for one in before]
        where += [] if wanted is None else [wanted]
        way = _number(MATCHED.index(name) + 1)
        if name == "infix" and not self.shape.from_beginning:
            way = case((self._begun(text), _number(MATCHED.index("prefix") + 1)), else_=way)
        found = select(self.source.c.id, text.label("text"), way.label("way")).select_from(rows).where(*where)
        return found.limit(_number(CANDIDATES)).cte(f"{self.kind.name}_{name}")

    def _whole(self, text: ColumnElement[Any]) -> ColumnElement[bool]:
        return _words(text).contains(_hidden("words", TEXTS))

    def _begun(self, text: ColumnElement[Any]) -> ColumnElement[bool]:
        return and_(*(text.like(_hidden(f"begun{place}")) for place in range(len(self.shape.forgiving))))

    def _within(self, text: ColumnElement[Any]) -> ColumnElement[bool]:
        return and_(*(text.like(_hidden(f"within{place}")) for place in range(self.shape.pieces)))

    def _alike(self, text: ColumnElement[Any]) -> ColumnElement[bool]:
        alike = [
            _words(text).overlap(_hidden(f"alike{place}", TEXTS)) if forgiving else text.like(_hidden(f"begun{place}"))
            for place, forgiving in enumerate(self.shape.forgiving)
        ]
        return and_(*alike)

    def _relevance(self, rows: FromClause) -> ColumnElement[int]:
        """Within a way: how many of the words are whole, and whether all stand together, best at the start."""
        text, phrase, number = rows.c.text, _parameter("phrase"), len(self.shape.forgiving)
        at = func.strpos(text, phrase)
        together = case((at == _number(1), _number(_AT_START)), (at > _number(0), _number(_TOGETHER)), else_=_number(0))
        whole = [
            case(
                (func.strpos(text, _parameter(f"whole{place}")) > _number(0), _number(_WHOLE // number)),
                else_=_number(0),
            )
            for place in range(number)
        ]
        return _sum([rows.c.way * _number(_STEP), together, *whole]).label(RELEVANCE.field)


async def hits(session: Session, kinds: Sequence[AnyObject], wanted: Sought, limit: int) -> bytes:
    """The groups as a JSON array, by one statement."""
    schema, shape = session.schema, wanted.shape
    key = ("search", schema.shape, tuple(kind.name for kind in kinds), shape)
    statement = CACHE.get(key, lambda: everywhere(kinds, shape, schema))
    row = await session.read(statement, {**wanted.parameters(), "limit": limit})
    return row["groups"] or b"[]" if row else b"[]"


def everywhere(kinds: Sequence[AnyObject], shape: SoughtShape, schema: Schema) -> Select[Any]:
    """One row: a JSON array with a group for each kind that has hits, the group with the best hit first."""
    matchings = [Matching(kind, schema, shape, EVERYTHING.shape) for kind in kinds]
    rows = union_all(*(_group(one, place) for place, one in enumerate(matchings))).subquery("groups")
    order = aggregate_order_by(rows.c.body, rows.c.best.desc(), rows.c.place)
    return select(func.json_agg(order, type_=JSON).filter(rows.c.best.is_not(None)).label("groups"))


def _group(matching: Matching, place: int) -> Select[Any]:
    """The hits of one kind, and by what groups are ordered."""
    kind, found, limit = matching.kind, matching.found(), _parameter("limit", INTEGER)
    best_some = select(found).order_by(*_best_first(found)).limit(limit + _number(1))
    rows, records = in_order(kind, best_some.subquery(f"{kind.name}_best"))
    hit, within = _hit(matching, rows), rows.c.place <= limit
    shown = aggregate_order_by(func.row_to_json(hit.table_valued(), type_=JSON), rows.c.place)
    columns = (
        literal_column(f"'{kind.name}'", TEXT).label("object"),
        func.json_agg(shown, type_=JSON).filter(within).label("hits"),
        (func.count() > limit).label("hasMore"),
    )
    named = rows.join(hit, true())
    group = select(*columns).select_from(named).add_cte(records).subquery(f"{kind.name}_group")
    best = select(func.max(found.c[RELEVANCE.field])).scalar_subquery()
    shown_group = func.row_to_json(group.table_valued(), type_=JSON).label("body")
    return select(shown_group, best.label("best"), _number(place).label("place")).select_from(group)


def _hit(matching: Matching, rows: FromClause) -> LateralFromClause:
    """What a search box shows of a record, and the record."""
    kind, score = matching.kind, rows.c[RELEVANCE.field]
    fields = {field.name for field in matching.schema.fields(kind).values()}
    title = func.concat_ws(_SPACE, *(rows.c[name] for name in kind.title if name in fields))
    ways = {number: literal_column(f"'{name}'", TEXT) for number, name in enumerate(MATCHED, start=1)}
    doc = document(kind, rows, matching.schema)
    columns = (
        rows.c.id,
        func.nullif(title, _NOTHING).label("title"),
        case(ways, value=score // _number(_STEP)).label("matched"),
        score.label("score"),
        as_json(doc).label("record"),
    )
    return select(*columns).select_from(doc).correlate(rows).lateral("hit")


def with_records(kind: AnyObject, found: FromClause, name: str, *more: ColumnElement[Any]) -> tuple[TableClause, CTE]:
    """What was found with the columns of the read view, by the name under which a statement that adds it has it."""
    view = read_view(kind.table)
    rows = select(every_column(view), found.c[RELEVANCE.field], *more)
    rows = rows.select_from(found.join(view, found.c.id == view.c.id)).where(of_tenant(view))
    return part(kind.table, name, RELEVANCE.field, "place"), rows.cte(name)


def in_order(kind: AnyObject, found: FromClause) -> tuple[TableClause, CTE]:
    """The same, with the place of each in the order of relevance."""
    place = func.row_number().over(order_by=_best_first(found)).label("place")
    return with_records(kind, found, f"{kind.name}_records", place)


def _best_first(found: FromClause) -> tuple[ColumnElement[Any], ...]:
    return literal_column(RELEVANCE.field).desc(), found.c.id.desc()


def _words(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """As the index has it, letter by letter."""
    return func.array_remove(func.string_to_array(text, _SPACE), _NOTHING, type_=TEXTS)


@cache
def _parameter(name: str, kind: TypeEngine[Any] = TEXT) -> ColumnElement[Any]:
    return bindparam(name, type_=kind, required=True)


def _hidden(name: str, kind: TypeEngine[Any] = TEXT) -> ColumnElement[Any]:
    return select(_parameter(name, kind)).scalar_subquery()


def _together(ways: Sequence[CTE]) -> ColumnElement[int]:
    return _sum([select(func.count()).select_from(one).scalar_subquery() for one in ways])


def _sum(parts: Sequence[ColumnElement[int]]) -> ColumnElement[int]:
    total = parts[0]
    for one in parts[1:]:
        total = total + one
    return total


@cache
def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value), INTEGER)
