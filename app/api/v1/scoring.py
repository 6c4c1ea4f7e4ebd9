"""Scoring models, what leads did, the scores they had, and what a score rests on."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from app.api.answer import JSON, Answer, show
from app.api.edge import Call
from app.api.listing import bad_cursor, decoded, encoded, limit_of, timestamp
from app.api.parameters import CURSOR, ID, KEYED, LIMIT, PREFER
from app.api.records import record_router
from app.api.route import READING, SENDING, ApiRoute, Parameter
from app.api.shapes import ID as RECORD
from app.api.shapes import TIME, USER, PageInfo, Shape, page_example
from app.domain.kernel.errors import BadRequest, NotFound, refused
from app.domain.kernel.ids import parse_id
from app.domain.leads.objects import LEAD
from app.domain.leads.scoring import ScoredLeads
from app.domain.registry import CATALOG
from app.domain.scoring.modelling import ScoringModelService
from app.domain.scoring.schemas import BehaviourCreate, BehaviourRead, ScoreExplained, ScoreRead

ITEM = f"/{LEAD.plural}/{{id}}"
MODEL = "019ad1c4-1f08-7b3a-9d10-6e5f4a3b2c1d"
HALVED = "2026-11-29T09:30:00.123456+00:00"
NEWEST = (datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))
LATEST = 2**62
BEHAVIOUR = {
    "id": "019ad1c5-2b77-7f02-9a11-5d4c3b2a1908",
    "leadId": RECORD,
    "behaviour": "visit",
    "occurredAt": TIME,
    "recordedAt": TIME,
    "recordedBy": USER,
}
LARGE = {"kind": "rule", "key": "large", "label": "200 employees or more", "points": 30, "events": None}
VISIT = {"kind": "behaviour", "key": "visit", "label": "Visited the prices", "points": 12, "events": 2}
SCORE = {
    "version": 3,
    "at": TIME,
    "score": 42,
    "cause": "behaviour",
    "modelId": MODEL,
    "modelVersion": 1,
    "facts": [LARGE, VISIT],
}
EXPLAINED = {
    "leadId": RECORD,
    "score": 42,
    "recorded": 42,
    "frozen": False,
    "model": {"id": MODEL, "version": 1, "name": "Inbound"},
    "changesAt": HALVED,
    "facts": [
        {**LARGE, "values": {"employees": 500}, "changesAt": None},
        {**VISIT, "values": {}, "changesAt": HALVED},
    ],
    "problems": [],
}


class BehaviourPage(Shape):
    data: list[BehaviourRead]
    page: PageInfo
    meta: dict[str, str]


class ScorePage(Shape):
    data: list[ScoreRead]
    page: PageInfo
    meta: dict[str, str]


async def record_behaviour(call: Call) -> Answer:
    document = await ScoredLeads(call.session).record(call.id, call.read(BehaviourCreate), call.claim(201))
    return show(document, 201, call.collection)


async def list_behaviours(call: Call) -> Answer:
    options = call.options("limit", "cursor")
    limit = limit_of(options.get("limit", "50"))
    before = _place(options["cursor"]) if "cursor" in options else NEWEST
    rows = await ScoredLeads(call.session).behaviours(call.id, before, limit + 1)
    return _page(rows, limit, ("occurredAt", "id"))


async def list_scores(call: Call) -> Answer:
    options = call.options("limit", "cursor")
    limit = limit_of(options.get("limit", "50"))
    below = _version(options["cursor"]) if "cursor" in options else LATEST
    return _page(await ScoredLeads(call.session).scores(call.id, below, limit + 1), limit, ("version",))


async def explain_score(call: Call) -> Answer:
    lead_id = parse_id(call.options("leadId").get("leadId", ""))
    if lead_id is None:
        raise refused(BadRequest, "leadId", "wrongType", "Give the id of a lead.")
    explained = await ScoredLeads(call.session).explain(lead_id)
    return Answer(200, orjson.dumps(explained), JSON)


def _page(rows: list[dict[str, Any]], limit: int, place: tuple[str, ...]) -> Answer:
    """Of rows of which one more was asked for than are shown."""
    shown, more = rows[:limit], len(rows) > limit
    cursor = encoded([shown[-1][name] for name in place]) if more else None
    return Answer(200, orjson.dumps({"data": shown, "page": {"nextCursor": cursor, "hasMore": more}, "meta": {}}), JSON)


def _place(cursor: str) -> tuple[datetime, UUID]:
    match decoded(cursor):
        case [str(occurred_at), str(event_id)] if (found := parse_id(event_id)) is not None:
            return timestamp("cursor", occurred_at), found
    raise bad_cursor()


def _version(cursor: str) -> int:
    match decoded(cursor):
        case [int(version)] if 0 < version < LATEST:
            return version
    raise bad_cursor()


_READ: dict[str, Any] = {"permission": LEAD.scope("read"), "errors": READING}
scoring_models = record_router(ScoringModelService, CATALOG)
lead_scoring = (
    ApiRoute(
        method="POST",
        path=f"{ITEM}/behaviours",
        name="record_lead_behaviour",
        summary="Record what one lead did",
        description="It is kept whether a scoring model counts such behaviour or not: a model that comes later counts it, "
        "too. The score of the lead has it when the answer comes. A converted lead keeps its score.",
        tag=LEAD.plural,
        permission=LEAD.scope("write"),
        handler=record_behaviour,
        errors=(*SENDING, NotFound),
        status=201,
        body=BehaviourCreate,
        body_example={"behaviour": "visit"},
        shows=BehaviourRead,
        example=BEHAVIOUR,
        parameters=KEYED,
    ),
    ApiRoute(
        method="GET",
        path=f"{ITEM}/behaviours",
        name="list_lead_behaviours",
        summary="List what one lead did",
        description="A page of its behaviours, the latest first, whoever recorded them and whenever.",
        tag=LEAD.plural,
        handler=list_behaviours,
        shows=BehaviourPage,
        example=page_example([BEHAVIOUR]),
        parameters=(LIMIT, CURSOR, PREFER),
        **_READ,
    ),
    ApiRoute(
        method="GET",
        path=f"{ITEM}/scores",
        name="list_lead_scores",
        summary="List the scores of one lead",
        description="A page of the scores that it had, the latest first: since when, by which model, and of what facts.",
        tag=LEAD.plural,
        handler=list_scores,
        shows=ScorePage,
        example=page_example([SCORE]),
        parameters=(LIMIT, CURSOR, PREFER),
        **_READ,
    ),
)
explaining_score = (
    ApiRoute(
        method="GET",
        path="/explain/score",
        name="explain_score",
        summary="Why has this lead that score?",
        description="The rules that hold with the values they rest on, and what the lead did with what it counts now. The "
        "points add up to the score.",
        tag="explain",
        handler=explain_score,
        shows=ScoreExplained,
        example=EXPLAINED,
        parameters=(Parameter("leadId", "The lead.", {**ID, "examples": [RECORD]}, required=True), PREFER),
        **_READ,
    ),
)
