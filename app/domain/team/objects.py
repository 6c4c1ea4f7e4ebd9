from app.domain.kernel.object_type import ObjectType, Reference
from app.domain.team.models import OpportunityContact, OpportunityMember
from app.domain.team.schemas import (
    OpportunityContactCreate,
    OpportunityContactRead,
    OpportunityMemberCreate,
    OpportunityMemberRead,
)

OPPORTUNITY_CONTACT = ObjectType(
    name="opportunityContact",
    plural="opportunity-contacts",
    model=OpportunityContact,
    create=OpportunityContactCreate,
    read=OpportunityContactRead,
    example={
        "opportunityId": "019ad1c0-7b52-7c11-8a40-5d6e7f809103",
        "role": "economicBuyer",
        "note": "Signs from 10 000 on",
    },
    filterable=frozenset({"opportunity_id", "contact_id", "role"}),
    sortable=frozenset({"role"}),
    references={
        "opportunity_id": Reference("opportunity", inverse="contacts"),
        "contact_id": Reference("contact", inverse="opportunityRoles"),
    },
    unique_together=("opportunity_id", "contact_id"),
)
OPPORTUNITY_MEMBER = ObjectType(
    name="opportunityMember",
    plural="opportunity-members",
    model=OpportunityMember,
    create=OpportunityMemberCreate,
    read=OpportunityMemberRead,
    example={
        "opportunityId": "019ad1c0-7b52-7c11-8a40-5d6e7f809104",
        "role": "salesEngineer",
        "splitPercent": "0.25",
    },
    filterable=frozenset({"opportunity_id", "user_id", "role", "split_percent"}),
    sortable=frozenset({"role", "split_percent"}),
    references={
        "opportunity_id": Reference("opportunity", inverse="team"),
        "user_id": Reference("user", inverse="opportunityRoles"),
    },
    unique_together=("opportunity_id", "user_id"),
)
