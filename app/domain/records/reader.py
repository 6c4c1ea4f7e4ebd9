"""What one viewer may read of the log: in memory the rules that `compile.told` says in SQL."""

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from pydantic.alias_generators import to_camel

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.clock import utc_now
from app.domain.kernel.errors import BadRequest, Forbidden, refused
from app.domain.kernel.expression.loading import Loader, keys_read
from app.domain.kernel.expression.memory import evaluator
from app.domain.kernel.expression.tree import Bound, Expression
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schema import Schema

Row = dict[str, Any]


class Reader:
    """Rights are those of now, on the record of then. Rows are those that `EventLog` answers; nothing changes them."""

    def __init__(self, actor: Actor, schema: Schema) -> None:
        self.actor = actor
        self.schema = schema

    def readable(self, name: str | None) -> list[str]:
        """The object of that name, or all: those whose records the actor may read."""
        if name is None:
            return list(self._readable)
        if name not in self.schema.catalog:
            raise refused(BadRequest, "object", "unknownObject", "There is no such object.")
        if name not in self._readable:
            raise Forbidden("The key may not read this object.", code="missingScope")
        return [name]

    def sees(self, row: Row) -> bool:
        """Whether the event is for this viewer: of an object that it may read, and of a record that it saw then."""
        kind = self._readable.get(row["object"])
        return kind is not None and row["tenant_id"] == self._tenant and self.saw(kind, row["data"])

    def shown(self, row: Row) -> Row:
        """Without hidden fields, and without the former values of a record that was not yet for the viewer to see.

        Of an event that it `sees`, or an entry of the bin, which has no `changes`.
        """
        kind = self.schema.catalog[row["object"]]
        changes = row.get("changes")
        if changes and self._is_guarded(kind) and not self.saw(kind, _before(row["data"], changes)):
            row = row | {"changes": {field: [None, new] for field, (_, new) in changes.items()}}
        if not self.schema.hides(kind):
            return row
        fields = self.schema.fields(kind)
        kept = (name for name in ("data", "changes") if name in row)
        return row | {name: {field: value for field, value in row[name].items() if field in fields} for name in kept}

    def saw(self, kind: AnyObject, data: Mapping[str, Any]) -> bool:
        """Whether the record, as it was then, is for this viewer."""
        owner = data.get("ownerId")
        if self.schema.narrows(kind) and owner not in self._owners:
            return False
        if kind.shared_by is None or self._any_owner or owner == self._me:
            return True
        return data.get(to_camel(kind.shared_by)) is True

    def view(self, object_: str) -> Hashable:
        """Readers with equal views are shown the same of an event of this object that they see."""
        kind = self.schema.catalog[object_]
        asking = (self._me, self._any_owner, self.actor.owners) if self._is_guarded(kind) else None
        return self.schema.shape, asking

    def judge(self, kind: AnyObject, where: Expression) -> Callable[[Row], bool]:
        """Whether `where`, in the event profile, bound or not, holds for a row that is `shown` to this viewer."""
        loader = Loader(kind, self.schema, keys_read(where.shape))
        holds = evaluator(where.shape, where.arguments)
        is_bound = not any(isinstance(one, Bound) for one in where.arguments)
        zone = ZoneInfo(self.actor.time_zone)

        def judge(row: Row) -> bool:
            record, scope = loader.event(row["type"].rpartition(".")[2], row["data"], row["changes"])
            return holds(record, scope if is_bound else {**scope, **self._asking(utc_now(), zone)})

        return judge

    @cached_property
    def _readable(self) -> Mapping[str, AnyObject]:
        return {kind.name: kind for kind in self.schema.catalog if self.actor.may(kind.scope("read"))}

    @cached_property
    def _owners(self) -> frozenset[str]:
        return frozenset(self.actor.owners.strip("{}").split(","))

    @cached_property
    def _tenant(self) -> str:
        return str(self.actor.tenant_id)

    @cached_property
    def _me(self) -> str:
        return str(self.actor.id)

    @property
    def _any_owner(self) -> bool:
        return self.actor.role is Role.admin

    def _is_guarded(self, kind: AnyObject) -> bool:
        return kind.shared_by is not None or self.schema.narrows(kind)

    def _asking(self, now: datetime, zone: ZoneInfo) -> Mapping[str, Any]:
        return {Bound.now: now, Bound.today: now.astimezone(zone).date(), Bound.me: self.actor.id}


def _before(data: Mapping[str, Any], changes: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**data, **{field: old for field, (old, _) in changes.items()}}
