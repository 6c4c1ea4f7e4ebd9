"""An event as a message of a broker, in CloudEvents 1.0, and what the publisher asks of a broker's client."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from app.domain.kernel.event_form import Row, public

CONTENT_TYPE: Final = "application/cloudevents+json"
PATIENCE_S: Final = 10.0


class BrokerFailed(Exception):
    """Named by the kind of error only: what a client library says may repeat a URL with its password."""


@dataclass(frozen=True, slots=True)
class Message:
    """`path` is tenant, object and verb: what brokers route by."""

    id: str
    path: tuple[str, str, str]
    record_id: str
    body: bytes


class Broker(Protocol):
    """`largest` is how many bytes a body may have."""

    @property
    def largest(self) -> int: ...

    async def send(self, messages: Sequence[Message]) -> None:
        """Returns when the broker has confirmed them all, and fails where it did not."""


def message_of(row: Row, largest: int) -> Message:
    """What is too large for the broker is told without its record, which has to be read then."""
    event = cloud_event(row)
    body = orjson.dumps(event)
    if len(body) > largest:
        told = {name: value for name, value in event["data"].items() if name != "previous"}
        body = orjson.dumps(event | {"data": told | {"data": {"id": row["record_id"]}, "truncated": True}})
    verb = row["type"].removeprefix(f"{row['object']}.")
    return Message(row["id"], (row["tenant_id"], row["object"], verb), row["record_id"], body)


def cloud_event(row: Row) -> dict[str, Any]:
    """The order of strings has to be that of the log, so `sequence` is the one of the API filled up with zeros."""
    event = public(row)
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": f"/tenants/{event['tenantId']}",
        "type": f"rapport.{event['type']}",
        "subject": f"{event['object']}/{event['recordId']}",
        "time": event["time"],
        "datacontenttype": "application/json",
        "partitionkey": event["recordId"],
        "sequence": f"{row['settle']:019d}-{row['seq']:019d}",
        "data": event,
    }


def waves(messages: Sequence[Message]) -> list[list[Message]]:
    """With each record once in each, in order.

    A wave of which a part fails is the last: no event of a record ever passes an earlier one that has failed.
    """
    found: list[list[Message]] = []
    seen: dict[str, int] = defaultdict(int)
    for one in messages:
        number = seen[one.record_id]
        seen[one.record_id] += 1
        if number == len(found):
            found.append([])
        found[number].append(one)
    return found


@asynccontextmanager
async def outside() -> AsyncIterator[None]:
    """Bounds a call of a client library, and makes one error of all that it may fail with.

    Some cancel what waits for them when a connection ends: whoever is not cancelled himself has to take it for a failure.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerFailed("the connection ended") from None
    except Exception as error:  # noqa: BLE001  # a library may fail with anything, and the worker goes on
        raise BrokerFailed(type(error).__name__) from None


def check(answers: Sequence[object], confirmation: type) -> None:
    """Of `gather`, which gives errors, and cancellations, as answers."""
    for answer in answers:
        if not isinstance(answer, confirmation):
            raise BrokerFailed(type(answer).__name__)
