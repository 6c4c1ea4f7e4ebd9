from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import count
from secrets import randbelow
from typing import Any

from pydantic.alias_generators import to_camel

from app.domain.kernel.catalog import Catalog
from app.domain.kernel.ids import uuid7
from app.domain.kernel.object_type import AnyObject
from tests.world import Client

MONTHS = 8_000 * 12
_EACH = count(randbelow(1_000_000_000), 11)
"""Further each time, so that no value comes again before all have been there, nor the neighbour of one, which tests make
of it; from a beginning of its own in each run."""

FRESH: Mapping[str, Callable[[], str]] = {
    "email": lambda: f"{uuid7()}@test.example",
    "validFrom": lambda: date.fromordinal(1 + next(_EACH) % 700_000).isoformat(),
    "period": lambda: _month(next(_EACH) % MONTHS),
    "minQuantity": lambda: str(1 + next(_EACH) % 999_999_999),
}
"""What no two records of some kinds may have in common, by its name in the API. Not of `random`, which hypothesis seeds."""


def _month(number: int) -> str:
    return f"{1000 + number // 12}-{1 + number % 12:02}"


def fresh(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same with values that no other record has."""
    return {**body, **{name: new() for name, new in FRESH.items() if name in body}}


def must_refer(kind: AnyObject) -> list[str]:
    """The references that a body has to give."""
    given = kind.create.model_fields
    return [column for column in kind.references if column in given and given[column].is_required()]


def needed(kind: AnyObject, catalog: Catalog) -> Iterator[tuple[str, dict[str, Any]]]:
    """Bodies of the records that the example of the kind refers to by necessity, under the ids it names, and where to
    send them."""
    for column in must_refer(kind):
        other = catalog[kind.references[column].to]
        yield from needed(other, catalog)
        yield f"/{other.plural}", fresh(other.example) | {"id": kind.example[to_camel(column)]}


async def make_needed(client: Client, kind: AnyObject, catalog: Catalog) -> None:
    """The records that every record of the kind refers to, under the ids of its example."""
    for path, body in needed(kind, catalog):
        answer = await client.post(path, json=body)
        assert answer.status_code == 201 or answer.json()["code"] == "idTaken", answer.text


async def make(client: Client, plural: str, defaults: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The record as the API answers it; `fields` are in its own words and go before the defaults."""
    answer = await client.post(f"/{plural}", json={**defaults, **fields})
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record
