"""Several calls as one: each goes the way that it would go alone, by the same routes, handlers and refusals."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import orjson
from pydantic import ValidationError

from app.api.answer import JSON, Answer, headers_in_json
from app.api.edge import Call, Thin, keep_in_parts, keep_whole, refusal_of_database
from app.api.errors import problem, refusal_of
from app.api.route import JSON_TYPE
from app.api.tree import segments_of
from app.domain.kernel.errors import (
    AppError,
    BadRequest,
    DeadlineExceeded,
    FailedDependency,
    Fault,
    Invalid,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unavailable,
    refused,
)

MOST_BYTES: Final = 10_000_000  # of all answers together
LONGEST_KEY: Final = 250
NAME: Final = r"[A-Za-z][A-Za-z0-9_-]{0,39}"
_REFERENCE = re.compile(rf"({NAME})\.([^{{}}\s]{{1,200}})")
_IN_PATH = re.compile(rf"\{{({NAME}\.[^{{}}\s]{{1,200}})\}}")
_HEADERS = {"If-Match", "If-None-Match"}
_UNCACHED = (b"cache-control", b"no-store")
_NATIVE: Final = 2**63

Look = Callable[[Any, str], Any]  # what stands in the place of a reference, by the reference and its pointer


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` is relative to the API and may have a query; `body` is None where there is none, and a JSON value in a list."""

    name: str | None
    method: str
    path: str
    body: list[Any] | None
    headers: Mapping[str, str]


@dataclass(slots=True)
class Part(Call):
    """An operation as a call. `among` is the fingerprint of the batch and the place in it: what a reference stands for
    is not part of it."""

    among: bytes

    def fingerprint(self) -> bytes:
        return self.among


@dataclass(slots=True)
class Batch:
    """The operations of `call`, carried out in their order. `done` are the answers so far."""

    call: Call
    operations: Sequence[Operation]
    done: list[Answer] = field(default_factory=list)
    size: int = 0

    async def together(self) -> Answer:
        """All or nothing: the first refusal is that of the whole, and says where."""
        async with self.call.session.enclosed():
            for place in range(len(self.operations)):
                try:
                    self._add(await self._answer(place))
                except ValidationError as error:
                    raise self._placed(error, place) from error
                except AppError as error:
                    self._placed(error, place)
                    raise
            answer = self._whole()
            if b"idempotency-key" in self.call.headers and _UNCACHED in answer.headers:
                message = (
                    "An answer holds a secret, which is not kept: send this operation alone, or leave out the key."
                )
                raise refused(Invalid, "Idempotency-Key", "secretNotKept", message)
            await keep_whole(self.call, answer.body)
        return answer

    async def one_by_one(self) -> Answer:
        """Each by itself, whatever becomes of the others, and under a key of its own."""
        await keep_in_parts(self.call)
        for place in range(len(self.operations)):
            try:
                self._add(await self._answer(place))
            except Exception as error:  # noqa: BLE001  # each refusal is the answer of its operation
                self._add(self._problem(error, place))
        return self._whole()

    async def _answer(self, place: int) -> Answer:
        if time.monotonic() >= self.call.session.deadline:
            raise DeadlineExceeded("The batch took longer than it may: send it again under the same key to go on.")
        if self.size > MOST_BYTES:
            raise TooLarge(f"The answers of the batch have over {MOST_BYTES} bytes: ask for the rest in another.")
        thin, part = self._part(place)
        return await self.call.edge.perform(thin.handler, part)

    def _part(self, place: int) -> tuple[Thin, Part]:
        call, one = self.call, self.operations[place]
        path, _, query = _IN_PATH.sub(lambda found: self._in_path(found[1]), one.path).partition("?")
        root = call.path.rpartition("/")[0]
        segments = segments_of(quote(root + path, safe="/%").encode())
        found = call.edge.routes.find(segments)
        if found is None:
            raise refused(NotFound, "path", "notFound", "There is no such path.")
        leaf, values = found
        thin = leaf.handlers.get(one.method)
        if thin is None:
            raise MethodNotAllowed(sorted(leaf.handlers))
        if thin.media != JSON_TYPE or leaf.template == call.path:
            raise refused(BadRequest, "path", "notInBatch", "This cannot be part of a batch: send it alone.")
        body = b"" if one.body is None else orjson.dumps(filled(one.body[0], "", self._value))
        return thin, Part(
            session=call.session if call.session.is_enclosed else call.session.again(),
            edge=call.edge,
            told=call.told,
            method=one.method,
            path="/".join(segments),
            parameters=dict(zip(leaf.names, values, strict=True)),
            query=query.encode(),
            headers=self._headers(place, one),
            body=b"" if one.method == "GET" else body,
            among=sha256(b"%d\0%b" % (place, call.fingerprint())).digest(),
        )

    def _headers(self, place: int, one: Operation) -> dict[bytes, bytes]:
        headers = {name.lower().encode(): value.encode() for name, value in one.headers.items()}
        if one.body is not None:
            headers[b"content-type"] = JSON_TYPE.encode()
        if key := self.call.headers.get(b"idempotency-key"):
            short = key if len(key) <= LONGEST_KEY else sha256(key).hexdigest().encode()
            headers[b"idempotency-key"] = b"%b/%d" % (short, place)
        return headers

    def _in_path(self, reference: str) -> str:
        value = self._value(reference, "path")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise refused(Invalid, "path", "badReference", f"{{{reference}}} is no text and no whole number.")
        return quote(str(value), safe="")

    def _value(self, reference: Any, pointer: str) -> Any:
        """What the reference stands for, now that the operation has its answer."""
        name, _, members = reference.partition(".")
        place = next(place for place, one in enumerate(self.operations) if one.name == name)
        answer = self.done[place]
        if answer.status >= HTTPStatus.BAD_REQUEST:
            message = f"Operation {name}, to which this refers, has failed: nothing was tried."
            raise refused(FailedDependency, pointer, "operationFailed", message)
        found = orjson.loads(answer.body) if answer.body else None
        for member in members.split("."):
            if isinstance(found, list) and member.isdecimal() and int(member) < len(found):
                found = found[int(member)]
            elif isinstance(found, dict) and member in found:
                found = found[member]
            else:
                raise refused(Invalid, pointer, "unknownMember", f"The answer of {name} has no {members}.")
        return found

    def _add(self, answer: Answer) -> None:
        self.done.append(answer)
        self.size += len(answer.body)

    def _whole(self) -> Answer:
        results = [
            {
                "id": one.name,
                "status": answer.status,
                "headers": headers_in_json(answer),
                "body": orjson.Fragment(answer.body) if answer.body else None,
            }
            for one, answer in zip(self.operations, self.done, strict=True)
        ]
        secret = any(_UNCACHED in answer.headers for answer in self.done)
        headers = [*JSON, _UNCACHED] if secret else JSON
        return Answer(200, orjson.dumps({"results": results}), headers, effect=True)

    def _problem(self, error: Exception, place: int) -> Answer:
        """In a preview of operations that stand for themselves, too, the database must have stayed usable."""
        if self.call.session.is_enclosed and _ends_all(error):
            raise error
        request_id = next(value for name, value in self.call.told if name == b"request-id")
        return problem(self._placed(error, place), request_id.decode())

    def _placed(self, error: Exception, place: int) -> Exception:
        """With pointers into the batch."""
        refusal = refusal_of(error)
        if refusal is None:
            return error
        where = f"/operations/{place}"
        refusal.faults = [*(_placed(one, where) for one in refusal.faults)] or [
            Fault(where, refusal.code, refusal.detail)
        ]
        return refusal


def _placed(fault: Fault, where: str) -> Fault:
    """What is no pointer into the body is the name of a header, or of a parameter, which stands in the path."""
    if not fault.pointer or fault.pointer.startswith("/"):
        return replace(fault, pointer=f"{where}/body{fault.pointer}")
    if fault.pointer in _HEADERS:
        return replace(fault, pointer=f"{where}/headers/{fault.pointer}")
    params = fault.params if fault.pointer == "path" else {**fault.params, "parameter": fault.pointer}
    return replace(fault, pointer=f"{where}/path", params=params)


def _ends_all(error: Exception) -> bool:
    """After it the transaction around cannot go on, or what has happened is not known."""
    return isinstance(error, Unavailable) or refusal_of_database(error) is not None


def refuse_bad_references(operations: Sequence[Operation]) -> None:
    """Those that no answer could ever fill: before anything is done."""
    faults: list[Fault] = []
    known: dict[str, int] = {}
    for place, one in enumerate(operations):
        if one.name is not None and known.setdefault(one.name, place) != place:
            message = "Another operation has this id: each has its own."
            faults.append(Fault(f"/operations/{place}/id", "duplicateId", message))
    for place, one in enumerate(operations):
        for reference, pointer in _references(one):
            if fault := _refused(reference, known, place):
                faults.append(Fault(f"/operations/{place}{pointer}", *fault))
    if faults:
        raise Invalid("The operations do not fit together: nothing was done.", code="badOperations", faults=faults)


def _references(one: Operation) -> Iterator[tuple[Any, str]]:
    yield from ((found[1], "/path") for found in _IN_PATH.finditer(one.path))
    if one.body is not None:
        found_in_body: list[tuple[Any, str]] = []
        filled(one.body[0], "/body", lambda reference, pointer: found_in_body.append((reference, pointer)))
        yield from found_in_body


def _refused(reference: Any, known: Mapping[str, int], place: int) -> tuple[str, str] | None:
    match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
    if match is None:
        return "badReference", "A reference is written as in a.id: the id of an operation, and a member of its answer."
    if match[1] not in known:
        return "unknownOperation", f"There is no operation {match[1]}."
    if known[match[1]] >= place:
        return "forwardReference", f"Operation {match[1]} does not come before this one."
    return None


def filled(value: Any, pointer: str, look: Look) -> Any:
    """The JSON value with what its references stand for. Numbers keep all their digits."""
    match value:
        case {"$ref": reference} if len(value) == 1:
            return look(reference, pointer)
        case dict():
            return {name: filled(one, f"{pointer}/{_escaped(name)}", look) for name, one in value.items()}
        case list():
            return [filled(one, f"{pointer}/{place}", look) for place, one in enumerate(value)]
        case Decimal() | int() if not _is_native(value):
            return orjson.Fragment(str(value).encode())
    return value


def _is_native(number: Decimal | int) -> bool:
    """Whether orjson writes it as it is."""
    return isinstance(number, int) and -_NATIVE <= number < _NATIVE


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
