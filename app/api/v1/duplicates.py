"""What the organisation does when a record is created that seems to be there already."""

from typing import Any

import orjson
from pydantic import MISSING, create_model

from app.api.answer import JSON, Answer
from app.api.edge import Call
from app.api.parameters import KEYED, PREFER
from app.api.route import ALWAYS, SENDING, ApiRoute
from app.api.shapes import Shape
from app.domain.kernel.schemas import Input
from app.domain.matching.schemas import DuplicatePolicyChange
from app.domain.matching.service import ADMIN, DuplicatePolicyService
from app.domain.registry import CATALOG

_MATCHED = [kind.name for kind in CATALOG if kind.matched_by]
_GIVEN: dict[str, Any] = dict.fromkeys(_MATCHED, (DuplicatePolicyChange | MISSING, MISSING))
_SHOWN: dict[str, Any] = dict.fromkeys(_MATCHED, (DuplicatePolicyChange, ...))
_EXAMPLE = {name: {"action": "allow", "leastScore": 85} for name in _MATCHED}
DuplicatePoliciesChange = create_model("DuplicatePoliciesChange", __base__=Input, **_GIVEN)
DuplicatePolicies = create_model("DuplicatePolicies", __base__=Shape, **_SHOWN)


async def show_policies(call: Call) -> Answer:
    call.options()
    return Answer(200, orjson.dumps(await DuplicatePolicyService(call.session).all()), JSON)


async def change_policies(call: Call) -> Answer:
    given = call.read(DuplicatePoliciesChange).values()
    shown = await DuplicatePolicyService(call.session).change(given, call.claim(200))
    return Answer(200, orjson.dumps(shown), JSON, effect=True)


duplicate_policies = (
    ApiRoute(
        method="GET",
        path="/duplicate-policies",
        name="get_duplicate_policies",
        summary="What happens to duplicates?",
        description="By object: whether a record that seems to be there already is created without a word (`allow`), "
        "created and told of (`warn`), or refused (`block`).",
        tag="duplicates",
        permission=ADMIN,
        handler=show_policies,
        errors=ALWAYS,
        shows=DuplicatePolicies,
        example=_EXAMPLE,
        parameters=(PREFER,),
    ),
    ApiRoute(
        method="PATCH",
        path="/duplicate-policies",
        name="change_duplicate_policies",
        summary="Choose what happens to duplicates",
        description="The objects that are named get the policy that is given; the others keep theirs. "
        "It holds on every way that creates a record, from a second later on.",
        tag="duplicates",
        permission=ADMIN,
        handler=change_policies,
        errors=SENDING,
        body=DuplicatePoliciesChange,
        body_example={_MATCHED[0]: {"action": "allow", "leastScore": 85}},
        shows=DuplicatePolicies,
        example=_EXAMPLE,
        parameters=KEYED,
    ),
)
