from app.api.records import record_router
from app.domain.registry import CATALOG
from app.domain.views.service import ViewService

views = record_router(ViewService, CATALOG)
