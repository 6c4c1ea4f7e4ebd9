from app.domain.kernel.object_type import ObjectType
from app.domain.views.models import SavedView
from app.domain.views.schemas import SavedViewCreate, SavedViewRead

VIEW = ObjectType(
    name="view",
    plural="views",
    model=SavedView,
    create=SavedViewCreate,
    read=SavedViewRead,
    example={
        "name": "New this month",
        "object": "contact",
        "filter": 'createdAt >= timestamp("2026-11-01T00:00:00Z")',
        "columns": ["lastName", "email", "account.name"],
        "sort": "-createdAt",
        "shared": True,
    },
    filterable=frozenset({"name", "object", "shared"}),
    sortable=frozenset({"name", "object"}),
    searchable=("name",),
    title=("name",),
    shared_by="shared",
    default_sort="name",
)
