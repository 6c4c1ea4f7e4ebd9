"""An expression over a record in memory, against the lambda that somebody would write by hand."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from statistics import median
from typing import Any
from uuid import UUID

from app.domain.kernel.actor import Actor, Role
from app.domain.kernel.expression.checker import Profile, check
from app.domain.kernel.expression.memory import Row, evaluator
from app.domain.registry import CATALOG, SCHEMA
from bench.fill import Data
from bench.report import Line
from bench.servers import Place

ROUNDS, TIMES, TARGET = 9, 100_000, 2.5
_NOBODY = UUID(int=0)
_ACTOR = Actor(_NOBODY, _NOBODY, _NOBODY, Role.member, frozenset({"admin"}), 1)
_RECORD = Row(stage="proposal", amount=Decimal("120000.00"), amount_currency="EUR", probability=60, name="Engine")
_SCOPE: dict[str, Any] = {}
Holds = Callable[[Any], bool]

CASES: tuple[tuple[str, Holds], ...] = (
    ('stage == "proposal"', lambda one: one["stage"] == "proposal"),
    (
        'stage == "proposal" && probability >= 50',
        lambda one: one["stage"] == "proposal" and one["probability"] is not None and one["probability"] >= 50,
    ),
    (
        '(stage in ["proposal", "engaging"] || probability > 80) && name != "Acme"',
        lambda one: (
            (one["stage"] in ("proposal", "engaging") or (one["probability"] is not None and one["probability"] > 80))
            and one["name"] != "Acme"
        ),
    ),
)


def expressions(_: Place, __: Data) -> Iterator[Line]:
    ratios, by_hand, ours = [], [], []
    for text, written in CASES:
        expression = check(text, CATALOG["opportunity"], SCHEMA, _ACTOR, Profile.event).expression
        holds = evaluator(expression.shape, expression.arguments)
        if holds(_RECORD, _SCOPE) is not written(_RECORD):
            raise SystemExit(f"{text} does not mean what its lambda does")
        turns = [(_seconds(written, _RECORD), _seconds(holds, _RECORD, _SCOPE)) for _ in range(ROUNDS)]
        ratios.append(median(own / hand for hand, own in turns))
        by_hand.append(median(hand for hand, _ in turns))
        ours.append(median(own for _, own in turns))
    yield Line(
        work="expression in memory",
        limit=" / ".join(f"{one / TIMES * 1e9:.0f}" for one in by_hand) + " ns",
        product=" / ".join(f"{one / TIMES * 1e9:.0f}" for one in ours) + " ns",
        values=ratios,
        target=TARGET,
    )


def _seconds(run: Callable[..., Any], *given: Any) -> float:
    times = range(TIMES)
    begun = time.process_time()
    for _ in times:
        run(*given)
    return time.process_time() - begun
