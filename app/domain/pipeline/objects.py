from app.domain.kernel.actor import Role
from app.domain.kernel.object_type import ObjectType, Reference
from app.domain.pipeline.models import Opportunity, Pipeline, Product
from app.domain.pipeline.schemas import (
    STAGES,
    OpportunityCreate,
    OpportunityRead,
    PipelineCreate,
    PipelineRead,
    ProductCreate,
    ProductRead,
)

PRODUCT = ObjectType(
    name="product",
    plural="products",
    model=Product,
    create=ProductCreate,
    read=ProductRead,
    example={"name": "GTX Basic", "family": "GTX", "listPrice": {"amount": "550.00", "currency": "USD"}},
    filterable=frozenset({"name", "family", "list_price", "sku", "unit", "discontinued_on"}),
    sortable=frozenset({"name", "list_price", "sku"}),
    unique=("sku",),
    searchable=("name", "family"),
    title=("name",),
)
PIPELINE = ObjectType(
    name="pipeline",
    plural="pipelines",
    model=Pipeline,
    create=PipelineCreate,
    read=PipelineRead,
    example={"name": "New business", "stages": STAGES, "overdue": {"remindAfterDays": 3, "closeLostAfterDays": 60}},
    filterable=frozenset({"name", "is_default"}),
    sortable=frozenset({"name"}),
    searchable=("name",),
    title=("name",),
    written_by=Role.admin,
    default_sort="name",
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
            "pipeline_id",
            "price_book_id",
            "lines_total",
            "stage",
            "status",
            "amount",
            "close_date",
            "engage_date",
            "probability",
            "probability_overridden",
            "forecast_category",
            "expected_amount",
            "stage_changed_at",
            "closed_at",
            "outcome_reason",
            "next_step",
            "stalled_since",
            "overdue_since",
        }
    ),
    sortable=frozenset({"name", "amount", "close_date", "stage"}),
    searchable=("name",),
    title=("name",),
    references={
        "account_id": Reference("account", inverse="opportunities"),
        "primary_contact_id": Reference("contact", inverse="opportunities"),
        "product_id": Reference("product", inverse="opportunities"),
        "pipeline_id": Reference("pipeline", inverse="opportunities"),
        "price_book_id": Reference("priceBook", inverse="opportunities"),
    },
)
