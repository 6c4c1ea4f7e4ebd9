from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.domain.kernel.schemas import INT_MAX, Timestamp

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class _Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class JobFault(_Shown):
    pointer: str
    code: str
    message: str
    params: dict[str, Any]


class JobProblem(_Shown):
    """A problem as a request is answered with, but for the id of a request."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[JobFault]


class JobRead(_Shown):
    """What goes on behind an answer 202. It is kept for 30 days after its end."""

    id: UUID
    kind: str
    state: JobState
    done: int = Field(ge=0, le=INT_MAX, description="How much of `total` is done; it is never done twice.")
    total: int | None = Field(description="null while that is not known.")
    result: dict[str, Any] | None = Field(description="Of a job that has succeeded; what is in it, its kind says.")
    error: JobProblem | None = Field(description="Why it has failed. What was done before that stays done.")
    created_at: Timestamp
    created_by: UUID
    started_at: Timestamp | None
    finished_at: Timestamp | None
