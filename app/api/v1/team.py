"""Who is involved in an opportunity, on either side."""

from app.api.records import record_router
from app.domain.registry import CATALOG
from app.domain.team.service import OpportunityContactService, OpportunityMemberService

opportunity_contacts = record_router(OpportunityContactService, CATALOG)
opportunity_members = record_router(OpportunityMemberService, CATALOG)
