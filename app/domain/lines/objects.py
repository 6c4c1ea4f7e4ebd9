from app.domain.kernel.object_type import ObjectType, Reference
from app.domain.lines.models import OpportunityLine
from app.domain.lines.schemas import OpportunityLineCreate, OpportunityLineRead

OPPORTUNITY_LINE = ObjectType(
    name="opportunityLine",
    plural="opportunity-lines",
    model=OpportunityLine,
    create=OpportunityLineCreate,
    read=OpportunityLineRead,
    example={
        "opportunityId": "019ad1c0-7b52-7c11-8a40-5d6e7f809102",
        "description": "GTX Basic, first year",
        "quantity": "2",
        "unitPrice": {"amount": "520.00", "currency": "USD"},
        "discountPercent": "10",
        "taxRatePercent": "19",
    },
    filterable=frozenset({"opportunity_id", "product_id", "quantity", "position"}),
    sortable=frozenset({"position"}),
    references={
        "opportunity_id": Reference("opportunity", inverse="lines"),
        "product_id": Reference("product", inverse="lines"),
    },
    default_sort="position",
)
