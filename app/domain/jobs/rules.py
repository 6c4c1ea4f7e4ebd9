"""The kind of due work that jobs are made of, and how a failure is told."""

from typing import Any, Final

from app.domain.kernel.errors import AppError, Conflict, Fault
from app.domain.kernel.work import Family, WorkKind

JOB: Final = WorkKind(name="job", family=Family.bulk)
"""One chunk of a job, whose id is the key."""

KEPT_FOR_DAYS: Final = 30


def problem_of(error: Exception) -> dict[str, Any]:
    """What is no refusal is told by no word of its own: its text may hold what nobody should see."""
    told = error if isinstance(error, AppError) else AppError("This is our fault. It has been logged.")
    return {
        "type": f"urn:rapport:problem:{told.code}",
        "title": told.title,
        "status": told.status,
        "detail": told.detail,
        "code": told.code,
        "errors": [_fault(one) for one in told.faults],
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {"pointer": fault.pointer, "code": fault.code, "message": fault.message, "params": dict(fault.params)}


ABANDONED: Final = problem_of(
    Conflict(
        "It was begun several times, and no worker came back from it: an administrator can look.", code="abandoned"
    )
)
