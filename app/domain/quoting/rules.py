"""How the status of a quote may change, what a draft needs to be presented, and what its lines come to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from app.domain.kernel.errors import AppError, Conflict, Invalid, refused
from app.domain.kernel.money import Money
from app.domain.kernel.work import Family, WorkKind
from app.domain.lines.rules import LARGEST, Group, figures, refuse_other_currency, totals
from app.domain.quoting.schemas import QuoteLine, QuoteRead

EXPIRY = WorkKind(name="quote.expiry", family=Family.checks)
"""Due on the morning after the last day on which a quote can be accepted."""

DRAFT = "draft"
NEXT: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "draft": {"present": "presented"},
        "presented": {
            "accept": "accepted",
            "reject": "rejected",
            "expire": "expired",
            "supersede": "superseded",
            "revise": "presented",
        },
        "rejected": {"revise": "rejected", "supersede": "superseded"},
        "expired": {"revise": "expired", "supersede": "superseded"},
        "accepted": {},
        "superseded": {},
    }
)
"""By status, what each verb makes of it. A revision leaves the quote as it is, until the new one is presented."""
OF_TIME = frozenset({"expire", "supersede"})
"""Verbs that nobody calls: they happen."""
FREE = frozenset({"owner_id", "external_ids"})
FIGURES = ("subtotal", "discount", "net", "tax", "total")


def turned(status: str, verb: str) -> str:
    """The status that follows. Raises `Conflict`."""
    after = NEXT[status].get(verb)
    if after is None:
        allowed = sorted(NEXT[status].keys() - OF_TIME)
        told = f"one can {' or '.join(allowed)} it" if allowed else "nothing changes it any more"
        raise refused(
            Conflict, "/status", "illegalTransition", f"It is {status}: {told}.", before=status, allowed=allowed
        )
    return after


def refuse_edit(before: QuoteRead, fields: Collection[str]) -> None:
    """`fields` are those that a body sets."""
    if before.status != DRAFT and not FREE.issuperset(fields):
        message = f"It is {before.status}, and stays as the customer got it: revise it instead."
        raise Conflict(message, code="quoteFrozen")
    if before.number is not None and "opportunity_id" in fields:
        message = "A revision is of the same opportunity as the first: create a quote of the other one."
        raise refused(Conflict, "/opportunityId", "quoteNumbered", message)


def refuse_unready(quote: QuoteRead, today: date) -> None:
    """What a draft lacks to be presented."""
    if not quote.lines:
        raise refused(Invalid, "/lines", "noLines", "Give it a line at least: an empty quote offers nothing.")
    if quote.valid_until is None or quote.valid_until < today:
        message = "Say until when it holds: a day that has not passed."
        raise refused(Invalid, "/validUntil", "notValid", message, today=today.isoformat())


def refuse_late(quote: QuoteRead, today: date) -> None:
    """The work that makes it expire may come later than the morning of the day."""
    if quote.valid_until is not None and quote.valid_until < today:
        raise refused(Conflict, "/validUntil", "quoteExpired", "Its last day has passed: revise it.")


def worth(lines: Sequence[QuoteLine]) -> dict[str, Any]:
    """By column: what each line comes to, and all of them, as on an invoice."""
    found = [_figures(place, line, lines[0].unit_price.currency) for place, line in enumerate(lines)]
    groups: dict[Decimal, Group] = {}
    for line, one in zip(lines, found, strict=True):
        _put(groups, line, one)
    shown = totals(groups.values())
    sums = {name: _money(shown[name]) for name in FIGURES}
    if sums["total"] is not None and sums["total"].amount >= LARGEST:
        raise refused(Invalid, "/lines", "tooLarge", "A total has at most 15 digits before the point.")
    amounts = [{name: _shown(one[name]) for name in FIGURES} for one in found]
    return {"amounts": amounts, "taxes": shown["taxes"], "currency": shown["currency"], **sums}


def _figures(place: int, line: QuoteLine, currency: str) -> dict[str, Money]:
    try:
        refuse_other_currency(line.unit_price, currency, "/unitPrice")
        refuse_other_currency(line.discount_amount, currency, "/discountAmount")
        return figures(line, line.unit_price)
    except AppError as error:
        error.put_inside(f"lines/{place}")
        raise


def _put(groups: dict[Decimal, Group], line: QuoteLine, amounts: Mapping[str, Money]) -> None:
    rate = line.tax_rate_percent.normalize() + 0
    none = Group(line.unit_price.currency, Decimal(f"{rate:f}"), 0, Decimal(0), Decimal(0), Decimal(0))
    group = groups.get(rate, none)
    more = {name: getattr(group, name) + amounts[name].amount for name in ("subtotal", "discount", "net")}
    groups[rate] = replace(group, lines=group.lines + 1, **more)


def _money(shown: Mapping[str, str] | None) -> Money | None:
    return Money.model_construct(amount=Decimal(shown["amount"]), currency=shown["currency"]) if shown else None


def _shown(money: Money) -> dict[str, str]:
    return {"amount": f"{money.amount:f}", "currency": money.currency}
