"""Bodies and values for any object, from its declaration alone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from app.domain.kernel.catalog import Catalog
from app.domain.kernel.object_type import AnyObject, FieldType, ValueType
from app.domain.registry import OBJECT_TYPES
from tests.contract.warranty import WARRANTY
from tests.factories.making import make_needed, must_refer
from tests.world import Client

CATALOG = Catalog((*OBJECT_TYPES, WARRANTY))
KINDS = list(CATALOG)
# What one code does for every object is tried thoroughly at these, which have every type of field and reference.
THOROUGHLY_AT = {"warranty", "account", "contact", "opportunity", "user"}
BOOKKEEPING = ("version", "modifiedAt", "modifiedBy")
Json = dict[str, Any]

_TEXTS: tuple[Callable[[int], str], ...] = (
    lambda n: f"Text {n:04} é_%",
    lambda n: f"t{n:04}@test.example",
    lambda n: f"+4930{n:08}",
    lambda n: f"word{n:04}",
)
_VALUES: dict[ValueType, Callable[[int], Any]] = {
    ValueType.integer: lambda n: n % 90 + 1,
    ValueType.boolean: lambda n: n % 2 == 0,
    ValueType.decimal: lambda n: f"{n % 90 + 1}.5",
    ValueType.money: lambda n: {"amount": f"{n - 3}.50", "currency": ("EUR", "USD")[n % 2]},
    ValueType.date: lambda n: (date(2026, 2, 27) + timedelta(days=n)).isoformat(),
    ValueType.timestamp: lambda n: f"2026-02-27T10:00:{n % 60:02}.12+00:00",
}


@dataclass(frozen=True)
class Target:
    """One declared member of one object."""

    kind: AnyObject
    name: str

    @property
    def field(self) -> FieldType:
        return self.kind.by_column[self.name]

    @property
    def api_name(self) -> str:
        return to_camel(self.name)


def targets(kind: AnyObject, names: Iterable[str]) -> list[Target]:
    return [Target(kind, name) for name in sorted(names)]


def of_each(members: Callable[[AnyObject], Iterable[str]]) -> pytest.MarkDecorator:
    """A test for each such member of each object that has one."""
    each = [target for kind in KINDS for target in targets(kind, members(kind))]
    return pytest.mark.parametrize("target", each, ids=lambda one: f"{one.kind.name}.{one.name}")


def plain_fields(kind: AnyObject) -> list[FieldType]:
    """The object's own writable fields that hold no reference."""
    beside = {*kind.all_references, "external_ids"}
    return [kind.by_column[name] for name in kind.writable if name not in beside and not _lists_records(kind, name)]


def from_the_start(kind: AnyObject, names: Iterable[str]) -> list[str]:
    """Those that a new record has a value of: a verb may give others later."""
    later = {name for name in kind.derived if kind.by_column[name].nullable}
    return [name for name in names if name not in later]


def changing_fields(kind: AnyObject) -> list[FieldType]:
    """Those of them that may have more than one value."""
    return [one for one in plain_fields(kind) if len(_options(kind, one.name)) != 1]


def value(kind: AnyObject, name: str, n: int) -> Any:
    """Value number `n` of a field, as JSON. Numbers give different values wherever the type has so many."""
    field = kind.by_column[name]
    if options := _options(kind, name):
        return options[n % len(options)]
    if field.type is not ValueType.text:
        return _VALUES[field.type](n)
    adapter = _adapter(kind.create, name)
    return next(text(n) for text in _TEXTS if _is_valid(adapter, text(n)))


def body(kind: AnyObject, n: int = 0, **more: Any) -> Json:
    """Every field that needs no other record, and the references that must be given."""
    return {field.api_name: value(kind, field.name, n) for field in plain_fields(kind)} | _given(kind) | more


def least(kind: AnyObject, n: int = 0, **more: Any) -> Json:
    """Only the fields that must be given; where some are alternatives, the first of them."""
    needed = {to_camel(name) for name, one in kind.create.model_fields.items() if one.is_required()}
    needed |= {name for one in kind.create.model_json_schema().get("anyOf", [])[:1] for name in one["required"]}
    return {name: one for name, one in body(kind, n).items() if name in needed} | more


def editable(kind: AnyObject) -> list[str]:
    """Two fields at least whose values a test may choose freely: neither keys nor the rights of a user.

    Only an object with fewer fields lends those with a choice of values as well.
    """
    names = [one.name for one in changing_fields(kind)]
    free = [name for name in names if not _choices(_rebuilt(kind, name))]
    return free if len(free) > 1 else [*free, *(name for name in names if name not in free)]


def comparable(type_: ValueType, shown: Any) -> Any:
    """A value of a record as Python compares it."""
    if shown is None:
        return None
    if type_ is ValueType.money:
        return Decimal(shown["amount"])
    if type_ is ValueType.decimal:
        return Decimal(shown)
    return datetime.fromisoformat(shown) if type_ is ValueType.timestamp else shown


async def make(client: Client, kind: AnyObject, n: int = 0, **more: Any) -> Json:
    await make_needed(client, kind, CATALOG)
    answer = await client.post(f"/{kind.plural}", json=body(kind, n, **more))
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


async def keys_beside(client: Client, kind: AnyObject, name: str) -> Json:
    """New records for the other references, where two records with the same in all of them could not both be."""
    others = {one for one in kind.unique_together if one != name}
    if name not in kind.unique_together or not others <= set(must_refer(kind)):
        return {}
    return {to_camel(one): (await make(client, CATALOG[kind.references[one].to], 9))["id"] for one in sorted(others)}


async def everything(client: Client, kind: AnyObject, query: str = "", limit: int = 200) -> list[Json]:
    """All pages of a list."""
    found: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await client.get(f"/{kind.plural}?limit={limit}&{query}" + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["data"]) <= limit
        assert page["page"]["hasMore"] is (page["page"]["nextCursor"] is not None)
        found += page["data"]
        cursor = page["page"]["nextCursor"]
    return found


def without_request_id(answer: Any) -> tuple[int, bytes]:
    return answer.status_code, answer.content.replace(answer.headers["request-id"].encode(), b"")


def _options(kind: AnyObject, name: str) -> Sequence[Any]:
    """The values to choose from, where the type does not tell enough; one only, where others have consequences."""
    return _choices(_rebuilt(kind, name)) or kind.create.model_fields[name].examples or ()


def _lists_records(kind: AnyObject, name: str) -> bool:
    """Whether the field holds ids of other records in a list."""
    return "x-records" in (kind.create.model_fields[name].json_schema_extra or {})


def _given(kind: AnyObject) -> Json:
    return {name: kind.example[name] for name in map(to_camel, must_refer(kind))}


def _rebuilt(kind: AnyObject, name: str) -> Any:
    return kind.create.model_fields[name].rebuild_annotation()


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is dict:
        return ()
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for part in get_args(annotation) if (found := _choices(part))), ())


@cache
def _adapter(create: type[BaseModel], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(create.model_fields[name].rebuild_annotation())


def _is_valid(adapter: TypeAdapter[Any], text: str) -> bool:
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True
