"""What one code serves for every object is tried thoroughly at one of them, and at the others as far as they differ."""

from functools import cache

from app.api.records import record_router
from app.api.route import ApiRoute
from app.domain.accounts.service import ContactService
from app.domain.registry import CATALOG, OBJECT_TYPES
from app.main import openapi_text

THOROUGHLY_AT = ContactService.kind.plural
OBJECTS = {kind.plural for kind in OBJECT_TYPES}
REPEATED_EXAMPLES = 4  # beside the fifteen of what has code of its own
SHARED = {
    (route.method, route.path.removeprefix(f"/{THOROUGHLY_AT}")) for route in record_router(ContactService, CATALOG)
}


def is_repeated(route: ApiRoute) -> bool:
    """Its code is tried at another object."""
    if route.tag not in OBJECTS or route.tag == THOROUGHLY_AT:
        return False
    return (route.method, route.path.removeprefix(f"/{route.tag}")) in SHARED


@cache
def document_text() -> str:
    """When the first test asks: writing the document takes a second, and whoever collects tests needs none."""
    return openapi_text()
