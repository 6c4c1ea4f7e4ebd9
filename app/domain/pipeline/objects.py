from app.domain.kernel.object_type import ObjectType, Reference
from app.domain.pipeline.models import Opportunity, Product
from app.domain.pipeline.schemas import OpportunityCreate, OpportunityRead, ProductCreate, ProductRead

PRODUCT = ObjectType(
    name="product",
    plural="products",
    model=Product,
    create=ProductCreate,
    read=ProductRead,
    example={"name": "GTX Basic", "family": "GTX", "listPrice": {"amount": "550.00", "currency": "USD"}},
    filterable=frozenset({"name", "family", "list_price"}),
    sortable=frozenset({"name", "list_price"}),
    searchable=("name", "family"),
    title=("name",),
)
OPPORTUNITY = ObjectType(
    name="opportunity",
    plural="opportunities",
    model=Opportunity,
    create=OpportunityCreate,
    read=OpportunityRead,
    example={
        "name": "Acme - GTX Basic",
        "stage": "engaging",
        "amount": {"amount": "1100.00", "currency": "USD"},
        "closeDate": "2026-12-31",
    },
    filterable=frozenset(
        {
            "name",
            "account_id",
            "primary_contact_id",
            "product_id",
            "stage",
            "amount",
            "close_date",
            "engage_date",
            "probability",
        }
    ),
    sortable=frozenset({"name", "amount", "close_date", "stage"}),
    searchable=("name",),
    title=("name",),
    references={
        "account_id": Reference("account", inverse="opportunities"),
        "primary_contact_id": Reference("contact", inverse="opportunities"),
        "product_id": Reference("product", inverse="opportunities"),
    },
)
