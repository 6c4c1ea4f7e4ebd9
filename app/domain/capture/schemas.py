from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.domain.kernel.schemas import (
    MAX_TEXT,
    Input,
    Label,
    Limits,
    Name,
    RecordInput,
    RecordRead,
    Text,
    Timestamp,
)
from app.domain.leads.schemas import Utm

HTTPS = r"^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?(/[!-~]*)?$"
ORIGIN = r"^(https://[a-z0-9.-]{1,253}|http://(localhost|127\.0\.0\.1))(:[0-9]{1,5})?$"
LeadField = Literal[
    "firstName",
    "lastName",
    "company",
    "title",
    "email",
    "phone",
    "website",
    "country",
    "industry",
    "employees",
    "description",
]
QuestionKind = Literal["text", "longText", "email", "phone", "url", "number", "choice"]
SubmissionState = Literal["pending", "accepted", "expired"]


class Question(BaseModel):
    """One input of a form, and the field of the lead that its answer becomes."""

    model_config = ConfigDict(extra="forbid")

    field: LeadField
    label: Name
    required: bool = False
    kind: QuestionKind = "text"
    options: list[Name] = Field(default_factory=list, max_length=100, description="Of a choice: what can be chosen.")


def _plain(questions: list[Question]) -> list[dict[str, Any]]:
    """As the database keeps them and events tell them."""
    return [one.model_dump() for one in questions]


Questions = Annotated[list[Question], Field(min_length=1, max_length=20), AfterValidator(_plain)]
Answers = dict[LeadField, Annotated[str, Limits(MAX_TEXT, min_length=1)]]

_EMAIL = {"field": "email", "label": "Email", "required": True, "kind": "email", "options": []}
_NAME = {"field": "lastName", "label": "Name", "required": True, "kind": "text", "options": []}
_SIZE = {"field": "employees", "label": "Employees", "required": False, "kind": "number", "options": []}


class LeadFormCreate(RecordInput):
    """Leads belong to the owner of the form; without one, to whom the assignment rules choose."""

    name: Name
    title: Name | None = Field(None, description="What stands above the form; its name where this is empty.")
    introduction: Text | None = None
    fields: Questions = Field(
        description="What is asked, in this order. One of lastName, company and email has to be required.",
        examples=[[_EMAIL], [_EMAIL, _NAME], [_NAME, _EMAIL, _SIZE]],
    )
    consent_text: Annotated[str, Limits(2000, min_length=1)] | None = Field(
        None, description="What must be agreed to; without agreement nothing is taken."
    )
    source: Label | None = Field(None, description="The source of its leads.")
    thanks_text: Text | None = None
    redirect_url: Annotated[str, Limits(500, pattern=HTTPS)] | None = Field(
        None,
        description="Where the browser goes instead of the page that thanks.",
        examples=["https://example.com/thanks", "https://example.com/welcome?from=form"],
    )
    allowed_origins: list[Annotated[str, Limits(300, pattern=ORIGIN)]] = Field(
        default_factory=list,
        max_length=20,
        description="Pages of these origins may show the form in a frame and post to it by script.",
        examples=[["https://example.com"], ["https://www.example.com", "http://localhost:8080"], []],
    )
    double_opt_in: bool = Field(
        default=False, description="Whether a lead comes into being only when its address was confirmed."
    )
    proof_of_work_bits: int = Field(
        16,
        ge=0,
        le=22,
        description="How hard a script has to calculate before it may post: one bit more is twice the work.",
        examples=[0, 16, 18],
    )
    disabled: bool = False


class LeadFormRead(RecordRead):
    name: str
    title: str | None
    introduction: str | None
    fields: list[Question]
    consent_text: str | None
    source: str | None
    thanks_text: str | None
    redirect_url: str | None
    allowed_origins: list[str]
    double_opt_in: bool
    proof_of_work_bits: int
    disabled: bool
    form_key: str = Field(
        description="Its page is /forms/{formKey}. Whoever knows the key may post.",
        examples=["Zm9ybS1rZXktb2YtYS1mb3Jt"],
    )


class LeadSubmissionCreate(RecordInput):
    """What was sent elsewhere, kept for its consent. Only what comes by a form makes a lead."""

    answers: Answers = Field(
        description="By field of the lead; one of lastName, company and email has to be among them.",
        examples=[
            {"lastName": "Hopper", "email": "grace@acme.example"},
            {"company": "Acme", "employees": "120"},
            {"lastName": "Lovelace"},
        ],
    )
    source: Label | None = None
    utm: Utm | None = Field(
        None,
        description="The campaign that led there. A PATCH replaces it as a whole.",
        examples=[{"source": "newsletter", "medium": "email"}, {"source": "search", "campaign": "spring"}],
    )
    referrer: Text | None = Field(None, description="The page from which the person came.")
    page: Text | None = Field(None, description="The page that showed the form.")
    consent_text: Annotated[str, Limits(2000, min_length=1)] | None = Field(
        None, description="What the person agreed to, word by word."
    )


class LeadSubmissionRead(RecordRead):
    answers: dict[str, str] = Field(description="None of one that is pending or expired.")
    source: str | None
    utm: dict[str, str] | None
    referrer: str | None
    page: str | None
    consent_text: str | None
    form_id: UUID | None = Field(description="The form by which it came, if it came by one.")
    form_version: int | None = Field(description="The version of the form that the person saw agreed to.")
    state: SubmissionState = Field(
        description="`pending` until the address is confirmed, and `expired` if it never was.", examples=["accepted"]
    )
    lead_id: UUID | None = Field(description="The lead that it made, or whose it is; it may be gone by now.")
    consent_at: Timestamp | None
    confirmed_at: Timestamp | None
    expires_at: Timestamp | None = Field(description="Until then a pending one can be confirmed.")


class Confirmation(BaseModel):
    """What the mail needs that asks for a confirmation."""

    email: str
    url: str = Field(description="A page with a button. It works until `expiresAt`, and once.")
    expires_at: Timestamp = Field(alias="expiresAt")


class Posted(Input):
    """A submission as a script of another site posts it."""

    ticket: Annotated[str, Limits(200)]
    proof: Annotated[str, Limits(20, pattern=r"^[0-9]*$")] = ""
    answers: dict[Annotated[str, Limits(100)], Annotated[str, Limits(MAX_TEXT)]] = Field(max_length=40)
    consent: bool = False
    subject: Annotated[str, Limits(200)] = Field("", description="No person sees this: who fills it in is none.")
    utm: Utm | None = None
    referrer: Text | None = None
    page: Text | None = None
