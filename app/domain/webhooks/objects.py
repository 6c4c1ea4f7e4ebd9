from app.domain.kernel.actor import Role
from app.domain.kernel.object_type import ObjectType
from app.domain.webhooks.models import WebhookEndpoint
from app.domain.webhooks.schemas import WebhookEndpointCreate, WebhookEndpointRead

WEBHOOK_ENDPOINT = ObjectType(
    name="webhookEndpoint",
    plural="webhook-endpoints",
    model=WebhookEndpoint,
    create=WebhookEndpointCreate,
    read=WebhookEndpointRead,
    example={
        "name": "Data warehouse",
        "url": "https://example.com/hook",
        "eventTypes": ["opportunity.created", "opportunity.updated"],
        "filter": "isNew() || changed(ownerId)",
    },
    filterable=frozenset({"name", "url", "payload", "disabled"}),
    sortable=frozenset({"name", "url"}),
    searchable=("name", "url", "description"),
    title=("name",),
    written_by=Role.admin,
)
