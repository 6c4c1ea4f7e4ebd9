"""Bodies and values for any object, from its declaration alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from app.domain.kernel.catalog import Catalog
from app.domain.kernel.object_type import AnyObject, FieldType, ValueType
from app.domain.registry import OBJECT_TYPES
from tests.contract.warranty import WARRANTY
from tests.world import Client

CATALOG = Catalog((*OBJECT_TYPES, WARRANTY))
KINDS = list(CATALOG)
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


def of_each(members: Callable[[AnyObject], Iterable[str]]) -> pytest.MarkDecorator:
    """A test for each such member of each object that has one."""
    targets = [Target(kind, name) for kind in KINDS for name in sorted(members(kind))]
    return pytest.mark.parametrize("target", targets, ids=lambda one: f"{one.kind.name}.{one.name}")


def plain_fields(kind: AnyObject) -> list[FieldType]:
    """The object's own writable fields that hold no reference."""
    beside = {*kind.all_references, "external_ids"}
    return [kind.by_column[name] for name in kind.writable if name not in beside]


def value(kind: AnyObject, name: str, n: int) -> Any:
    """Value number `n` of a field, as JSON. Numbers give different values wherever the type has so many."""
    field, annotation = kind.by_column[name], _rebuilt(kind, name)
    if options := _choices(annotation) or kind.create.model_fields[name].examples:
        return options[n % len(options)]
    if field.type is not ValueType.text:
        return _VALUES[field.type](n)
    adapter = TypeAdapter(annotation)
    return next(text(n) for text in _TEXTS if _is_valid(adapter, text(n)))


def body(kind: AnyObject, n: int = 0, **more: Any) -> Json:
    """Every field that needs no other record."""
    return {field.api_name: value(kind, field.name, n) for field in plain_fields(kind)} | more


def least(kind: AnyObject, n: int = 0, **more: Any) -> Json:
    """Only the fields that must be given."""
    needed = {to_camel(name) for name, one in kind.create.model_fields.items() if one.is_required()}
    return {name: one for name, one in body(kind, n).items() if name in needed} | more


def editable(kind: AnyObject) -> list[str]:
    """Two fields at least whose values a test may choose freely: neither keys nor the rights of a user."""
    return [one.name for one in plain_fields(kind) if not _choices(_rebuilt(kind, one.name))]


def comparable(type_: ValueType, shown: Any) -> Any:
    """A value of a record as Python compares it."""
    if shown is None:
        return None
    if type_ is ValueType.money:
        return Decimal(shown["amount"])
    return datetime.fromisoformat(shown) if type_ is ValueType.timestamp else shown


async def make(client: Client, kind: AnyObject, n: int = 0, **more: Any) -> Json:
    answer = await client.post(f"/{kind.plural}", json=body(kind, n, **more))
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


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


def _rebuilt(kind: AnyObject, name: str) -> Any:
    return kind.create.model_fields[name].rebuild_annotation()


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for part in get_args(annotation) if (found := _choices(part))), ())


def _is_valid(adapter: TypeAdapter[Any], text: str) -> bool:
    try:
        adapter.validate_python(text)
    except ValidationError:
        return False
    return True
