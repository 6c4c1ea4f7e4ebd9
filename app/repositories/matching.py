"""Records that may mean the same as one that is given, found by the index of quick search.

Equal values are phrases in a record's document. A name is looked for in two ways: by its letters in threes, which
forgives much in long names, and by each of its words with one letter wrong, which forgives enough in short ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Float,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql.base import Executable

from app.domain.governance.models import Tenant
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.record import table_of
from app.domain.kernel.schema import Schema
from app.domain.kernel.search import one_letter_off
from app.domain.matching.rules import EMPLOYER, Look, Wanted
from app.repositories.compile import CACHE, Statement, of_tenant, read_view, tenant, visible
from app.repositories.session import Session

TENANT = table_of(Tenant)
EXACT, ALIKE = 20, 60  # records that each way of looking may bring
NOBODY = UUID(int=0)
_SHORTEST_ALIKE, _LONGEST_ALIKE, _MOST_WORDS = 3, 30, 4
WIDELY = "0.25"  # of the threes of letters that a word with two wrong strokes keeps, where 0.4 is usual
_THRESHOLD = Statement("select set_config('pg_trgm.word_similarity_threshold', $1, true)", ("threshold",), {})
_SPACE: ColumnElement[str] = literal_column("' '")


@dataclass(frozen=True, slots=True)
class LookShape:
    """What makes one look differ from another: how many phrases, names and words there are, and what is read.

    `employer` is the reference to the company of a person and what of that is read, where it counts.
    """

    phrases: int
    letters: int
    words: int
    fields: tuple[str, ...]
    employer: tuple[str, str] | None


class Lookalikes:
    def __init__(self, session: Session, look: Look) -> None:
        self.session = session
        self.look = look

    async def found(self, wanted: Wanted) -> list[dict[str, Any]]:
        """Those that the actor may see, each with its id, its title and what of it is compared."""
        words = [one for one in wanted.words if _SHORTEST_ALIKE <= len(one) <= _LONGEST_ALIKE][:_MOST_WORDS]
        shape = self._shape(len(wanted.phrases), len(wanted.letters), len(words))
        return (
            await self._look(shape, _parameters(wanted, words, self.look.but)) if shape.phrases or shape.letters else []
        )

    async def found_widely(self, wanted: Wanted) -> list[dict[str, Any]]:
        """The same by less alike names only; it takes several times as long."""
        shape = self._shape(0, len(wanted.letters), 0)
        if not shape.letters:
            return []
        async with self.session.transaction():
            await self.session.once(_THRESHOLD, {"threshold": WIDELY})
            found = await self._look(shape, _parameters(replace(wanted, phrases=()), (), self.look.but))
            await self.session.once(_THRESHOLD, {"threshold": None})
        return found

    async def _look(self, shape: LookShape, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        kind, schema = self.look.kind, self.session.schema
        statement = CACHE.get((kind.name, schema.shape, shape), lambda: look(kind, shape, schema))
        row = await self.session.read(statement, parameters)
        return list(row["found"] or ()) if row else []

    def _shape(self, phrases: int, letters: int, words: int) -> LookShape:
        employer = self.look.employer
        named = (employer.reference, employer.text) if employer else None
        return LookShape(phrases, letters, words, tuple(self.look.columns), named)


async def lock(session: Session, kind: AnyObject) -> None:
    """Until the end of the transaction nobody else creates one of these under the same policy."""
    await session.once(CACHE.get((kind.name, "duplicates lock"), lambda: _lock(kind)), {})


def _lock(kind: AnyObject) -> Select[Any]:
    name = literal(f"{kind.name}.duplicates ", Text()).concat(cast(tenant(), Text()))
    return select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0)))


class DuplicatePolicies:
    """Those that the tenant has chosen, by object."""

    def __init__(self, session: Session) -> None:
        self.session = session

    async def stored(self) -> dict[str, Any]:
        row = await self.session.read(CACHE.get("duplicate policies", _policies), {})
        return dict(row["duplicate_policies"]) if row else {}

    async def change(self, values: Mapping[str, Any]) -> dict[str, Any]:
        row = await self.session.once(CACHE.get("change duplicate policies", _changed), {"values": values})
        return dict(row["duplicate_policies"]) if row else {}


def _policies() -> Select[Any]:
    view = read_view(TENANT)
    return select(view.c.duplicate_policies).where(of_tenant(view))


def _changed() -> Executable:
    changed = TENANT.c.duplicate_policies.concat(_parameter("values", JSONB()))
    row = update(TENANT).where(TENANT.c.tenant_id == tenant()).values(duplicate_policies=changed)
    return row.returning(TENANT.c.duplicate_policies)


def look(kind: AnyObject, shape: LookShape, schema: Schema) -> Select[Any]:
    """One row: a JSON array of the records."""
    source = read_view(kind.table)
    mine = (visible(kind, source, schema), source.c.id != _parameter("but", Uuid()))
    words = _words(source.c.search)
    ways: list[Select[Any]] = []
    for place in range(shape.phrases):
        phrase = _hidden(f"phrase{place}", Text())
        asked = words.contains(_hidden(f"parts{place}", ARRAY(Text())))
        ways.append(
            select(source.c.id)
            .where(*mine, asked, func.strpos(source.c.search, phrase) > _number(0))
            .limit(_number(EXACT))
        )
    nearest = _nearest(source.c.search, shape)
    for place in range(shape.letters):
        alike = source.c.search.op("%>")(_hidden(f"letters{place}", Text()))
        ways.append(select(source.c.id).where(*mine, alike).order_by(nearest).limit(_number(ALIKE)))
    for place in range(shape.words):
        alike = words.overlap(_hidden(f"alike{place}", ARRAY(Text())))
        ways.append(select(source.c.id).where(*mine, alike).order_by(nearest).limit(_number(ALIKE)))
    found = union_all(*(select(one.subquery(f"way{place}")) for place, one in enumerate(ways))).subquery("found")
    columns: list[ColumnElement[Any]] = [source.c[name] for name in shape.fields]
    if shape.employer:
        columns.append(_employer(kind, source, shape.employer, schema))
    title = func.concat_ws(_SPACE, *(source.c[name] for name in _titles(kind, schema)))
    rows = select(source.c.id, title.label("title"), *columns).where(
        of_tenant(source), source.c.id.in_(select(found.c.id))
    )
    shown = rows.subquery("rows")
    return select(func.jsonb_agg(func.to_jsonb(shown.table_valued()), type_=JSONB).label("found"))


def _employer(kind: AnyObject, source: FromClause, named: tuple[str, str], schema: Schema) -> ColumnElement[Any]:
    """The name of the company, if the actor may see it."""
    reference, text = named
    company = schema.catalog[kind.references[reference].to]
    far = read_view(company.table).alias("company")
    name = select(far.c[text]).where(visible(company, far, schema), far.c.id == source.c[reference])
    return name.scalar_subquery().label(EMPLOYER)


def _parameters(wanted: Wanted, words: Sequence[str], but: UUID | None) -> dict[str, Any]:
    parameters: dict[str, Any] = {"but": but or NOBODY}
    for place, phrase in enumerate(wanted.phrases):
        parameters |= {f"phrase{place}": f" {phrase} ", f"parts{place}": phrase.split()}
    parameters |= {f"letters{place}": letters for place, letters in enumerate(wanted.letters)}
    parameters |= {f"alike{place}": one_letter_off(word) for place, word in enumerate(words)}
    return parameters


def _nearest(text: ColumnElement[Any], shape: LookShape) -> ColumnElement[Any]:
    nearest = [
        func.word_similarity(_hidden(f"letters{place}", Text()), text, type_=Float()) for place in range(shape.letters)
    ]
    return (func.greatest(*nearest) if len(nearest) > 1 else nearest[0]).desc() if nearest else text


def _titles(kind: AnyObject, schema: Schema) -> list[str]:
    seen = {field.name for field in schema.fields(kind).values()}
    return [name for name in kind.title if name in seen]


def _words(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """As the index has it, letter by letter."""
    return func.array_remove(func.string_to_array(text, _SPACE), literal_column("''"), type_=ARRAY(Text()))


def _parameter(name: str, type_: Any) -> ColumnElement[Any]:
    return bindparam(name, type_=type_, required=True)


def _hidden(name: str, type_: Any) -> ColumnElement[Any]:
    """In a subquery, because PostgreSQL must not see the value when it plans."""
    return select(_parameter(name, type_)).scalar_subquery()


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer())
