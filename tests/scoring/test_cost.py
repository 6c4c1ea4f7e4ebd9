"""What scoring costs a lead that is created, in CPU time of the product; -s prints it."""

from collections.abc import Awaitable, Callable
from time import process_time
from typing import Any

import pytest

from app.domain.scoring.service import ScoringService
from tests.factories.leads import make_lead
from tests.factories.scoring import make_scoring_model, scoring_rule
from tests.world import Client, World

ROUNDS, LEADS = 20, 8
RULES = [scoring_rule(f'country == "C{n}" || employees > {n * 100}', 1 + n, f"rule{n}") for n in range(20)]


async def least(acts: list[Callable[[], Awaitable[Any]]]) -> list[float]:
    """Of several rounds, taken in turns, what each costs in the cheapest: in microseconds."""
    cheapest = [float("inf")] * len(acts)
    for _ in range(ROUNDS):
        for place, act in enumerate(acts):
            begun = process_time()
            for _ in range(LEADS):
                await act()
            cheapest[place] = min(cheapest[place], (process_time() - begun) / LEADS * 1e6)
    return cheapest


async def test_a_model_of_twenty_rules_costs_less_than_two_more_leads(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored, follow = await world.tenant(), ScoringService.follow
    await make_scoring_model(scored, rules=RULES)

    async def nothing(*_: Any) -> tuple[int, tuple[()]]:
        return 0, ()

    async def create(to: Client, following: Any) -> None:
        monkeypatch.setattr(ScoringService, "follow", following)
        await make_lead(to, employees=1_050)

    acts = [lambda: create(client, nothing), lambda: create(client, follow), lambda: create(scored, follow)]
    without, no_model, twenty = await least(acts)
    print(  # noqa: T201  # what the test is for
        f"us for a lead: {without:.0f} without scoring, {no_model:.0f} without a model, {twenty:.0f} by 20 rules"
    )
    assert twenty < 3 * no_model
