"""What a view may name, against what its reader sees of the objects."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.kernel.actor import Actor
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schema import Schema

MAX_HOPS = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A field, of the record itself or at the end of to-one references."""

    hops: tuple[str, ...]
    kind: AnyObject
    field: str


def column(path: str, kind: AnyObject, schema: Schema, actor: Actor) -> Column | None:
    """None where there is no such field for this reader."""
    *hops, name = path.split(".")
    if len(hops) > MAX_HOPS:
        return None
    for hop in hops:
        one = schema.relations(kind).get(hop)
        if one is None or one.many:
            return None
        kind = schema.catalog[one.to]
        if not actor.may(kind.scope("read")):
            return None
    return Column(tuple(hops), kind, name) if name in schema.fields(kind) else None


def parameters(columns: Sequence[Column]) -> dict[str, str]:
    """What a list is asked for to show these columns only. A row always has its id."""
    own = [one.field for one in columns if not one.hops]
    expanded = {".".join(one.hops): None for one in columns if one.hops}
    return {"fields": ",".join(("id", *own)), "expand": ",".join(expanded)}
