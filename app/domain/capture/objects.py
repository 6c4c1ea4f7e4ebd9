from app.domain.capture.models import LeadForm, LeadSubmission
from app.domain.capture.schemas import LeadFormCreate, LeadFormRead, LeadSubmissionCreate, LeadSubmissionRead
from app.domain.kernel.actor import Role
from app.domain.kernel.object_type import ObjectType, Reference

LEAD_FORM = ObjectType(
    name="leadForm",
    plural="lead-forms",
    model=LeadForm,
    create=LeadFormCreate,
    read=LeadFormRead,
    example={
        "name": "Contact us",
        "fields": [
            {"field": "lastName", "label": "Your name", "required": True, "kind": "text", "options": []},
            {"field": "email", "label": "Email", "required": True, "kind": "email", "options": []},
            {
                "field": "description",
                "label": "How can we help?",
                "required": False,
                "kind": "longText",
                "options": [],
            },
        ],
        "consentText": "You may write to me about your products.",
        "source": "website",
    },
    filterable=frozenset({"name", "source", "disabled", "double_opt_in"}),
    sortable=frozenset({"name"}),
    searchable=("name", "title"),
    title=("name",),
    written_by=Role.admin,
)
LEAD_SUBMISSION = ObjectType(
    name="leadSubmission",
    plural="lead-submissions",
    model=LeadSubmission,
    create=LeadSubmissionCreate,
    read=LeadSubmissionRead,
    example={
        "answers": {"lastName": "Hopper", "company": "Acme", "email": "grace@acme.example"},
        "source": "trade fair",
        "consentText": "You may write to me about your products.",
    },
    filterable=frozenset({"source", "form_id", "state", "lead_id", "consent_at", "confirmed_at", "expires_at"}),
    sortable=frozenset({"source"}),
    references={"form_id": Reference("leadForm")},
    written_by=Role.admin,
)
