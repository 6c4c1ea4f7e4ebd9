"""How a deal is shared out."""

from decimal import Decimal

from app.domain.kernel.errors import Conflict, refused

WHOLE = Decimal(100)


def refuse_over(split: Decimal, others: Decimal) -> None:
    """`others` is what the rest of the team has together."""
    left = max(WHOLE - others, Decimal(0))
    if split > left:
        shown = f"{left.normalize():f}"
        message = f"The splits of an opportunity come to 100 at most: {shown} is left."
        raise refused(Conflict, "/splitPercent", "splitsOver100", message, left=shown)
