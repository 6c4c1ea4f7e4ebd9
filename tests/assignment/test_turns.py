"""Whose turn it is, against a plain model that shares no code with the product."""

from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from app.domain.assignment import rules
from app.domain.assignment.rules import Person, next_turn
from app.domain.kernel.ids import uuid7

HERE = Person(active=True, absent=False, open_records=0)
Choose = Callable[..., rules.Turn]


class Plain:
    """Every user has a purse. Who can have the next puts in nothing, gets their wage, and the richest pays all wages."""

    def __init__(self) -> None:
        self.purses: dict[str, int] = {}

    def next(self, shares: list[dict[str, Any]], able: list[str]) -> str | None:
        if not able:
            return None
        wages = {one["userId"]: one["weight"] for one in shares if one["userId"] in able}
        for user, wage in wages.items():
            self.purses[user] = self.purses.get(user, 0) + wage
        richest = max(wages, key=lambda user: (self.purses[user], -list(wages).index(user)))
        self.purses[richest] -= sum(wages.values())
        return richest


def _walk(seed: int, choose: Choose, turns: int = 300) -> None:
    """People come, go, are deactivated and fill up; product and model choose the same all along."""
    random = Random(seed)
    shares = [
        {"userId": str(uuid7()), "weight": random.randint(1, 9), "capacity": random.choice([None, None, 0, 3, 30])}
        for _ in range(random.randint(1, 8))
    ]
    states: dict[str, str] = {one["userId"]: "here" for one in shares}
    load: Counter[str] = Counter()
    plain, owed = Plain(), {}
    for _ in range(turns):
        if random.random() < 0.2:
            states[random.choice(shares)["userId"]] = random.choice(["here", "away", "inactive", "gone"])
        if random.random() < 0.3 and load:
            load[random.choice(list(load))] = 0
        people = {user: _person(state, load[user]) for user, state in states.items() if state != "gone"}
        able = [one["userId"] for one in shares if _can(one, states[one["userId"]], load)]
        turn = choose(shares, people, owed)
        assert turn.user_id == plain.next(shares, able)
        assert {one.user_id for one in turn.skipped} == {one["userId"] for one in shares} - set(able)
        assert sum(turn.credits.values()) == 0
        if turn.user_id:
            owed = turn.credits
            load[turn.user_id] += 1


def _person(state: str, load: int) -> Person:
    return Person(active=state != "inactive", absent=state == "away", open_records=load)


def _can(share: Mapping[str, Any], state: str, load: Mapping[str, int]) -> bool:
    return state == "here" and (share["capacity"] is None or load[share["userId"]] < share["capacity"])


def test_the_turns_are_those_of_a_plain_model(seed: int) -> None:
    for number in range(60):
        _walk(seed + number, next_turn)


@pytest.mark.parametrize("fault", ["pays too little", "ignores capacity", "forgets what it owes"])
def test_the_model_finds_a_planted_fault(fault: str) -> None:
    def broken(shares: list[Any], people: dict[str, Person], owed: Mapping[str, int]) -> rules.Turn:
        if fault == "ignores capacity":
            return next_turn([{**one, "capacity": None} for one in shares], people, owed)
        if fault == "forgets what it owes":
            return next_turn(shares, people, {})
        turn = next_turn(shares, people, owed)
        paid = {turn.user_id: turn.credits[turn.user_id] + 1} if turn.user_id else {}
        return rules.Turn(turn.user_id, {**turn.credits, **paid}, turn.skipped)

    with pytest.raises(AssertionError):
        _walk(1, broken, turns=3_000)


def test_a_round_gives_everybody_exactly_their_weight(seed: int) -> None:
    random = Random(seed)
    for _ in range(50):
        shares = [{"userId": str(uuid7()), "weight": random.randint(1, 20)} for _ in range(random.randint(1, 9))]
        people, owed, got = {one["userId"]: HERE for one in shares}, {}, Counter()
        total = sum(one["weight"] for one in shares)
        for number in range(1, 2 * total + 1):
            turn = next_turn(shares, people, owed)
            owed = turn.credits
            got[turn.user_id] += 1
            behind = [Fraction(number * one["weight"], total) - got[one["userId"]] for one in shares]
            assert all(abs(one) < len(shares) for one in behind)
            if number % total == 0:
                assert all(got[one["userId"]] == one["weight"] * number // total for one in shares)


def test_who_was_away_does_not_make_up_for_it() -> None:
    ada, grace = str(uuid7()), str(uuid7())
    shares = [{"userId": ada, "weight": 1}, {"userId": grace, "weight": 1}]
    away = {ada: Person(active=True, absent=True, open_records=0), grace: HERE}
    owed: Mapping[str, int] = {}
    for _ in range(20):
        owed = next_turn(shares, away, owed).credits
    got = []
    for _ in range(6):
        turn = next_turn(shares, {ada: HERE, grace: HERE}, owed)
        owed = turn.credits
        got.append(turn.user_id)
    assert Counter(got) == {ada: 3, grace: 3}
