"""An event that never happened, to try an endpoint with."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.kernel.catalog import Catalog
from app.domain.kernel.ids import uuid7_text


def sample(catalog: Catalog, event_type: str, tenant_id: UUID, user_id: UUID, at: datetime) -> dict[str, Any]:
    """A row as of the log, about the record that the object's declaration shows; its origin is `test`."""
    kind = catalog[event_type.partition(".")[0]]
    time, record_id = at.isoformat(), uuid7_text()
    stamps = {"createdAt": time, "createdBy": str(user_id), "modifiedAt": time, "modifiedBy": str(user_id)}
    data = dict.fromkeys(kind.fields) | {"externalIds": {}, "custom": {}} | dict(kind.example) | stamps
    return {
        "tenant_id": str(tenant_id),
        "id": uuid7_text(),
        "settle": 0,
        "seq": 0,
        "at": time,
        "object": kind.name,
        "record_id": record_id,
        "version": 1,
        "type": event_type,
        "actor_id": str(user_id),
        "on_behalf_of": None,
        "origin": "test",
        "change_set_id": None,
        "cause_id": None,
        "cause_depth": 0,
        "changes": {},
        "data": data | {"id": record_id, "version": 1, "ownerId": str(user_id)},
    }
