from app.domain.pipeline.objects import OPPORTUNITY, PRODUCT
from app.domain.pipeline.schemas import OpportunityRead, ProductRead
from app.domain.records.service import RecordService


class ProductService(RecordService[ProductRead]):
    kind = PRODUCT


class OpportunityService(RecordService[OpportunityRead]):
    kind = OPPORTUNITY
