from app.domain.kernel.object_type import ObjectType, Reference
from app.domain.quoting.models import Quote
from app.domain.quoting.schemas import LINES, QuoteCreate, QuoteRead

QUOTE = ObjectType(
    name="quote",
    plural="quotes",
    model=Quote,
    create=QuoteCreate,
    read=QuoteRead,
    example={
        "opportunityId": "019ad1c0-7b52-7c11-8a40-5d6e7f809102",
        "name": "Acme - GTX Basic",
        "validUntil": "2099-12-31",
        "billingName": "Acme Ltd",
        "billingAddress": {"street": "1 High Street", "city": "Leeds", "postalCode": "LS1 4AP"},
        "terms": "30 days net.",
        "lines": LINES,
    },
    filterable=frozenset(
        {
            "name",
            "opportunity_id",
            "contact_id",
            "number",
            "status",
            "valid_until",
            "billing_name",
            "net",
            "total",
            "presented_on",
            "decided_at",
        }
    ),
    sortable=frozenset({"name", "number", "valid_until", "total"}),
    searchable=("name", "number", "billing_name"),
    title=("number", "name"),
    references={
        "opportunity_id": Reference("opportunity", inverse="quotes"),
        "contact_id": Reference("contact", inverse="quotes"),
    },
)
