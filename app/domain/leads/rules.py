"""What a lead must have, how its status may change, and how long it may wait for a first response."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic.alias_generators import to_camel

from app.domain.kernel.changes import Change
from app.domain.kernel.errors import AppError, Conflict, Fault, Invalid, refused
from app.domain.kernel.work import Family, WorkKind
from app.domain.leads.schemas import NAMES, LeadRead, LeadSettings

RESPONSE: Final = WorkKind(name="lead.response", family=Family.checks)
"""Due when nobody has responded to a lead in time."""
RECYCLE: Final = WorkKind(name="lead.recycle", family=Family.checks)
"""Due when a disqualified lead is to be new again."""

BEGINNING = {"score": 0, "escalation_level": 0}
LINKS = ("converted_account_id", "converted_contact_id", "converted_opportunity_id")
OPEN = ("new", "contacted", "qualified")
WAITING = ("new", "qualified")
RESPONDED = ("contacted", "converted")
RATINGS = (None, "cold", "warm", "hot")
NEXT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "new": ("contacted", "qualified", "disqualified", "converted"),
        "contacted": ("qualified", "disqualified", "converted"),
        "qualified": ("disqualified", "converted"),
        "disqualified": ("new",),
    }
)
_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9999, 12, 30)


def refuse(change: Change[LeadRead]) -> None:
    """Whatever a lead must not become, by whichever path."""
    before, after = change.before, change.after
    if before is not None and before.status == "converted":
        raise converted(before)
    if not any((getattr(after, name) or "").strip() for name in NAMES):
        message = "Give at least one of lastName, company and email: a lead without any is nobody."
        raise refused(Invalid, "/lastName", "nameless", message)
    if before is not None and before.status != after.status and after.status not in NEXT[before.status]:
        raise illegal(before.status, after.status)
    if after.status == "disqualified" and after.disqualified_reason is None:
        message = "Say why it is disqualified."
        raise refused(Invalid, "/disqualifiedReason", "missingReason", message)


def illegal(before: str, after: str) -> AppError:
    allowed = [one for one in NEXT[before] if one != "converted"]
    message = f"A lead that is {before} can become {' or '.join(allowed)}, but not {after}."
    return refused(Conflict, "/status", "illegalTransition", message, before=before, allowed=allowed)


def converted(lead: LeadRead) -> AppError:
    """With links to what it became."""
    message = "The lead is converted and cannot be changed any more: go on with what it became."
    links = [(name, getattr(lead, name)) for name in LINKS]
    faults = [
        Fault(f"/{to_camel(name)}", "leadConverted", "It became this record.", {"id": str(record_id)})
        for name, record_id in links
        if record_id is not None
    ]
    return Conflict(message, code="leadConverted", faults=faults)


def starts_waiting(change: Change[LeadRead]) -> bool:
    """Whether somebody has just got the lead and should respond to it: not who gets it because it goes up.

    That a lead is qualified is no response: its score may have done that.
    """
    after = change.after
    if after.status not in WAITING or after.owner_id is None:
        return False
    if change.before is None or _begins(change):
        return True
    given = "owner_id" in change.fields and "escalation_level" not in change.fields
    return given and after.first_responded_at is None


def is_waiting(lead: LeadRead) -> bool:
    return lead.status in WAITING and lead.first_responded_at is None and lead.first_response_due_at is not None


def following(change: Change[LeadRead], settings: LeadSettings | None, now: datetime) -> Mapping[str, Any]:
    """The fields that follow from the change. `settings` are those of a lead that starts waiting."""
    before, after = change.before, change.after
    values: dict[str, Any] = {}
    if "owner_id" in change.fields:
        values["assigned_at"] = now if after.owner_id else None
    if before is not None and _begins(change):
        values |= {"assigned_at": now if after.owner_id else None, "first_responded_at": None, "recycle_on": None}
    if settings is not None:
        values |= {"first_response_due_at": _due(settings, now), "escalation_level": 0}
        values |= {"escalated_at": None, "escalated_to_id": None}
    elif before is not None and is_waiting(before) and (after.owner_id is None or after.status == "disqualified"):
        values["first_response_due_at"] = None
    responds = "status" in change.fields and after.status in RESPONDED
    if before is not None and responds and before.first_responded_at is None:
        values["first_responded_at"] = now
    return values


def promoted(change: Change[LeadRead], reached: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the thresholds make of a lead that its score has just reached: only more than it is, and only while it is open."""
    before, after = change.before, change.after
    if after.status not in OPEN:
        return {}
    values: dict[str, Any] = {}
    for one in reached:
        status, rating = one["status"], one["rating"]
        from_here = status in NEXT[after.status]
        if from_here and (before is None or status in (before.status, *NEXT[before.status])):
            values["status"] = status
        if rating is not None and RATINGS.index(rating) > RATINGS.index(values.get("rating", after.rating)):
            values["rating"] = rating
    return values


def escalated(lead: LeadRead, above: UUID | None, settings: LeadSettings, now: datetime) -> Mapping[str, Any]:
    """What changes when nobody has responded: it is recorded who is told, who also gets it where the tenant says so."""
    values = {"escalation_level": lead.escalation_level + 1, "escalated_at": now, "escalated_to_id": above}
    return values | {"owner_id": above} if above and settings.escalation_reassigns else values


def escalates_again(lead: LeadRead, above: UUID | None, settings: LeadSettings, now: datetime) -> datetime | None:
    """When it goes up once more, if there is anybody above who has been told now."""
    more = above is not None and lead.escalation_level + 1 < settings.escalation_levels
    return _due(settings, now) if more else None


def morning(day: date | None, time_zone: str) -> datetime | None:
    """When the day begins there; of days before computers and after the calendar, when those begin or end."""
    if day is None:
        return None
    return datetime.combine(min(max(day, _FIRST_DAY), _LAST_DAY), time.min, ZoneInfo(time_zone))


def _begins(change: Change[LeadRead]) -> bool:
    return change.after.status == "new" and (change.before is None or change.before.status != "new")


def _due(settings: LeadSettings, now: datetime) -> datetime | None:
    minutes = settings.first_response_minutes
    return None if minutes is None else now + timedelta(minutes=minutes)
