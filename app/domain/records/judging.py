"""Whether expressions of a tenant's rules hold for one record, and on which of its values that rests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from app.domain.kernel.actor import Actor
from app.domain.kernel.changes import as_json
from app.domain.kernel.expression.checker import check
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.expression.loading import Loader
from app.domain.kernel.expression.memory import ABSENT, Holding, Row, Scope, evaluator
from app.domain.kernel.expression.tree import OLD, Bound
from app.domain.kernel.lru import LeastRecentlyUsed
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schema import Schema
from app.domain.kernel.schemas import RecordRead

BYTES_PER_CHARACTER = 200  # of an expression: its tree and the closures made of it, at most


@dataclass(frozen=True, slots=True)
class Condition:
    """`fields` are those that it reads, as dotted paths."""

    holds: Holding
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problem` says why the expression means nothing any more, in which case it does not hold."""

    holds: bool
    facts: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


LOADERS: LeastRecentlyUsed[Any, Loader] = LeastRecentlyUsed(entries=500, weight=500)
CONDITIONS: LeastRecentlyUsed[Any, Condition] = LeastRecentlyUsed(entries=5_000, weight=20_000_000)


class Judge:
    """Asks expressions, in the event profile, of a record as if it were new: nothing was before."""

    def __init__(self, kind: AnyObject, schema: Schema, actor: Actor, record: RecordRead, now: datetime) -> None:
        self._kind, self._schema, self._actor, self._record = kind, schema, actor, record
        today = now.astimezone(ZoneInfo(actor.time_zone)).date()
        self._scope: Scope = {OLD: ABSENT, Bound.now: now, Bound.today: today, Bound.me: actor.id}

    def ask(self, text: str | None) -> Verdict:
        """No expression always holds."""
        if text is None:
            return Verdict(holds=True)
        try:
            condition = self._condition(text)
        except ExpressionError as error:
            return Verdict(holds=False, problem=error.message)
        return Verdict(condition.holds(self._row, self._scope), self.values(condition.fields))

    def reads(self, text: str) -> tuple[str, ...]:
        """The fields that an expression reads, as dotted paths; none where it means nothing any more."""
        try:
            return self._condition(text).fields
        except ExpressionError:
            return ()

    def values(self, paths: Iterable[str]) -> Mapping[str, Any]:
        return {path: _at(self._data, path) for path in paths}

    @cached_property
    def _data(self) -> Mapping[str, Any]:
        return {one.api_name: as_json(getattr(self._record, one.name)) for one in self._kind.by_column.values()}

    @cached_property
    def _row(self) -> Row:
        key = (self._kind.name, self._schema)
        loader = LOADERS.get(key)
        if loader is None:
            loader = Loader(self._kind, self._schema)
            LOADERS.put(key, loader, 1)
        return loader.row(self._data)

    def _condition(self, text: str) -> Condition:
        key = (text, self._kind.name, self._schema, self._actor.scopes)
        known = CONDITIONS.get(key)
        if known is None:
            found = check(text, self._kind, self._schema, self._actor, Profile.event)
            known = Condition(evaluator(found.expression.shape, found.arguments), found.fields)
            CONDITIONS.put(key, known, BYTES_PER_CHARACTER * len(text))
        return known


def _at(data: Mapping[str, Any], path: str) -> Any:
    """What was before is null."""
    value: Any = data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
