"""Texts that stand for values of another type: dates, timestamps, durations, ids and time zones."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.limits import MAX_DURATION_DAYS
from app.domain.kernel.expression.syntax import Literal
from app.domain.kernel.expression.tree import Type

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_DURATION = re.compile(r"(-?)(?=[0-9])(?:([0-9]{1,7})d)?(?:([0-9]{1,8})h)?(?:([0-9]{1,10})m)?(?:([0-9]{1,12})s)?")
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EARLIEST, _LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_ZONE = re.compile(r"UTC|[A-Z][A-Za-z]+(/[A-Z][A-Za-z0-9_+-]+){1,2}")  # no files that lie beside the zones


def _date(written: str) -> date:
    if not _DATE.fullmatch(written):
        raise ValueError
    return date.fromisoformat(written)


def _timestamp(written: str) -> datetime:
    if not _TIMESTAMP.fullmatch(written):
        raise ValueError
    value = datetime.fromisoformat(written).astimezone(UTC)
    if not _EARLIEST <= value < _LATEST:
        raise ValueError
    return value


def _duration(written: str) -> timedelta:
    match = _DURATION.fullmatch(written)
    if match is None:
        raise ValueError
    sign, *parts = match.groups(default="0")
    days, hours, minutes, seconds = map(int, parts)
    value = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if value > timedelta(days=MAX_DURATION_DAYS):
        raise ValueError
    return -value if sign == "-" else value


READERS: Mapping[str, tuple[Type, Callable[[str], Any], str]] = {
    "date": (Type.date, _date, 'a day such as date("2026-11-01")'),
    "timestamp": (Type.timestamp, _timestamp, 'a moment with its offset such as timestamp("2026-11-01T09:30:00Z")'),
    "duration": (
        Type.duration, _duration, f'days, hours, minutes and seconds such as duration("1d12h"), up to {MAX_DURATION_DAYS} d'
    ),
}  # fmt: skip


def read(function: str, literal: Literal) -> Any:
    """The value of `date("...")`, `timestamp("...")` or `duration("...")`."""
    type_, reader, form = READERS[function]
    try:
        return reader(str(literal.value))
    except (ValueError, OverflowError) as error:
        raise _wrong(literal, f"This is no {type_} of the calendar; write {form}.", type_) from error


def identifier(literal: Literal) -> UUID:
    written = str(literal.value)
    if not _ID.fullmatch(written):
        raise _wrong(literal, "An id is a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057.", Type.id)
    return UUID(written)


def zone(literal: Literal) -> str:
    name = str(literal.value)
    if not _ZONE.fullmatch(name) or not _is_known(name):
        raise _wrong(literal, 'Name a zone of the IANA database such as "Europe/Berlin" or "UTC".', "time zone")
    return name


@lru_cache(1_000)
def _is_known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _wrong(literal: Literal, message: str, expected: str) -> ExpressionError:
    found = str(literal.value)[:40]
    return ExpressionError("wrongValue", message, literal.start, literal.end, found=found, expected=expected)
