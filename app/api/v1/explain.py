"""Why the product says what it says: the facts that decided."""

from uuid import UUID

import orjson
from pydantic import Field

from app.api.answer import JSON, Answer
from app.api.duplicates import REASON, DuplicateReason, reasons_in_api
from app.api.edge import Call
from app.api.parameters import ID, PREFER
from app.api.route import ANYONE, READING, ApiRoute, Parameter
from app.api.shapes import Shape
from app.domain.kernel.errors import BadRequest, refused
from app.domain.kernel.ids import parse_id
from app.domain.kernel.object_type import AnyObject
from app.domain.matching.service import MatchingService
from app.domain.registry import CATALOG

_MATCHED = [kind.name for kind in CATALOG if kind.matched_by]


class DuplicateExplanation(Shape):
    score: int = Field(ge=0, le=100)
    reasons: list[DuplicateReason] = Field(description="Their points add up to the score; none where nothing is alike.")


async def explain_duplicates(call: Call) -> Answer:
    options = call.options("object", "id", "other", "otherObject")
    kind = _matched(options, "object")
    other = _matched(options, "otherObject") if "otherObject" in options else kind
    pair = [_id(options, place) for place in ("id", "other")]
    reasons = await MatchingService(call.session).explain(kind, pair[0], other, pair[1])
    score = sum(one.points for one in reasons)
    return Answer(200, orjson.dumps({"score": score, "reasons": reasons_in_api(reasons)}), JSON)


def _matched(options: dict[str, str], name: str) -> AnyObject:
    if options.get(name) not in _MATCHED:
        raise refused(BadRequest, name, "unknownObject", f"Name one of {', '.join(_MATCHED)}.")
    return CATALOG[options[name]]


def _id(options: dict[str, str], name: str) -> UUID:
    found = parse_id(options.get(name, ""))
    if found is None:
        raise refused(BadRequest, name, "wrongType", "Give the id of a record.")
    return found


explaining = (
    ApiRoute(
        method="GET",
        path="/explain/duplicates",
        name="explain_duplicates",
        summary="Why are these two taken for one?",
        description="What of two records is equal or alike, and what each of it counts.",
        tag="explain",
        permission=ANYONE,
        handler=explain_duplicates,
        errors=READING,
        shows=DuplicateExplanation,
        example={"score": 92, "reasons": [REASON]},
        parameters=(
            Parameter(
                "object",
                "Of which the one is.",
                {"type": "string", "enum": _MATCHED, "examples": _MATCHED[:1]},
                required=True,
            ),
            Parameter("id", "The one.", {**ID, "examples": ["019ad1c0-7b3e-7c11-9d52-6f0c3a9b1e44"]}, required=True),
            Parameter(
                "other", "The other.", {**ID, "examples": ["019ad1c0-7b3e-7c11-9d52-6f0c3a9b1e45"]}, required=True
            ),
            Parameter(
                "otherObject",
                "Of which the other is, where it is of another object that the one is compared with.",
                {"type": "string", "enum": _MATCHED, "examples": _MATCHED[:1]},
            ),
            PREFER,
        ),
    ),
)
