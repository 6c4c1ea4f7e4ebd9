from app.api.records import record_router
from app.domain.pipeline.service import OpportunityService, ProductService
from app.domain.registry import CATALOG

opportunities = record_router(OpportunityService, CATALOG)
products = record_router(ProductService, CATALOG)
