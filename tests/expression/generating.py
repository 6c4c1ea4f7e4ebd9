"""Random expressions that the checker accepts, directed by type, over the declared objects and some custom fields.

Their literals come from SAMPLES; rows that are made of the same values are matched by many of them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from app.domain.kernel.expression.checker import Profile
from app.domain.kernel.expression.names import TYPES
from app.domain.kernel.expression.tree import Type
from app.domain.kernel.object_type import AnyObject, ValueType
from app.domain.kernel.schema import CustomField, Schema
from tests.expression.kinds import CATALOG

CUSTOM: Mapping[str, tuple[CustomField, ...]] = {
    kind.name: (
        CustomField("budget", Type.number),
        CustomField("segment", Type.text),
        CustomField("vip", Type.boolean),
        CustomField("renewal", Type.date),
        CustomField("seen", Type.timestamp),
        CustomField("tags", Type.texts),
    )
    for kind in CATALOG
}
HIDDEN: Mapping[str, frozenset[str]] = {
    "account": frozenset({"annual_revenue", "country"}),
    "contact": frozenset({"phone", "account_id"}),
    "opportunity": frozenset({"probability", "probability_overridden", "product_id"}),
}
SYSTEMS = ("sap", "legacy")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia")
SAMPLES: Mapping[Type, tuple[Any, ...]] = {
    Type.text: (
        "", " ", "a", "A", "Acme", "acme", " Acme ", "Tech", "Finance", "100%", "a_b", "a\\b", 'say "a"', "Ärger", "ärger",
        "ÉCOLE", "école", "Σίσυφος", "σς", "İstanbul", "ß", "日本", "😀", "z\u0301", "Zebra", "10", "2",
    ),
    Type.number: tuple(
        map(Decimal, ("0", "1", "-1", "2", "2.5", "3", "7", "10", "10.10", "50", "99.99", "100", "1000", "2026", "-0.5",
                      "123456789.1234", "999999999999999.9999"))
    ),
    Type.boolean: (True, False),
    Type.date: (
        date(1, 1, 2), date(2024, 2, 29), date(2025, 12, 31), date(2026, 1, 1), date(2026, 3, 29), date(2026, 11, 22),
        date(9999, 12, 30),
    ),
    Type.timestamp: (
        datetime(1, 1, 2, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 11, 22, 5, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, 59, tzinfo=UTC),
    ),
    Type.id: tuple(UUID(int=number) for number in range(1, 9)),
}  # fmt: skip
BY_FIELD: Mapping[str, tuple[str, ...]] = {
    "stage": ("prospecting", "engaging", "closedWon", "closedLost"),
    "status": ("active", "inactive"),
    "role": ("admin", "member"),
    "currency": ("EUR", "USD"),
    "industry": ("Tech", "Finance", "Ärger"),
}
_DURATIONS = ("0s", "36h", "1d12h", "300d", "-90m", "1000000d")
_EQUALITY = ("==", "!=")
_ORDER = (*_EQUALITY, "<", "<=", ">", ">=")
_RELATIONS = 8  # one question may ask for at most ten


def schema(*, hidden: bool = False, by_owner: bool = False) -> Schema:
    """All objects with the custom fields above, as somebody sees them who may see everything, or not."""
    return Schema(CATALOG, custom=CUSTOM, hidden=HIDDEN if hidden else None, by_owner=by_owner)


def literal(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return f'timestamp("{value.isoformat()}")'
        case date():
            return f'date("{value.isoformat()}")'
        case Decimal():
            return f"{value:f}"
        case _:
            return json.dumps(str(value), ensure_ascii=False)


@dataclass(frozen=True)
class _Scope:
    """Where a path may begin."""

    prefix: str
    kind: AnyObject
    hops: int = 0


class Generator:
    """`ids` are those of rows, for comparisons with ids to match some."""

    def __init__(
        self,
        random: Random,
        kind: AnyObject,
        schema: Schema,
        profile: Profile = Profile.sql,
        ids: Sequence[UUID] = SAMPLES[Type.id],
    ) -> None:
        self._random, self._kind, self._schema, self._profile, self._ids = random, kind, schema, profile, ids
        self._scopes: list[_Scope] = []
        self._relations = 0
        self._element: str | None = None

    def condition(self, depth: int) -> str:
        """A whole condition. `depth` bounds how often operators stand within operators."""
        self._scopes, self._relations, self._element = [_Scope("", self._kind)], 0, None
        return self._condition(depth)

    def value(self, type_: Type, depth: int) -> str:
        """A whole expression of this type."""
        self._scopes, self._relations, self._element = [_Scope("", self._kind)], 0, None
        return self._value(type_, depth)

    def _condition(self, depth: int) -> str:
        chance = self._random.random()
        if depth <= 0 or chance < 0.4:
            return self._atom(depth)
        if chance < 0.8:
            return self._joined(" && " if chance < 0.62 else " || ", depth)
        if chance < 0.92:
            return f"!({self._condition(depth - 1)})"
        one, other = self._condition(0), self._condition(depth - 1)
        if chance < 0.97:
            return f"({self._condition(depth - 1)}) ? ({one}) : ({other})"
        return f"({one}) {self._random.choice(_EQUALITY)} ({other})"

    def _joined(self, operator: str, depth: int) -> str:
        return operator.join(f"({self._condition(depth - 1)})" for _ in range(self._random.choice((2, 2, 3))))

    def _atom(self, depth: int) -> str:
        kinds: list[Callable[[], str]] = [
            *[partial(self._compared, depth)] * 3, partial(self._tested, depth), partial(self._held, depth),
            self._empty, self._listed, self._flag,
        ]  # fmt: skip
        if self._profile is Profile.event:
            kinds += [self._event] * 2
        elif len(self._scopes) == 1 and self._element is None and self._relations < _RELATIONS:
            kinds += [partial(self._quantified, depth)] * 2
        return self._random.choice(kinds)()

    def _compared(self, depth: int) -> str:
        type_ = self._random.choice(
            (Type.text, Type.number, Type.number, Type.date, Type.timestamp, Type.id, Type.duration)
        )
        operator = self._random.choice(_EQUALITY if type_ is Type.id else _ORDER)
        if type_ is Type.duration:
            return f"({self._value(Type.timestamp, 0)} - {self._field(Type.timestamp)}) {operator} {self._duration()}"
        if self._random.random() < 0.6:
            path = self._field(type_)
            return f"{path} {operator} {self._sample(type_, path)}"
        return f"{self._value(type_, min(depth, 2))} {operator} {self._value(type_, min(depth, 2))}"

    def _empty(self) -> str:
        path = self._field(
            self._random.choice((Type.text, Type.number, Type.date, Type.timestamp, Type.id, Type.texts))
        )
        forms = [f"{path} == null", f"{path} != null"]
        if path.replace(".", "").isidentifier():
            forms.append(f"has({path})")
        forms.append(f"{self._field(Type.text)}.isBlank()")
        return self._random.choice(forms)

    def _listed(self) -> str:
        type_ = self._random.choice((Type.text, Type.number, Type.date, Type.timestamp, Type.id))
        path = self._field(type_)
        values = [self._written(type_, path) for _ in range(self._random.randrange(5))]
        return f"{path} in [{', '.join(values)}]"

    def _tested(self, depth: int) -> str:
        function = self._random.choice(("contains", "icontains", "startsWith", "endsWith", "iequals"))
        path = self._value(Type.text, min(depth, 1))
        part = self._random.choice(SAMPLES[Type.text])
        shown = literal(part[: self._random.randrange(1, 4)]) if self._random.random() < 0.8 else self._field(Type.text)
        return f"{path}.{function}({shown})"

    def _flag(self) -> str:
        path = self._field(Type.boolean)
        return self._random.choice(
            (path, f"!{path}", f"{path} == {self._random.choice(('true', 'false'))}", f"{path} != true")
        )

    def _held(self, depth: int) -> str:
        path = self._field(Type.texts)
        if self._element is not None or self._random.random() < 0.5:
            return f"{self._value(Type.text, 0)} in {path}"
        if self._random.random() < 0.3:
            return f"{path}.size() {self._random.choice(_ORDER)} {self._random.randrange(4)}"
        self._element = "t"
        inner = self._condition(min(depth - 1, 1))
        self._element = None
        return f"{path}.{self._random.choice(('exists', 'all'))}(t, {inner})"

    def _event(self) -> str:
        path = self._field(self._random.choice((Type.text, Type.number, Type.date, Type.id))).removeprefix("old.")
        if (
            not path.replace(".", "").isidentifier()
            or path.endswith(".currency")
            or path.startswith("externalIds")
            or path == self._element
        ):
            return "isNew()"
        return self._random.choice(("isNew()", f"changed({path})", f"old.{path} != {path}", f"old.{path} == null"))

    def _quantified(self, depth: int) -> str:
        many = self._many()
        if many is None:
            return self._compared(depth)
        path, scope = many
        self._scopes.append(scope)
        inner = self._condition(min(depth - 1, 2))
        self._scopes.pop()
        function = self._random.choice(("exists", "exists", "all", "count"))
        if function == "count":
            return f"{path}.count(c, {inner}) {self._random.choice(_ORDER)} {self._random.randrange(4)}"
        return f"{path}.{function}(c, {inner})"

    def _many(self) -> tuple[str, _Scope] | None:
        prefix, kind, hops = self._followed(_Scope("", self._kind), 0.3, 2)
        names = [one for one in self._schema.relations(kind).values() if one.many]
        if not names:
            return None
        relation = self._random.choice(names)
        self._relations += 1
        return prefix + relation.name, _Scope("c.", CATALOG[relation.to], hops + 1)

    def _value(self, type_: Type, depth: int) -> str:
        chance = self._random.random()
        if depth <= 0 or chance < 0.4 or type_ not in _COMPOSED:
            return self._field(type_) if chance < 0.75 else self._sample(type_, "")
        return self._random.choice(_COMPOSED[type_])(self, depth - 1)

    def _either(self, type_: Type, depth: int) -> str:
        then, otherwise = self._value(type_, depth), self._random.choice((self._value(type_, depth), "null"))
        form = self._random.choice((f"coalesce({then}, {self._value(type_, depth)})", ""))
        return form or f"({self._condition(0)} ? {then} : {otherwise})"

    def _text(self, depth: int) -> str:
        value = self._value(Type.text, depth)
        forms = (f"lower({value})", f"{value}.trim()", f"({value} + {self._value(Type.text, depth)})")
        return self._random.choice((*forms, self._either(Type.text, depth)))

    def _number(self, depth: int) -> str:
        value, other = self._value(Type.number, depth), self._value(Type.number, depth)
        operator = self._random.choice("+-*/%")
        forms = (
            f"({value} {operator} {other})", f"({value} {operator} {other})", f"-({value})", f"abs({value})",
            f"round({value}, {self._random.randrange(11)})", f"min({value}, {other})", f"max({value}, {other})",
            f"{self._value(Type.text, 0)}.size()", f"daysBetween({self._value(Type.date, 0)}, {self._value(Type.date, depth)})",
            f"{self._random.choice(('year', 'month', 'day', 'weekday'))}({self._value(Type.date, depth)})",
            f"{self._random.choice(('year', 'month', 'day', 'weekday', 'hour'))}({self._zoned(depth)})",
            self._either(Type.number, depth),
        )  # fmt: skip
        return self._random.choice(forms)

    def _date(self, depth: int) -> str:
        value, days = self._value(Type.date, depth), self._value(Type.number, depth)
        forms = (
            f"addDays({value}, {days})", f"addMonths({value}, {days})", f"toDate({self._zoned(depth)})", "today()",
            f"min({value}, {self._value(Type.date, depth)})", f"max({value}, today())", self._either(Type.date, depth),
        )  # fmt: skip
        return self._random.choice(forms)

    def _timestamp(self, depth: int) -> str:
        value = self._value(Type.timestamp, depth)
        forms = (
            "now()", f"({value} {self._random.choice('+-')} {self._duration()})", f"max({value}, now())",
            self._either(Type.timestamp, depth),
        )  # fmt: skip
        return self._random.choice(forms)

    def _zoned(self, depth: int) -> str:
        return f'{self._value(Type.timestamp, depth)}, "{self._random.choice(ZONES)}"'

    def _duration(self) -> str:
        return f'duration("{self._random.choice(_DURATIONS)}")'

    def _sample(self, type_: Type, path: str) -> str:
        if type_ is Type.id:
            return self._random.choice(("me()", self._field(Type.id))) if not path else self._written(type_, path)
        return self._written(type_, path)

    def _written(self, type_: Type, path: str) -> str:
        if type_ is Type.id:
            return literal(self._random.choice(self._ids))
        return literal(self._random.choice(BY_FIELD.get(path.rpartition(".")[2], SAMPLES[type_])))

    def _field(self, type_: Type) -> str:
        """The path of some field of this type; a literal where nothing of it can be seen."""
        if type_ is Type.text and self._element and self._random.random() < 0.7:
            return self._element
        old = "old." if self._profile is Profile.event and self._random.random() < 0.3 else ""
        scope = self._random.choice(self._scopes[-1:] * 3 + self._scopes[:1])
        prefix, kind, _ = self._followed(scope, 0.0 if old else 0.25, 3)
        found = self._fields(kind, type_)
        return old + prefix + self._random.choice(found) if found else self._written(type_, "")

    def _fields(self, kind: AnyObject, type_: Type) -> list[str]:
        found = [f"custom.{one.name}" for one in self._schema.custom(kind).values() if one.type is type_]
        for name, field in self._schema.fields(kind).items():
            if TYPES.get(field.type) is type_:
                found += [name, name]
            if field.type is ValueType.money and type_ is Type.text:
                found.append(f"{name}.currency")
        if type_ is Type.text:
            found += [f"externalIds.{self._random.choice(SYSTEMS)}"]
        if type_ is Type.id:
            found += [name for name, one in self._schema.relations(kind).items() if not one.many]
        return found

    def _followed(self, scope: _Scope, chance: float, most: int) -> tuple[str, AnyObject, int]:
        prefix, kind, hops = scope.prefix, scope.kind, scope.hops
        while (
            self._profile is Profile.sql
            and hops < most
            and self._relations < _RELATIONS
            and self._random.random() < chance
        ):
            names = [one for one in self._schema.relations(kind).values() if not one.many]
            if not names:
                break
            relation = self._random.choice(names)
            prefix, kind, hops = f"{prefix}{relation.name}.", CATALOG[relation.to], hops + 1
            self._relations += 1
        return prefix, kind, hops


_COMPOSED: Mapping[Type, tuple[Callable[[Generator, int], str], ...]] = {
    Type.text: (Generator._text,),
    Type.number: (Generator._number,),
    Type.date: (Generator._date,),
    Type.timestamp: (Generator._timestamp,),
    Type.boolean: (lambda generator, depth: generator._either(Type.boolean, depth),),
}
