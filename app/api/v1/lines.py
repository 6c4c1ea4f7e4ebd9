"""Lines of opportunities, and what they come to."""

from app.api.answer import JSON, Answer
from app.api.edge import Call
from app.api.parameters import PREFER
from app.api.records import record_router
from app.api.route import READING, ApiRoute
from app.domain.lines.objects import OPPORTUNITY_LINE
from app.domain.lines.schemas import TOTALS, TotalsRead
from app.domain.lines.service import OpportunityLineService
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.registry import CATALOG


async def get_totals(call: Call) -> Answer:
    call.options()
    return Answer(200, await OpportunityLineService(call.session).totals(call.id), JSON)


opportunity_lines = (
    *record_router(OpportunityLineService, CATALOG),
    ApiRoute(
        method="GET",
        path=f"/{OPPORTUNITY.plural}/{{id}}/totals",
        name="get_opportunity_totals",
        summary="Get what the lines of an opportunity come to",
        description="The tax is computed for each rate on the sum of its lines and rounded once, as on an invoice; so it may "
        "differ by a unit from the sum of the lines' own.",
        tag=OPPORTUNITY.plural,
        permission=OPPORTUNITY_LINE.scope("read"),
        handler=get_totals,
        errors=READING,
        shows=TotalsRead,
        example=TOTALS,
        parameters=(PREFER,),
    ),
)
