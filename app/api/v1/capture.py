"""Forms on the web and what was sent by them, for those who have a key. The forms themselves are in `app/api/pages/forms.py`."""

from app.api.answer import JSON, Answer, Headers
from app.api.edge import Call
from app.api.parameters import PREFER
from app.api.records import record_router
from app.api.route import READING, ApiRoute
from app.api.shapes import TIME
from app.domain.capture.objects import LEAD_SUBMISSION
from app.domain.capture.schemas import Confirmation
from app.domain.capture.service import LeadFormService, LeadSubmissionService
from app.domain.kernel.errors import Conflict
from app.domain.registry import CATALOG

UNCACHED: Headers = [*JSON, (b"cache-control", b"no-store")]


async def get_confirmation(call: Call) -> Answer:
    call.options()
    found = await LeadSubmissionService(call.session).confirmation(call.id, call.settings.public_url)
    return Answer(200, found.model_dump_json(by_alias=True).encode(), UNCACHED)


lead_forms = record_router(LeadFormService, CATALOG)
lead_submissions = (
    *record_router(LeadSubmissionService, CATALOG),
    ApiRoute(
        method="GET",
        path=f"/{LEAD_SUBMISSION.plural}/{{id}}/confirmation",
        name="get_leadSubmission_confirmation",
        summary="Show what confirms one leadSubmission",
        description="The address and the link, for the mail that asks for a confirmation. For administrators: whoever "
        "has the link can confirm. 409 once nothing is to be confirmed.",
        tag=LEAD_SUBMISSION.plural,
        permission="admin",
        handler=get_confirmation,
        errors=(*READING, Conflict),
        shows=Confirmation,
        example={
            "email": "grace@acme.example",
            "url": "https://crm.example.com/forms/Zm9ybS1rZXktb2YtYS1mb3Jt/confirm/AZrRwHtB",
            "expiresAt": TIME,
        },
        parameters=(PREFER,),
    ),
)
