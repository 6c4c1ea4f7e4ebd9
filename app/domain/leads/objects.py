from app.domain.kernel.likeness import Employer, Likeness, MatchedBy, Resembles
from app.domain.kernel.object_type import ObjectType, Reference
from app.domain.leads.models import Lead
from app.domain.leads.schemas import LeadCreate, LeadRead

LEAD = ObjectType(
    name="lead",
    plural="leads",
    model=Lead,
    create=LeadCreate,
    read=LeadRead,
    example={
        "firstName": "Grace",
        "lastName": "Hopper",
        "company": "Acme",
        "title": "Head of Research",
        "email": "grace@acme.example",
        "source": "web",
    },
    filterable=frozenset(
        {
            "first_name",
            "last_name",
            "company",
            "title",
            "email",
            "phone",
            "country",
            "industry",
            "employees",
            "source",
            "rating",
            "status",
            "disqualified_reason",
            "recycle_on",
            "do_not_email",
            "do_not_call",
            "consent_at",
            "confirmed_at",
            "score",
            "queue_id",
            "assigned_at",
            "first_response_due_at",
            "first_responded_at",
            "escalated_at",
            "escalation_level",
            "escalated_to_id",
            "converted_at",
            "converted_account_id",
            "converted_contact_id",
            "converted_opportunity_id",
        }
    ),
    sortable=frozenset({"last_name", "company", "status", "score", "first_response_due_at"}),
    phones=("phone",),
    countries=("country",),
    searchable=("first_name", "last_name", "company", "email", "phone"),
    title=("first_name", "last_name", "company"),
    matched_by=(
        MatchedBy(Likeness.email, ("email",)),
        MatchedBy(Likeness.phone, ("phone",)),
        MatchedBy(Likeness.person, ("first_name", "last_name")),
    ),
    resembles=(
        Resembles(
            "contact",
            {"first_name": "first_name", "last_name": "last_name", "email": "email", "phone": "phone"},
            employer=Employer("account_id", "name", ours="company"),
            became="converted_contact_id",
        ),
    ),
    references={
        "escalated_to_id": Reference("user"),
        "queue_id": Reference("queue"),
        "converted_account_id": Reference("account"),
        "converted_contact_id": Reference("contact"),
        "converted_opportunity_id": Reference("opportunity"),
    },
)
