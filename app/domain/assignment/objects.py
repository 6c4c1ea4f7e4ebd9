from app.domain.assignment.models import Absence, AssignmentRule, Queue
from app.domain.assignment.schemas import (
    AbsenceCreate,
    AbsenceRead,
    AssignmentRuleCreate,
    AssignmentRuleRead,
    QueueCreate,
    QueueRead,
)
from app.domain.kernel.actor import Role
from app.domain.kernel.object_type import ObjectType, Reference

QUEUE = ObjectType(
    name="queue",
    plural="queues",
    model=Queue,
    create=QueueCreate,
    read=QueueRead,
    example={"name": "Inbound, Europe", "description": "Whoever is free takes the next one.", "members": []},
    filterable=frozenset({"name"}),
    sortable=frozenset({"name"}),
    searchable=("name", "description"),
    title=("name",),
    written_by=Role.admin,
    default_sort="name",
)
ABSENCE = ObjectType(
    name="absence",
    plural="absences",
    model=Absence,
    create=AbsenceCreate,
    read=AbsenceRead,
    example={
        "startsAt": "2026-12-24T00:00:00+00:00",
        "endsAt": "2027-01-02T00:00:00+00:00",
        "reason": "Company holiday",
    },
    filterable=frozenset({"user_id", "starts_at", "ends_at", "reason"}),
    sortable=frozenset({"starts_at", "ends_at"}),
    references={"user_id": Reference("user", inverse="absences")},
    written_by=Role.admin,
    default_sort="startsAt",
)
ASSIGNMENT_RULE = ObjectType(
    name="assignmentRule",
    plural="assignment-rules",
    model=AssignmentRule,
    create=AssignmentRuleCreate,
    read=AssignmentRuleRead,
    example={
        "name": "Germany",
        "object": "lead",
        "position": 10,
        "when": 'createdAt > timestamp("2026-01-01T00:00:00Z")',
    },
    filterable=frozenset({"name", "object", "position", "user_id", "queue_id", "active"}),
    sortable=frozenset({"name", "position"}),
    searchable=("name",),
    title=("name",),
    references={"user_id": Reference("user"), "queue_id": Reference("queue")},
    written_by=Role.admin,
    default_sort="position",
)
