from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.domain.kernel.schemas import INT_MAX, Timestamp


class _Shown(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class WorkDepth(_Shown):
    """What is to be done of one kind of work."""

    kind: str
    due: int = Field(ge=0, le=INT_MAX, description="Could be begun now.")
    later: int = Field(ge=0, le=INT_MAX, description="Waits for its time, after a failure or as it was planned.")
    in_progress: int = Field(ge=0, le=INT_MAX)
    parked: int = Field(ge=0, le=INT_MAX, description="Has failed too often: somebody has to look.")
    oldest_due_seconds: float = Field(ge=0, description="For how long the oldest that is due has been so.")


class ParkedRead(_Shown):
    """Work that nobody tries any more until it is replayed."""

    id: UUID
    kind: str
    key: str
    target: str
    attempts: int = Field(ge=0, le=INT_MAX)
    error: str | None = Field(description="What the last attempt ended with.")
    payload: dict[str, Any] = Field(description="The ids of what it is about.")
    cause_event_id: UUID | None
    created_at: Timestamp
