"""An event as the API shows it, and a place in the log as clients hold it."""

import re
from typing import Any

from app.domain.kernel.errors import AppError, BadRequest, refused
from app.domain.kernel.query import Position

Row = dict[str, Any]
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})(?:-([0-9]{1,14}))?", re.ASCII)


def public(row: Row) -> dict[str, Any]:
    changes: dict[str, list[Any]] = row["changes"]
    cause = {"id": row["cause_id"], "depth": row["cause_depth"]} if row["cause_id"] else None
    return {
        "id": row["id"],
        "type": row["type"],
        "time": row["at"],
        "tenantId": row["tenant_id"],
        "sequence": f"{row['settle']}-{row['seq']}",
        "object": row["object"],
        "recordId": row["record_id"],
        "version": row["version"],
        "actor": {"id": row["actor_id"], "onBehalfOf": row["on_behalf_of"]},
        "origin": row["origin"],
        "changeSetId": row["change_set_id"],
        "cause": cause,
        "changedFields": sorted(changes),
        "previous": {field: old for field, (old, _) in changes.items()},
        "data": row["data"],
    }


def cursor_of(place: Position) -> str:
    """`settle-seq-ms`; the milliseconds only spare the reader the older partitions."""
    return f"{place.settle}-{place.seq}-{place.milliseconds}"


def position(parameter: str, cursor: str) -> Position:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise _bad(parameter)
    settle, seq, milliseconds = match.groups()
    return Position(int(settle), int(seq), int(milliseconds or 0))


def _bad(parameter: str) -> AppError:
    return refused(BadRequest, parameter, "badCursor", "Give the nextCursor of an earlier answer.")
