from pydantic import Field

from app.domain.kernel.likeness import OnDuplicate
from app.domain.kernel.schemas import Input

USUAL_SCORE = 85


class DuplicatePolicyChange(Input):
    action: OnDuplicate = Field(description="`warn` counts them in the header Duplicates; `block` answers 409.")
    least_score: int = Field(USUAL_SCORE, ge=1, le=100, description="Candidates with a lower score do not count.")
