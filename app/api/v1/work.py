"""The tenant's due work: how much there is, and what has failed too often."""

import orjson

from app.api.answer import JSON, Answer, show
from app.api.edge import Call
from app.api.listing import encoded, id_in, limit_of
from app.api.parameters import CURSOR, KEYED, LIMIT, PREFER
from app.api.route import ALWAYS, WRITING, ApiRoute
from app.api.shapes import ID, TIME, PageInfo, Shape, page_example
from app.domain.kernel.errors import NotFound
from app.domain.work.schemas import ParkedRead, WorkDepth
from app.domain.work.service import ADMIN, WorkService

DEPTH = {"kind": "webhook.delivery", "due": 3, "later": 12, "inProgress": 2, "parked": 1, "oldestDueSeconds": 0.4}
PARKED = {
    "id": ID,
    "kind": "webhook.delivery",
    "key": "019ad1c0-7b41-7e55-b1aa-3c5d7e9f1b2c",
    "target": "019ad1bf-5a00-7c3d-9e21-1f2a3b4c5d6e",
    "attempts": 10,
    "error": "503",
    "payload": {"deliveryId": "019ad1c0-7b41-7e55-b1aa-3c5d7e9f1b2c"},
    "causeEventId": "019ad1c0-7b40-7a02-8f31-c0ffee123456",
    "createdAt": TIME,
}


class WorkOverview(Shape):
    data: list[WorkDepth]


class ParkedPage(Shape):
    data: list[ParkedRead]
    page: PageInfo
    meta: dict[str, str]


async def show_work(call: Call) -> Answer:
    call.options()
    return Answer(200, b'{"data":%b}' % await WorkService(call.session).overview(), JSON)


async def list_parked(call: Call) -> Answer:
    options = call.options("limit", "cursor")
    before = id_in(options["cursor"]) if "cursor" in options else None
    found = await WorkService(call.session).parked(before, limit_of(options.get("limit", "50")))
    cursor = encoded(str(found.last)) if found.last else None
    page = orjson.dumps({"nextCursor": cursor, "hasMore": cursor is not None})
    return Answer(200, b'{"data":%b,"page":%b,"meta":{}}' % (found.parked, page), JSON)


async def replay_parked(call: Call) -> Answer:
    call.options()
    return show(await WorkService(call.session).replay(call.id, call.claim(204)), 204, call.collection)


async def discard_parked(call: Call) -> Answer:
    call.options()
    return show(await WorkService(call.session).discard(call.id, call.claim(204)), 204, call.collection)


work = (
    ApiRoute(
        method="GET",
        path="/admin/work",
        name="get_work",
        summary="How much is to be done?",
        description="The tenant's due work by kind: what waits, what is under way, and what somebody has to look at.",
        tag="work",
        permission=ADMIN,
        handler=show_work,
        errors=ALWAYS,
        shows=WorkOverview,
        example={"data": [DEPTH]},
        parameters=(PREFER,),
    ),
    ApiRoute(
        method="GET",
        path="/admin/work/parked",
        name="list_parked_work",
        summary="List parked work",
        description="What has failed as often as its kind allows, or was begun by workers none of which came back. Newest first.",
        tag="work",
        permission=ADMIN,
        handler=list_parked,
        errors=ALWAYS,
        shows=ParkedPage,
        example=page_example([PARKED]),
        parameters=(LIMIT, CURSOR, PREFER),
    ),
    ApiRoute(
        method="POST",
        path="/admin/work/parked/{id}/replay",
        name="replay_parked_work",
        summary="Replay parked work",
        description="It is due at once, and has all its attempts again.",
        tag="work",
        permission=ADMIN,
        handler=replay_parked,
        errors=(*WRITING, NotFound),
        status=204,
        parameters=KEYED,
    ),
    ApiRoute(
        method="DELETE",
        path="/admin/work/parked/{id}",
        name="discard_parked_work",
        summary="Discard parked work",
        description="It never happens. What had to wait for it goes on.",
        tag="work",
        permission=ADMIN,
        handler=discard_parked,
        errors=(*WRITING, NotFound),
        status=204,
        parameters=KEYED,
    ),
)
