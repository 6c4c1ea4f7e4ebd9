"""The event log of one record, folded from nothing, and compared with what the tables say of the record."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import jiter

from app.domain.kernel.object_type import AnyObject

Data = Mapping[str, Any]
BEFORE = {"created": "unknown", "updated": "alive", "deleted": "alive", "restored": "deleted"}
AFTER = {"created": "alive", "updated": "alive", "deleted": "deleted", "restored": "alive"}
EXTERNAL_IDS = "externalIds"


@dataclass(slots=True)
class Fold:
    """What the events so far make of a record. Every method answers sentences that name fields, never values."""

    kind: AnyObject
    record_id: str
    state: str = "unknown"
    last: asyncpg.Record | None = None
    data: Data = field(default_factory=dict)

    def apply(self, event: asyncpg.Record) -> Iterator[str]:
        """The faults of one more event, which becomes the last."""
        at, data, changes = f"version {event['version']}", parsed(event["data"]), parsed(event["changes"])
        verb = event["type"].removeprefix(f"{self.kind.name}.")
        if BEFORE.get(verb) != self.state:
            yield f"{at} is {verb}, and the record is {self.state} by then"
        yield from self._places(event, at)
        expected = {**self.data, **{name: new for name, (_, new) in changes.items()}, **self._stamps(event, verb)}
        yield from (f"{at} has another {name} than what led to it" for name in differing(data, expected))
        former = {name: old for name, (old, _) in changes.items()}
        yield from (
            f"{at} names another former {name} than there was"
            for name in differing(former, {name: self.data.get(name) for name in former})
        )
        self.state, self.last, self.data = AFTER.get(verb, self.state), event, data

    def compare(
        self, row: asyncpg.Record | None, binned: asyncpg.Record | None, known: asyncpg.Record | None
    ) -> Iterator[str]:
        """The faults of the row, the bin and the external ids, after the last event."""
        for place, there, state in (("its table", row, "alive"), ("the bin", binned, "deleted")):
            if there is None and self.state == state:
                yield f"the record is missing in {place}"
            elif there is not None and self.state != state:
                yield f"the record is in {place}, and by its events it is {self.state}"
        there = row if self.state == "alive" else binned
        if there is not None and self.last is not None:
            yield from self._agrees(there, self.last)
        if binned is not None and self.last is not None:
            yield from self._was_deleted(binned, self.last)
        yield from self._is_known(known)

    def _places(self, event: asyncpg.Record, at: str) -> Iterator[str]:
        last = self.last
        if event["version"] != (last["version"] if last else 0) + 1:
            yield f"{at} follows version {last['version']}" if last else f"{at} is the first"
        if last is None:
            return
        if event["settle"] < last["settle"] or event["seq"] <= last["seq"]:
            yield f"{at} does not stand behind version {last['version']} in the log"
        if event["at"] <= last["at"]:
            yield f"{at} is no later than version {last['version']}"

    def _stamps(self, event: asyncpg.Record, verb: str) -> Data:
        time, actor = parsed(event["stamp"]), _text(event["actor_id"])
        stamps = {"id": self.record_id, "version": event["version"], "modifiedAt": time, "modifiedBy": actor}
        return stamps | ({"createdAt": time, "createdBy": actor} if verb == "created" else {})

    def _agrees(self, there: asyncpg.Record, last: asyncpg.Record) -> Iterator[str]:
        yield from (f"its {name} is not that of its last event" for name in differing(parsed(there["data"]), self.data))
        yield from (f"its {name} is not that of its last event" for name in ("settle",) if there[name] != last[name])
        if not there["intact"]:
            yield "it holds what no write of it has set"

    def _was_deleted(self, binned: asyncpg.Record, last: asyncpg.Record) -> Iterator[str]:
        for name, said in (("version", "version"), ("deleted_at", "at"), ("deleted_by", "actor_id")):
            if binned[name] != last[said]:
                yield f"in the bin its {name} is not that of its last event"

    def _is_known(self, known: asyncpg.Record | None) -> Iterator[str]:
        expected = self.data.get(EXTERNAL_IDS, {}) if self.state == "alive" else {}
        actual = parsed(known["ids"]) if known else {}
        if actual != expected or (known and known["keys"] != len(actual)):
            yield "the table external_id knows it otherwise than its externalIds"


def differing(one: Data, other: Data) -> Sequence[str]:
    """The fields that are not the same. What is absent is the same as null, and as an empty object."""
    return [name for name in sorted({*one, *other}) if _filled(one.get(name)) != _filled(other.get(name))]


def parsed(text: str) -> Any:
    """Numbers keep their digits."""
    return jiter.from_json(text.encode(), float_mode="decimal")


def _filled(value: Any) -> Any:
    return None if value == {} else value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
