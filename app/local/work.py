"""The due work of all tenants, for who runs the installation: `crm work`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from app.local.errors import CannotStart
from app.repositories import parked
from app.repositories.housekeeping import connected

ROLE: Final = "rapport_work"
MOST: Final = 500
LISTED: Final = ("kind", "tenant_id", "due", "later", "inProgress", "parked", "oldestDueSeconds")
PARKED: Final = ("id", "kind", "tenant_id", "attempts", "error")
Rows = Sequence[Mapping[str, Any]]


async def listed(url: str) -> Rows:
    """By kind and tenant."""
    async with connected(url, ROLE) as connection:
        return await parked.overview_of_all(connection)


async def waiting(url: str) -> Rows:
    """Parked work, oldest first."""
    async with connected(url, ROLE) as connection:
        return await parked.parked_of_all(connection, MOST)


async def replay(url: str, work_id: UUID) -> None:
    async with connected(url, ROLE) as connection:
        if not await parked.replay_of_any(connection, work_id):
            raise _unknown(work_id)


async def discard(url: str, work_id: UUID) -> None:
    async with connected(url, ROLE) as connection:
        if not await parked.discard_of_any(connection, work_id):
            raise _unknown(work_id)


def as_text(rows: Rows, columns: Sequence[str], nothing: str) -> str:
    """A column for each, as wide as what is in it."""
    if not rows:
        return nothing
    cells = [list(columns), *([_cell(row[name]) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def as_json(rows: Rows) -> str:
    return json.dumps([dict(row) for row in rows], default=str)


def _cell(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else "" if value is None else str(value)


def _unknown(work_id: UUID) -> CannotStart:
    return CannotStart(f"No work {work_id} is parked.")
