"""What one kind of viewer sees of the objects: which fields, and which objects only by their owners."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

from app.domain.kernel.catalog import Catalog
from app.domain.kernel.expression.tree import Type
from app.domain.kernel.object_type import AnyObject, FieldType
from app.domain.kernel.query import Expand


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field that a tenant added. It lies in `custom` under its name and may be empty in any record."""

    name: str
    type: Type


class Schema:
    """`hidden` holds column names by object; of the objects in `by_owner` only the records of `Actor.owners` are seen.

    Equal `shape` means equal statements: everything else about a viewer is an argument of them.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        version: int = 1,
        custom: Mapping[str, Sequence[CustomField]] | None = None,
        hidden: Mapping[str, frozenset[str]] | None = None,
        by_owner: frozenset[str] = frozenset(),
    ) -> None:
        self.catalog = catalog
        self.version = version
        self.by_owner = by_owner
        self._custom = custom or {}
        self._hidden = hidden or {}
        self._fields = {kind.name: self._visible(kind) for kind in catalog}

    @cached_property
    def shape(self) -> str:
        hidden = sorted((name, *sorted(columns)) for name, columns in self._hidden.items() if columns)
        shared = [(kind.name, kind.shared_by) for kind in self.catalog if kind.shared_by]
        return blake2b(repr((hidden, shared, sorted(self.by_owner))).encode(), digest_size=8).hexdigest()

    @cached_property
    def whole(self) -> "Schema":
        """What the tenant has, whoever looks: by this rules of the tenant are judged."""
        if not any(self._hidden.values()):
            return self
        return Schema(self.catalog, version=self.version, custom=self._custom)

    def fields(self, kind: AnyObject) -> Mapping[str, FieldType]:
        """The visible fields of the object itself by API name, in the order of their rendering."""
        return self._fields[kind.name]

    def hides(self, kind: AnyObject) -> bool:
        return bool(self._hidden.get(kind.name))

    def unseen(self, kind: AnyObject, names: Iterable[str]) -> list[str]:
        """Those of the API names that are hidden."""
        visible = self.fields(kind)
        return [name for name in names if name not in visible]

    def narrows(self, kind: AnyObject) -> bool:
        return kind.name in self.by_owner

    def custom(self, kind: AnyObject) -> Mapping[str, CustomField]:
        return {one.name: one for one in self._custom.get(kind.name, ())}

    def relations(self, kind: AnyObject) -> Mapping[str, Expand]:
        """To-one and to-many references by the member's name, but for those that hang on a hidden field."""
        hidden = self._hidden.get(kind.name, frozenset())
        return {
            name: one
            for name, one in self.catalog.expansions(kind).items()
            if one.reference not in (self._hidden.get(one.to, frozenset()) if one.many else hidden)
        }

    def _visible(self, kind: AnyObject) -> Mapping[str, FieldType]:
        hidden = self._hidden.get(kind.name, frozenset())
        return {name: field for name, field in kind.fields.items() if field.name not in hidden}
