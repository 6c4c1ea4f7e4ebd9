"""Queues, absences and the rules of assignment; and why a record was assigned as it was."""

from app.api.answer import JSON, Answer
from app.api.edge import Call
from app.api.parameters import ID, PREFER
from app.api.records import record_router
from app.api.route import READING, ApiRoute, Parameter
from app.api.shapes import ID as RECORD
from app.api.shapes import TIME, USER
from app.domain.assignment.schemas import AssignmentExplained
from app.domain.assignment.service import AbsenceService, AssignmentRuleService, QueueService
from app.domain.kernel.errors import BadRequest, refused
from app.domain.kernel.ids import parse_id
from app.domain.leads.objects import LEAD
from app.domain.leads.service import LeadService
from app.domain.registry import CATALOG

RULE = "019ad1c3-2a10-7d41-8e55-0b6c9d8e7f6a"
DECISION = {
    "id": "019ad1c3-2b77-7f02-9a11-5d4c3b2a1908",
    "at": TIME,
    "ruleId": RULE,
    "ownerId": USER,
    "queueId": None,
    "rules": [
        {
            "ruleId": RULE,
            "name": "Germany",
            "when": 'country == "DE"',
            "matched": True,
            "facts": {"country": "DE"},
            "problem": None,
            "skipped": [{"userId": RECORD, "reason": "atCapacity", "openRecords": 25}],
            "credits": {USER: 1, RECORD: -1},
        }
    ],
}


async def explain_assignment(call: Call) -> Answer:
    options = call.options("object", "id")
    if options.get("object") != LEAD.name:
        raise refused(BadRequest, "object", "unknownObject", f"Name one of {LEAD.name}.")
    record_id = parse_id(options.get("id", ""))
    if record_id is None:
        raise refused(BadRequest, "id", "wrongType", "Give the id of a record.")
    return Answer(200, await LeadService(call.session).assignments(record_id), JSON)


queues = record_router(QueueService, CATALOG)
absences = record_router(AbsenceService, CATALOG)
assignment_rules = record_router(AssignmentRuleService, CATALOG)
explaining_assignment = (
    ApiRoute(
        method="GET",
        path="/explain/assignment",
        name="explain_assignment",
        summary="Why did this record go to whom it went?",
        description="What the rules decided of one record, newest first, as it was then: every rule in its order, "
        "whether its expression held and on which values, and who was passed over for what reason.",
        tag="assignment",
        permission=LEAD.scope("read"),
        handler=explain_assignment,
        errors=READING,
        shows=AssignmentExplained,
        example={"data": [DECISION]},
        parameters=(
            Parameter(
                "object",
                "Of which it is.",
                {"type": "string", "enum": [LEAD.name], "examples": [LEAD.name]},
                required=True,
            ),
            Parameter("id", "The record.", {**ID, "examples": [RECORD]}, required=True),
            PREFER,
        ),
    ),
)
