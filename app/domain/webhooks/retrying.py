"""When a delivery that failed is tried again: ten attempts over 75 hours, by the plan of the specification."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

_HOUR: Final = 3600.0
PAUSES_S: Final = (0.0, 5.0, 300.0, *(hours * _HOUR for hours in (0.5, 2, 5, 10, 14, 20, 24)))
"""Before each attempt; the first is due at once."""
ATTEMPTS: Final = len(PAUSES_S)
JITTER: Final = 0.2
LONGEST_WISH_S: Final = 24 * _HOUR
_SECONDS: Final = re.compile(r"[0-9]+", re.ASCII)


class Verdict(StrEnum):
    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"  # the receiver wants no more of this or anything else


def verdict(status: int | None) -> Verdict:
    """None is no answer. A redirect is a failure: it is never followed."""
    if status == 410:
        return Verdict.GONE
    return Verdict.DELIVERED if status is not None and 200 <= status < 300 else Verdict.FAILED


def pause_s(attempts: int, random: float, wish_s: float = 0.0) -> float | None:
    """How long after so many failed attempts the next is due; None where the plan is used up.

    `random` in [0, 1) spreads what failed together. The receiver's wish counts where it is later than the plan.
    """
    if attempts >= ATTEMPTS:
        return None
    planned = PAUSES_S[attempts] * (1 + JITTER * (2 * random - 1))
    return max(planned, min(wish_s, LONGEST_WISH_S))


def wish_s(retry_after: str | None, now: datetime) -> float:
    """What `Retry-After` asks for, in seconds or as a date; 0 where it asks for nothing that can be read."""
    if retry_after is None:
        return 0.0
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_WISH_S)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    until = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), LONGEST_WISH_S)
