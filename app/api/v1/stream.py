"""The change feed as it grows."""

import re

import orjson

from app.api.channel import Asked
from app.api.edge import Call
from app.api.parameters import PREFER
from app.api.route import ALWAYS, JSON_TYPE, ApiRoute, Named, Parameter
from app.api.shapes import event_example
from app.api.stream import EVENT_STREAM, HEADERS, Stream
from app.api.v1.events import AFTER, NARROWED, NARROWING, PLACE, question_of
from app.domain.kernel.errors import BadRequest, NotAcceptable, refused
from app.domain.kernel.event_form import position
from app.domain.kernel.query import Position
from app.domain.registry import OBJECT_TYPES

LONGEST_S = 86_400
_KIND = OBJECT_TYPES[0]
_TEXT, _EVENT = {"type": "string"}, {**event_example(_KIND), "data": dict(_KIND.example)}
_DATA = {**_TEXT, "contentMediaType": JSON_TYPE, "contentSchema": {"$ref": "#/components/schemas/EventShape"}}
MESSAGE = Named(
    "EventMessage",
    {
        "type": "object",
        "description": "One message of the stream.",
        "properties": {"id": {**_TEXT, "description": "The cursor."}, "event": _TEXT, "data": _DATA},
        "required": ["id", "event", "data"],
    },
)
_TAKEN = re.compile(rb"(text|\*)/(event-stream|\*)", re.IGNORECASE)


async def stream_events(call: Call) -> Stream:
    options, session = call.options("after", "for", *NARROWING), call.session
    question = question_of(options, session.catalog)
    asked = Asked(question, session.actor, session.schema)
    key, start, seconds = call.headers[b"authorization"], _start(call, options), _seconds(options)
    _refuse_other_forms(call.headers.get(b"accept", b"*/*"))
    return Stream(200, b"", HEADERS, key=key, question=question, asked=asked, start=start, seconds=seconds)


def _start(call: Call, options: dict[str, str]) -> Position | None:
    """A browser that comes back repeats the address of its first request: the header knows better."""
    last = call.headers.get(b"last-event-id")
    if last is not None:
        return position("Last-Event-ID", last.decode("latin-1"))
    return position("after", options["after"]) if "after" in options else None


def _seconds(options: dict[str, str]) -> int | None:
    text = options.get("for")
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,5}", text, re.ASCII) or int(text) > LONGEST_S:
        raise refused(BadRequest, "for", "badDuration", f"Give whole seconds from 0 to {LONGEST_S}.")
    return int(text)


def _refuse_other_forms(accept: bytes) -> None:
    if not any(_TAKEN.fullmatch(one.partition(b";")[0].strip()) for one in accept.split(b",")):
        raise NotAcceptable(f"This is an endless stream, and answered as {EVENT_STREAM} only; GET /events has pages.")


stream = (
    ApiRoute(
        method="GET",
        path="/events/stream",
        name="stream_events",
        summary="Stream events",
        description="The change feed as it grows, as server-sent events: `id` is the cursor, `event` the type, and `data` "
        "an event as JSON. What is written from now on; with `Last-Event-ID` or `after`, all that came behind that "
        "event, without gap or repetition. A comment comes at least every 15 seconds. The stream ends when the key may "
        "no longer ask for it, and when the server stops: connect again.",
        tag="events",
        permission="events:read",
        handler=stream_events,
        errors=(*ALWAYS, NotAcceptable),
        shows=MESSAGE,
        media=EVENT_STREAM,
        example={"id": "7412-93-1763803800123", "event": _EVENT["type"], "data": orjson.dumps(_EVENT).decode()},
        parameters=(
            Parameter("Last-Event-ID", "The `id` of the last event; it goes before `after`.", PLACE, place="header"),
            AFTER,
            Parameter(
                "for",
                "Ends the stream after so many seconds; 0, when all has been sent that there was.",
                {"type": "integer", "minimum": 0, "maximum": LONGEST_S},
            ),
            *NARROWED,
            PREFER,
        ),
    ),
)
