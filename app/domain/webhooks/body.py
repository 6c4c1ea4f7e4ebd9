"""What is posted for an event. Made anew whenever it is needed: it is the same for every attempt and every replay."""

from typing import Any, Final, Protocol

import orjson

from app.domain.kernel.event_form import Row, public
from app.domain.records.reader import Reader

MOST_BYTES: Final = 256_000


class Form(Protocol):
    """What of an endpoint decides how it is told."""

    @property
    def payload(self) -> str: ...


def body_of(endpoint: Form, event: Row, reader: Reader) -> bytes:
    """Of an event that `reader` sees: who owns the endpoint, or whoever made it.

    A record that is too large for one request is left out: its receiver has to read it.
    """
    told = public(reader.shown(event))
    told["timestamp"] = told["time"]
    if endpoint.payload == "full":
        body = orjson.dumps(told)
        if len(body) <= MOST_BYTES:
            return body
        told["truncated"] = True
    return orjson.dumps(_thin(told))


def _thin(told: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in told.items() if name != "previous"}
    return kept | {"data": {"id": told["recordId"]}}
