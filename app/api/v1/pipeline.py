"""Pipelines, and the opportunities that move through them."""

from urllib.parse import urlencode

import orjson
from pydantic import Field, create_model

from app.api.answer import JSON, Answer, show
from app.api.edge import Call
from app.api.listing import MAX_LIMIT, cursor_behind, limit_of, list_query
from app.api.parameters import FILTER, KEYED, PREFER
from app.api.records import record_router
from app.api.route import READING, SENDING, ApiRoute, Parameter
from app.api.shapes import ID, TIME, USER, record_example
from app.api.verbs import Verb, verb_routes
from app.domain.kernel.errors import NotFound
from app.domain.pipeline.objects import OPPORTUNITY, PIPELINE
from app.domain.pipeline.pipelines import PipelineService
from app.domain.pipeline.schemas import BoardRead, Lost, Reopened, StageImport, StageKey, StayList, Won
from app.domain.pipeline.service import ADMIN, OpportunityService, ProductService
from app.domain.registry import CATALOG

ITEM = f"/{OPPORTUNITY.plural}/{{id}}"
Moved = create_model(
    "OpportunityMove",
    __base__=OPPORTUNITY.update,
    __doc__="The stage to move to, and whatever else changes with it, as in a PATCH.",
    stage=(StageKey, Field(examples=["engaging"])),
)
STAY = {
    "id": ID,
    "pipelineId": "019ad1c0-7b3d-7b02-8f31-5a1d2c3e4f50",
    "stage": "prospecting",
    "enteredAt": TIME,
    "leftAt": None,
    "durationSeconds": 3600,
    "amount": {"amount": "1100.00", "currency": "USD"},
    "probability": 10,
    "ownerId": USER,
    "closeDate": "2026-12-31",
    "enteredBy": USER,
    "imported": False,
}
LIST = f"/api/v1/{OPPORTUNITY.plural}"
COLUMN = {
    "key": "engaging",
    "label": "Engaging",
    "outcome": "open",
    "count": 1,
    "sums": [{"currency": "USD", "count": 1, "amount": "1100.00", "expectedAmount": "440.00"}],
    "opportunities": [record_example(OPPORTUNITY)],
    "next": None,
}
LONG_AGO = "2025-01-31T09:00:00+00:00"


async def list_stays(call: Call) -> Answer:
    call.options()
    return Answer(200, b'{"data":%b}' % await OpportunityService(call.session).stage_history(call.id), JSON)


async def import_stays(call: Call) -> Answer:
    document = await OpportunityService(call.session).import_stays(call.id, call.read(StageImport), call.claim(200))
    return show(document, 200, call.collection)


async def show_board(call: Call) -> Answer:
    options = call.options("filter", "ownerId", "limit")
    limit = limit_of(options.setdefault("limit", "20"))
    actor, schema = call.session.actor, call.session.schema
    narrowing = [(name, options[name]) for name in ("filter", "ownerId") if name in options]
    where = list_query(OPPORTUNITY, narrowing, actor, schema).query.where
    columns = await OpportunityService(call.session).board(call.id, where, limit)
    data = []
    for one in columns:
        following = None
        if one.last is not None:
            pairs = [("pipelineId", str(call.id)), ("stage", one.stage["key"]), *narrowing, ("limit", str(limit))]
            cursor = cursor_behind(one.last, list_query(OPPORTUNITY, pairs, actor, schema).binding)
            following = f"{LIST}?{urlencode([*pairs, ('cursor', cursor.decode())])}"
        shown = {name: one.stage[name] for name in ("key", "label", "outcome")}
        counted = {"count": sum(of_currency["count"] for of_currency in one.sums), "sums": one.sums}
        data.append({**shown, **counted, "opportunities": orjson.Fragment(one.records), "next": following})
    return Answer(200, orjson.dumps({"data": data}), JSON)


opportunities = (
    *record_router(OpportunityService, CATALOG),
    *verb_routes(
        OpportunityService,
        Verb(
            name="move",
            summary="Move one opportunity to another stage",
            description="With whatever else changes in the same write. Refused with 409 `stageNotAllowed` where its pipeline "
            "has no such move, and `opportunityClosed` where it is won or lost and the caller may not reopen it; with 422 "
            "`stageRequires` and `stageCondition` where what the stage asks for is not there.",
            act=OpportunityService.move,
            body=Moved,
            body_example={"stage": "engaging", "nextStep": "Send the offer"},
        ),
        Verb(
            name="win",
            summary="Close one opportunity as won",
            description="It moves to the stage of its pipeline that says won. 409 `opportunityClosed` where it is closed.",
            act=OpportunityService.win,
            body=Won,
            body_example={"reason": "product", "closeDate": "2026-11-22"},
        ),
        Verb(
            name="lose",
            summary="Close one opportunity as lost",
            description="It moves to the stage of its pipeline that says lost. 409 `opportunityClosed` where it is closed.",
            act=OpportunityService.lose,
            body=Lost,
            body_example={"reason": "competitor", "note": "They were first."},
        ),
        Verb(
            name="reopen",
            summary="Reopen one opportunity",
            description="For administrators, and for everybody where its pipeline has the `reopenRole` member. Reason and note "
            "are cleared. 409 `opportunityOpen` where it is not closed.",
            act=OpportunityService.reopen,
            body=Reopened,
            body_example={"stage": "engaging"},
        ),
    ),
    ApiRoute(
        method="GET",
        path=f"{ITEM}/stage-history",
        name="list_opportunity_stages",
        summary="List the stages that one opportunity was in",
        description="Oldest first, with how long it stayed and what it was worth when it came.",
        tag=OPPORTUNITY.plural,
        permission=OPPORTUNITY.scope("read"),
        handler=list_stays,
        errors=READING,
        shows=StayList,
        example={"data": [STAY]},
        parameters=(PREFER,),
    ),
    ApiRoute(
        method="POST",
        path=f"{ITEM}/stage-history",
        name="import_opportunity_stages",
        summary="Say in which stages one opportunity was before",
        description="For administrators, who bring deals from elsewhere. The stays take the place of those imported before, "
        "and lie before what is known here; a last one that goes on dates the stage of now back, with `stageChangedAt` "
        "and, of a closed deal, `closedAt`.",
        handler=import_stays,
        errors=(*SENDING, NotFound),
        body=StageImport,
        body_example={"stays": [{"stage": "prospecting", "enteredAt": LONG_AGO, "leftAt": LONG_AGO}]},
        shows=StayList,
        example={"data": [STAY]},
        parameters=KEYED,
        tag=OPPORTUNITY.plural,
        permission=ADMIN,
    ),
)
pipelines = (
    *record_router(PipelineService, CATALOG),
    ApiRoute(
        method="GET",
        path=f"/{PIPELINE.plural}/{{id}}/board",
        name="get_pipeline_board",
        summary="Show the board of one pipeline",
        description="Its stages in their order, each with how many opportunities are in it, their sums by currency, and "
        "the first of them; `next` leads to the others. Needs the scope `pipelines:read` as well.",
        tag=PIPELINE.plural,
        permission=OPPORTUNITY.scope("read"),
        handler=show_board,
        errors=READING,
        shows=BoardRead,
        example={"data": [COLUMN]},
        parameters=(
            FILTER,
            Parameter("ownerId", "Only the opportunities of this user.", {"type": "string", "format": "uuid"}),
            Parameter(
                "limit",
                f"Opportunities of each stage, at most {MAX_LIMIT}.",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20},
            ),
            PREFER,
        ),
    ),
)
products = record_router(ProductService, CATALOG)
