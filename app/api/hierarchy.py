"""What every object whose records stand above one another can show of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from pydantic import Field, create_model

from app.api.answer import JSON, Answer
from app.api.edge import Call, Handler
from app.api.listing import bad_cursor, decoded, encoded, limit_of
from app.api.parameters import CURSOR, LIMIT, PREFER
from app.api.route import READING, ApiRoute, Parameter
from app.api.shapes import PageInfo, Shape, page_example, record_example
from app.domain.kernel.errors import BadRequest, refused
from app.domain.kernel.ids import parse_id
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import DEEPEST, NEAREST, Branch
from app.domain.records.hierarchy import Branches

DEPTH = Parameter(
    "depth",
    "How many steps down to look; without it, all.",
    {"type": "integer", "minimum": 1, "maximum": DEEPEST},
)


def hierarchy_routes(kind: AnyObject, reference: str) -> Sequence[ApiRoute]:
    relative = create_model(
        f"{kind.model.__name__}Relative",
        __base__=Shape,
        depth=(int, Field(description="Steps away from the one that was asked for.")),
        record=(kind.read, ...),
    )
    page: Any = create_model(
        f"{kind.model.__name__}Relatives",
        __base__=Shape,
        data=(list[relative], ...),
        page=(PageInfo, ...),
    )
    shared: dict[str, Any] = {
        "tag": kind.plural,
        "permission": kind.scope("read"),
        "errors": READING,
        "shows": page,
        "example": {
            name: one
            for name, one in page_example([{"depth": 1, "record": record_example(kind)}]).items()
            if name != "meta"
        },
    }
    return (
        ApiRoute(
            method="GET",
            path=f"/{kind.plural}/{{id}}/ancestors",
            name=f"list_{kind.name}_ancestors",
            summary=f"List what stands above one {kind.name}",
            description="The one directly above first, the top last. What you may not see is left out.",
            handler=listing(kind, reference, up=True),
            parameters=(LIMIT, CURSOR, PREFER),
            **shared,
        ),
        ApiRoute(
            method="GET",
            path=f"/{kind.plural}/{{id}}/descendants",
            name=f"list_{kind.name}_descendants",
            summary=f"List what stands below one {kind.name}",
            description="Those directly below first, then those below them. What you may not see is left out.",
            handler=listing(kind, reference, up=False),
            parameters=(DEPTH, LIMIT, CURSOR, PREFER),
            **shared,
        ),
    )


def listing(kind: AnyObject, reference: str, *, up: bool) -> Handler:
    known = ("limit", "cursor") if up else ("limit", "cursor", "depth")

    async def handle(call: Call) -> Answer:
        options = call.options(*known)
        after = _position(options["cursor"]) if "cursor" in options else NEAREST
        found = await Branches(call.session, kind, reference).branch(
            call.id,
            up=up,
            limit=limit_of(options.get("limit", "50")),
            depth=_depth(options["depth"]) if "depth" in options else DEEPEST,
            after=after,
        )
        return Answer(200, body_of(found), JSON)

    return handle


def body_of(branch: Branch) -> bytes:
    cursor = encoded(branch.last) if branch.last else None
    page = orjson.dumps({"nextCursor": cursor, "hasMore": branch.has_more})
    return b'{"data":%b,"page":%b}' % (branch.records, page)


def _position(cursor: str) -> tuple[int, UUID]:
    match decoded(cursor):
        case [int(depth), str(text)] if (found := parse_id(text)) and 0 <= depth <= DEEPEST:
            return depth, found
    raise bad_cursor()


def _depth(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= DEEPEST):
        raise refused(BadRequest, "depth", "badDepth", f"The depth lies between 1 and {DEEPEST}.")
    return int(text)
