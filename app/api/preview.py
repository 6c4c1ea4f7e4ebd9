"""Previews: how a caller asks for one, and the plan that answers it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import Field

from app.api.answer import JSON, Answer, headers_in_json
from app.api.shapes import ID, TIME, Shape
from app.domain.kernel.actor import Actor
from app.domain.kernel.errors import BadRequest, refused
from app.domain.kernel.plan import Plan, PlannedWrite
from app.domain.kernel.schema import Schema
from app.domain.kernel.schemas import Timestamp

APPLIED = (b"preference-applied", b"dry-run")
_PARAMETER = b"dryRun"
_VALUES = {b"true": True, b"false": False}


class PlannedWriteShape(Shape):
    """A record that would be written. `changes` holds `[old, new]` of each field that differs, as its event would."""

    object: str
    record_id: UUID
    version: int = Field(description="The one that it would have then.")
    change: Literal["created", "updated", "deleted", "restored"]
    changes: dict[str, list[Any]]


class PlannedWorkShape(Shape):
    """Due work that would be added, postponed or cancelled."""

    change: Literal["added", "postponed", "cancelled"]
    kind: str
    key: str
    due_at: Timestamp | None = Field(description="Null for at once.")
    target: str | None


class Preview(Shape):
    """What a write would answer and do. Nothing of it has happened, and ids that the server chooses will be others."""

    status: int = Field(description="That of the answer.")
    headers: dict[str, str]
    body: Any = Field(description="That of the answer; null where it has none.")
    writes: list[PlannedWriteShape]
    work: list[PlannedWorkShape]


EXAMPLE: Mapping[str, Any] = {
    "status": 200,
    "headers": {"ETag": '"4-5be19b6b9d3a1c2f"'},
    "body": {"id": ID, "version": 4, "name": "Ada Lovelace"},
    "writes": [
        {
            "object": "user",
            "recordId": ID,
            "version": 4,
            "change": "updated",
            "changes": {"name": ["Ada Byron", "Ada Lovelace"]},
        }
    ],
    "work": [{"change": "added", "kind": "job", "key": ID, "dueAt": TIME, "target": None}],
}


def asked_for(query: bytes, headers: Mapping[bytes, bytes]) -> tuple[bytes, bool]:
    """Whether a write is to be previewed, and the query string without what says so."""
    preferences = headers.get(b"prefer", b"").replace(b";", b",").split(b",")
    dry = any(one.partition(b"=")[0].strip().lower() == b"dry-run" for one in preferences)
    if _PARAMETER not in query:
        return query, dry
    pairs = [part.partition(b"=") for part in query.split(b"&")]
    given = [value for name, _, value in pairs if name == _PARAMETER]
    if len(given) > 1:
        raise refused(BadRequest, "dryRun", "repeated", "The parameter is given twice.")
    if given and given[0] not in _VALUES:
        raise refused(BadRequest, "dryRun", "wrongType", "Say true or false.")
    others = b"&".join(b"".join(pair) for pair in pairs if pair[0] != _PARAMETER)
    return others, dry or any(_VALUES[one] for one in given)


def planned(answer: Answer, plan: Plan, actor: Actor, schema: Schema) -> Answer:
    shown = {
        "status": answer.status,
        "headers": headers_in_json(answer),
        "body": orjson.Fragment(answer.body) if answer.body else None,
        "writes": [_write(one, actor, schema) for one in plan.writes],
        "work": [
            {"change": one.change, "kind": one.kind, "key": one.key, "dueAt": _time(one.due_at), "target": one.target}
            for one in plan.work
        ],
    }
    return Answer(200, orjson.dumps(shown), JSON)


def _write(one: PlannedWrite, actor: Actor, schema: Schema) -> dict[str, Any]:
    """With no more of the record than its event would show to who asks."""
    kind = schema.catalog[one.object]
    fields = schema.fields(kind) if actor.may(kind.scope("read")) else ()
    changes = {name: values for name, values in one.changes.items() if name in fields}
    return {
        "object": one.object,
        "recordId": str(one.record_id),
        "version": one.version,
        "change": one.change,
        "changes": changes,
    }


def _time(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
