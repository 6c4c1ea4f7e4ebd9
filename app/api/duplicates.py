"""What every object that says by what its records are matched can do: tell which may be the same."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from pydantic import Field, create_model

from app.api.answer import JSON, Answer
from app.api.edge import Call, Handler
from app.api.listing import limit_of
from app.api.parameters import LIMIT, PREFER
from app.api.route import ASKING, READING, ApiRoute
from app.api.shapes import ID, Shape
from app.domain.kernel.errors import Invalid
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.schemas import Input, Text
from app.domain.matching.rules import Candidate, Reason
from app.domain.matching.service import MatchingService

REASON = {"code": "name", "field": "name", "detail": "Acme GmbH: the same name", "points": 92}
CANDIDATE = {"id": ID, "title": "Acme GmbH", "score": 92, "reasons": [REASON]}


class DuplicateReason(Shape):
    code: str = Field(description="email, phone, domain, name or company.")
    field: str = Field(description="Of the candidate, that is equal or alike.")
    detail: str = Field(description="The value that both have, or the name and how much it is alike.")
    points: int = Field(description="What it counts; the points of all reasons add up to the score.")


class DuplicateCandidate(Shape):
    object: str = Field(description="Of which the candidate is.")
    id: UUID
    title: str
    score: int = Field(ge=0, le=100)
    reasons: list[DuplicateReason] = Field(description="The surest first.")


class DuplicateList(Shape):
    data: list[DuplicateCandidate]


def duplicate_routes(kind: AnyObject) -> Sequence[ApiRoute]:
    body = traits(kind)
    may: dict[str, Any] = {"tag": kind.plural, "permission": kind.scope("read")}
    shown: dict[str, Any] = {"shows": DuplicateList, "example": {"data": [{"object": kind.name, **CANDIDATE}]}}
    return (
        ApiRoute(
            method="POST",
            path=f"/{kind.plural}/duplicates",
            name=f"find_{kind.name}_duplicates",
            summary=f"Which {kind.plural} may be the same as this?",
            description="Candidates for what is not written yet, the likeliest first: at most five, with a score out of 100 "
            "and its reasons. Values may be in any spelling. Nothing is written.",
            handler=finding(kind, body),
            errors=(*ASKING, Invalid),
            body=body,
            body_example=_described(kind),
            parameters=(PREFER,),
            **shown,
            **may,
        ),
        ApiRoute(
            method="GET",
            path=f"/{kind.plural}/{{id}}/duplicates",
            name=f"list_{kind.name}_duplicates",
            summary=f"Which {kind.plural} may be the same as this one?",
            description="The likeliest first, with a score out of 100 and its reasons.",
            handler=listing(kind),
            errors=READING,
            parameters=(LIMIT, PREFER),
            **shown,
            **may,
        ),
    )


def traits(kind: AnyObject) -> type[Input]:
    """What a record is matched by, each as text in any spelling; lists are as a record has them."""
    known = [name for rule in kind.matched_by for name in (*rule.fields, *rule.given)]
    elsewhere = [name for one in kind.resembles for name in (*one.given.values(), one.employer.ours)]
    names = dict.fromkeys((*known, *elsewhere, *(kind.countries if kind.phones else ())))
    listed = {name: kind.create.model_fields[name].rebuild_annotation() for name in names if name in kind.listed}
    fields: dict[str, Any] = {name: (listed.get(name, Text) | None, None) for name in names}
    return create_model(f"{kind.model.__name__}Traits", __base__=Input, **fields)


def finding(kind: AnyObject, body: type[Input]) -> Handler:
    async def handle(call: Call) -> Answer:
        return _shown(await MatchingService(call.session).candidates(kind, call.read(body).values()))

    return handle


def listing(kind: AnyObject) -> Handler:
    async def handle(call: Call) -> Answer:
        limit = limit_of(call.options("limit").get("limit", "50"))
        return _shown(await MatchingService(call.session).of_record(kind, call.id, limit))

    return handle


def reasons_in_api(reasons: Sequence[Reason]) -> list[dict[str, Any]]:
    return [one.told() for one in reasons]


def _shown(candidates: Sequence[Candidate]) -> Answer:
    data = [
        {
            "object": one.object,
            "id": one.record_id,
            "title": one.title,
            "score": one.score,
            "reasons": reasons_in_api(one.reasons),
        }
        for one in candidates
    ]
    return Answer(200, orjson.dumps({"data": data}), JSON)


def _described(kind: AnyObject) -> Mapping[str, Any]:
    names = {kind.by_column[name].api_name for rule in kind.matched_by for name in rule.fields}
    return {name: value for name, value in kind.example.items() if name in names}
