from app.domain.kernel.actor import Role
from app.domain.kernel.object_type import ObjectType
from app.domain.scoring.models import ScoringModel
from app.domain.scoring.schemas import BEHAVIOURS, RULES, THRESHOLDS, ScoringModelCreate, ScoringModelRead

SCORING_MODEL = ObjectType(
    name="scoringModel",
    plural="scoring-models",
    model=ScoringModel,
    create=ScoringModelCreate,
    read=ScoringModelRead,
    example={"name": "Inbound", "rules": RULES, "behaviours": BEHAVIOURS, "thresholds": THRESHOLDS},
    filterable=frozenset({"name", "active"}),
    sortable=frozenset({"name"}),
    searchable=("name",),
    title=("name",),
    written_by=Role.admin,
    default_sort="name",
)
