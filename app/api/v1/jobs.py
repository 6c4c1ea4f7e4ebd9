"""What was accepted for later: how far it is, and what came of it."""

import orjson

from app.api.answer import JSON, Answer, show
from app.api.edge import Call
from app.api.listing import encoded, id_in, limit_of
from app.api.parameters import CURSOR, KEYED, LIMIT, PREFER
from app.api.route import ALWAYS, ANYONE, READING, WRITING, ApiRoute
from app.api.shapes import ID, TIME, USER, PageInfo, Shape, page_example
from app.domain.jobs.schemas import JobRead
from app.domain.jobs.service import JobService
from app.domain.kernel.errors import NotFound

JOB = {
    "id": ID,
    "kind": "webhookReplay",
    "state": "running",
    "done": 1500,
    "total": 4200,
    "result": None,
    "error": None,
    "createdAt": TIME,
    "createdBy": USER,
    "startedAt": TIME,
    "finishedAt": None,
}


class JobPage(Shape):
    data: list[JobRead]
    page: PageInfo
    meta: dict[str, str]


async def list_jobs(call: Call) -> Answer:
    options = call.options("limit", "cursor")
    before = id_in(options["cursor"]) if "cursor" in options else None
    found = await JobService(call.session).page(before, limit_of(options.get("limit", "50")))
    cursor = encoded(str(found.last)) if found.last else None
    page = orjson.dumps({"nextCursor": cursor, "hasMore": cursor is not None})
    return Answer(200, b'{"data":%b,"page":%b,"meta":{}}' % (found.jobs, page), JSON)


async def get_job(call: Call) -> Answer:
    call.options()
    return Answer(200, await JobService(call.session).get(call.id), JSON)


async def cancel_job(call: Call) -> Answer:
    call.options()
    document = await JobService(call.session).cancel(call.id, call.claim(202))
    return show(document, 202, call.collection)


jobs = (
    ApiRoute(
        method="GET",
        path="/jobs",
        name="list_jobs",
        summary="List jobs",
        description="Those that the key's user has started, newest first; administrators see those of everybody.",
        tag="jobs",
        permission=ANYONE,
        handler=list_jobs,
        errors=ALWAYS,
        shows=JobPage,
        example=page_example([JOB]),
        parameters=(LIMIT, CURSOR, PREFER),
    ),
    ApiRoute(
        method="GET",
        path="/jobs/{id}",
        name="get_job",
        summary="Get one job",
        description="How far it is, and when it is over its result or the problem that it failed with.",
        tag="jobs",
        permission=ANYONE,
        handler=get_job,
        errors=READING,
        shows=JobRead,
        example=JOB,
        parameters=(PREFER,),
    ),
    ApiRoute(
        method="POST",
        path="/jobs/{id}/cancel",
        name="cancel_job",
        summary="Cancel one job",
        description="What it has done by now stays done, and nothing follows. To cancel it again changes nothing; one "
        "that has succeeded or failed is answered 409.",
        tag="jobs",
        permission=ANYONE,
        handler=cancel_job,
        errors=(*WRITING, NotFound),
        status=202,
        shows=JobRead,
        example=JOB,
        parameters=KEYED,
        headers=("Location",),
    ),
)
