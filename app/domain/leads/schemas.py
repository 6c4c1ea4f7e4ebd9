import copy
from datetime import date
from typing import Annotated, Any, Literal, Union
from uuid import UUID

from pydantic import MISSING, BaseModel, ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

from app.domain.accounts.schemas import AccountCreate, ContactCreate
from app.domain.kernel.phones import DESCRIBED as PHONE
from app.domain.kernel.phones import PhoneNumber
from app.domain.kernel.schemas import (
    INT_MAX,
    NO_NUL,
    NOT_BLANK,
    Day,
    Email,
    Input,
    Label,
    Limits,
    RecordInput,
    RecordRead,
    Text,
    Timestamp,
)
from app.domain.pipeline.schemas import OpportunityCreate

LeadStatus = Literal["new", "contacted", "qualified", "disqualified", "converted"]
WritableStatus = Literal["new", "contacted", "qualified", "disqualified"]
Reason = Literal[
    "notInterested", "competitor", "noBudget", "noAuthority", "badTiming", "unreachable", "spam", "duplicate", "other"
]
Rating = Literal["hot", "warm", "cold"]
UtmName = Literal["source", "medium", "campaign", "term", "content"]
# What a link says is taken as it is, blank or not: nobody who fills in a form can mend it.
Utm = dict[UtmName, Annotated[str, Limits(200, min_length=1, pattern=NO_NUL)]]

NAMES = ("last_name", "company", "email")


class LeadCreate(RecordInput):
    """At least one of `lastName`, `company` and `email` says who it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string", "pattern": NOT_BLANK}}}
                for name in ("lastName", "company", "email")
            ]
        }
    )

    first_name: Label | None = None
    last_name: Label | None = None
    company: Annotated[str, Limits(200)] | None = None
    title: Label | None = Field(None, description="What the person does there.")
    email: Email | None = None
    phone: PhoneNumber | None = Field(None, description=PHONE)
    website: Annotated[str, Limits(500)] | None = None
    country: Label | None = None
    industry: Label | None = None
    employees: int | None = Field(None, ge=0, le=INT_MAX)
    description: Text | None = None
    source: Label | None = Field(None, description="Where it came from, such as web, event or referral.")
    utm: Utm | None = Field(
        None,
        description="The campaign that led here. A PATCH replaces it as a whole.",
        examples=[
            {"source": "newsletter", "medium": "email"},
            {"source": "search", "campaign": "spring", "term": "crm"},
        ],
    )
    rating: Rating | None = None
    status: WritableStatus = Field("new", description="It becomes `converted` by its conversion only.")
    disqualified_reason: Reason | None = Field(
        None, description="Why it was disqualified last; must be there while it is disqualified."
    )
    disqualified_note: Text | None = None
    recycle_on: Day | None = Field(None, description="The day on which a disqualified lead becomes new again.")
    do_not_email: bool = False
    do_not_call: bool = False


class LeadRead(RecordRead):
    first_name: str | None
    last_name: str | None
    company: str | None
    title: str | None
    email: str | None
    phone: str | None
    website: str | None
    country: str | None
    industry: str | None
    employees: int | None
    description: str | None
    source: str | None
    utm: dict[str, str] | None
    rating: Rating | None
    status: LeadStatus
    disqualified_reason: Reason | None
    disqualified_note: str | None
    recycle_on: date | None
    do_not_email: bool
    do_not_call: bool
    consent_at: Timestamp | None = Field(description="When the person agreed to be contacted.")
    consent_text: str | None = Field(description="What the person agreed to, word by word.")
    confirmed_at: Timestamp | None = Field(description="When the person confirmed the address: double opt-in.")
    score: int = Field(description="How promising it is, by the rules of the tenant.", examples=[0])
    queue_id: UUID | None = Field(description="The queue in which it waits for an owner.")
    assigned_at: Timestamp | None = Field(description="When its present owner got it.")
    first_response_due_at: Timestamp | None = Field(description="Until then the owner should have responded.")
    first_responded_at: Timestamp | None
    escalated_at: Timestamp | None = Field(description="When it last went up because nobody had responded.")
    escalation_level: int = Field(description="How many times it has gone up, three at most.", examples=[0])
    escalated_to_id: UUID | None = Field(description="Whom it last went up to: a manager of its owner.")
    converted_at: Timestamp | None
    converted_by: UUID | None
    converted_account_id: UUID | None
    converted_contact_id: UUID | None
    converted_opportunity_id: UUID | None


class Disqualification(Input):
    reason: Reason
    note: Text | None = None
    recycle_on: Day | None = Field(None, description="The day on which it becomes new again; left out, it never does.")


class LeadSettings(BaseModel):
    """How long leads may wait, and what happens to those that wait longer."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)

    first_response_minutes: int | None = Field(None, description="Null sets no time.")
    escalation_levels: int = 3
    escalation_reassigns: bool = False


class LeadSettingsUpdate(Input):
    """What is left out stays."""

    first_response_minutes: Annotated[int, Field(ge=1, le=43_200)] | MISSING | None = Field(
        MISSING,
        description="So long after it got an owner a new lead should have a first response; null sets no time.",
    )
    escalation_levels: Annotated[int, Field(ge=0, le=3)] | MISSING = Field(
        MISSING, description="How many times a lead goes up, from manager to manager, while nobody responds."
    )
    escalation_reassigns: bool | MISSING = Field(
        MISSING, description="Whether the manager it goes up to becomes its owner, or is only recorded."
    )


def _choosing(create: type[Input], *left_out: str) -> type[Input]:
    """Any fields that a body of POST may have; those that are not given come from the lead."""
    fields: dict[str, Any] = {}
    for name, info in create.model_fields.items():
        if name not in left_out:
            optional = copy.copy(info)
            optional.default, optional.default_factory = MISSING, None
            fields[name] = (Union[info.annotation, MISSING], optional)  # noqa: UP007  # the annotation is a value here
    return create_model(f"{create.__name__}Choice", __base__=Input, **fields)


class AccountChoice(_choosing(AccountCreate)):  # type: ignore[misc]  # the base is derived, not written
    """The `id` of an account that there is, or fields of a new one."""

    id: UUID | MISSING = Field(MISSING, description="An account that there is: its empty fields are filled.")


class ContactChoice(_choosing(ContactCreate, "account_id")):  # type: ignore[misc]  # the base is derived, not written
    """The `id` of a contact that there is, or fields of a new one."""

    id: UUID | MISSING = Field(MISSING, description="A contact that there is: its empty fields are filled.")


class OpportunityChoice(_choosing(OpportunityCreate, "account_id", "primary_contact_id")):  # type: ignore[misc]  # the base is derived, not written
    """Fields of the opportunity."""


_OF_NOTHING: JsonDict = {
    "properties": {name: {"type": "null"} for name in ("account", "contact", "opportunity")},
    "required": ["account", "contact", "opportunity"],
}


class LeadConversion(Input):
    """What is left out is decided by the lead: see `GET /leads/{id}/conversion`. Null makes none, but not of all three."""

    model_config = ConfigDict(json_schema_extra={"not": _OF_NOTHING})

    account: AccountChoice | MISSING | None = MISSING
    contact: ContactChoice | MISSING | None = MISSING
    opportunity: OpportunityChoice | MISSING | None = MISSING
    owner_id: UUID | MISSING | None = Field(
        MISSING, description="The owner of what is created; left out, it is the owner of the lead."
    )


class MatchReason(BaseModel):
    code: str
    field: str
    detail: str
    points: int


class Match(BaseModel):
    id: UUID
    title: str
    score: int = Field(description="At most 100; the points of its reasons together.")
    reasons: list[MatchReason]


class Proposal(BaseModel):
    """`use` is what a conversion without a choice takes; null where it creates one, from `values`, or none."""

    model_config = ConfigDict(validate_by_name=True)

    use: UUID | None
    values: dict[str, Any] | None
    matches: list[Match]


class ConversionPreview(BaseModel):
    """What a conversion without any choice would make of the lead now."""

    account: Proposal
    contact: Proposal
    opportunity: Proposal
