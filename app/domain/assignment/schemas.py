from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from typing_extensions import TypedDict

from app.domain.kernel.schemas import INT_MAX, MAX_TEXT, Label, Limits, Name, RecordInput, RecordRead, Text, Timestamp

MOST_MEMBERS = 200
MOST_WEIGHT = 1_000
UUID_FORM = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
UserId = Annotated[
    str, Limits(36, pattern=UUID_FORM), AfterValidator(str.lower), Field(json_schema_extra={"format": "uuid"})
]
Condition = Annotated[str, Limits(MAX_TEXT)]
OF_USERS: dict[str, Any] = {"x-records": "user"}


class Share(TypedDict):
    """One user's part of a round robin, under the names of the API: so the database keeps it, and the log shows it."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]  # pydantic reads it from here

    userId: UserId
    weight: Annotated[int, Field(ge=1, le=MOST_WEIGHT, description="Of every round, how many turns.")]
    capacity: NotRequired[Annotated[int, Field(ge=0, le=INT_MAX)] | None]


class QueueCreate(RecordInput):
    name: Name
    description: Text | None = None
    members: list[UserId] = Field(
        default_factory=list,
        max_length=MOST_MEMBERS,
        description="The ids of the users who may take records from it.",
        json_schema_extra=OF_USERS,
    )


class QueueRead(RecordRead):
    name: str
    description: str | None
    members: list[str]


class AbsenceCreate(RecordInput):
    user_id: UUID | None = Field(None, description="Who is away. Left out, everybody is: a holiday.")
    starts_at: Timestamp = Field(examples=[f"2025-12-{day}T00:00:00+00:00" for day in range(15, 31)])
    ends_at: Timestamp = Field(
        description="The first moment at which the user is there again.",
        examples=[f"2027-01-{day}T00:00:00+00:00" for day in range(15, 31)],
    )
    reason: Label | None = None


class AbsenceRead(RecordRead):
    user_id: UUID | None
    starts_at: Timestamp
    ends_at: Timestamp
    reason: str | None


class AssignmentRuleCreate(RecordInput):
    """Who gets it: the user, or else the next of the round robin, or else the queue; or nobody."""

    name: Name
    object: Literal["lead"] = Field("lead", description="The object whose records it assigns.")
    position: int = Field(0, ge=0, le=INT_MAX, description="The lowest goes first; of equal ones the oldest.")
    when: Condition | None = Field(
        None,
        description="An expression; the first rule whose expression holds decides. Left out, it always holds.",
        examples=["version < 100", "has(createdAt)", "ownerId != null || version == 1", "createdAt <= now()"],
    )
    user_id: UUID | None = Field(None, description="Gets it, unless away or inactive.")
    round_robin: list[Share] = Field(
        default_factory=list,
        max_length=MOST_MEMBERS,
        description="Users who get it in turn, by weight. One with a `capacity` gets none while owning that many open "
        "records. A change of the list begins a new round.",
        json_schema_extra=OF_USERS,
    )
    queue_id: UUID | None = Field(None, description="Where it waits when none of them can have it.")
    active: bool = True


class AssignmentRuleRead(RecordRead):
    name: str
    object: Literal["lead"]
    position: int
    when: str | None
    user_id: UUID | None
    round_robin: list[Share]
    queue_id: UUID | None
    active: bool


class _Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class SkippedRead(_Shown):
    user_id: UUID
    reason: Literal["unknown", "inactive", "absent", "atCapacity"]
    open_records: int | None = Field(description="Those that the user owned, where that is the reason.")


class JudgedRead(_Shown):
    """One rule as it was then."""

    rule_id: UUID
    name: str
    when: str | None
    matched: bool | None = Field(description="null where a rule before it had matched, so that nobody asked.")
    facts: dict[str, Any] = Field(description="The fields that the expression reads, as they were.")
    problem: str | None = Field(description="Why the expression meant nothing any more; such a rule never matches.")
    skipped: list[SkippedRead]
    credits: dict[str, int] | None = Field(
        description="What each user of the round robin was owed before the turn; the weight is added, and the most wins."
    )


class DecisionRead(_Shown):
    id: UUID
    at: Timestamp
    rule_id: UUID | None = Field(description="The rule that decided; null where none matched.")
    owner_id: UUID | None
    queue_id: UUID | None
    rules: list[JudgedRead]


class AssignmentExplained(_Shown):
    """Newest first."""

    data: list[DecisionRead]
