"""Random models, leads, behaviours, edits and time, against a plain model that shares no code with the product."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from app.domain.kernel.clock import utc_now
from app.domain.scoring import rules
from app.domain.scoring.rules import Age
from tests.factories.leads import make_lead
from tests.factories.scoring import behave, make_scoring_model
from tests.scoring.waiting import Clock, explained, read
from tests.world import Client

CONDITIONS: dict[str, Callable[["Lead"], bool]] = {
    "employees >= 200": lambda lead: (lead.fields["employees"] or 0) >= 200,
    'country == "DE"': lambda lead: lead.fields["country"] == "DE",
    '!has(country) || country in ["FR", "IT"]': lambda lead: lead.fields["country"] in (None, "FR", "IT"),
    "doNotCall": lambda lead: bool(lead.fields["doNotCall"]),
    "true": lambda _: True,
}
VALUES = {"employees": (None, 5, 200, 5_000), "country": (None, "DE", "FR", "PL"), "doNotCall": (True, False)}
KEYS = ("visit", "demo", "bounce", "unknown")
RANKS = {None: 0, "cold": 1, "warm": 2, "hot": 3}


@dataclass
class Lead:
    fields: dict[str, Any]
    score: int = 0
    version: int = 1
    status: str = "new"
    rating: str | None = None
    done: list[tuple[str, datetime]] = field(default_factory=list)


@dataclass
class Plain:
    """Adds up event by event and halves step by step."""

    model: dict[str, Any]

    def facts(self, lead: Lead, now: datetime) -> dict[str, int]:
        found = {one["key"]: one["points"] for one in self.model["rules"] if CONDITIONS[one["when"]](lead)}
        for one in self.model["behaviours"]:
            total = sum(self.counts(one, at, now)[0] for key, at in lead.done if key == one["key"])
            if one["most"] is not None and abs(total) > one["most"]:
                total = one["most"] if total > 0 else -one["most"]
            found[one["key"]] = total
        return {key: points for key, points in found.items() if points}

    def counts(self, one: dict[str, Any], at: datetime, now: datetime) -> tuple[int, datetime | None]:
        """What an event counts, and until when."""
        points, end = one["points"], None
        if one["halvesAfterDays"] is not None:
            end = at + timedelta(days=one["halvesAfterDays"])
            while end <= now:
                points, end = int(points / 2), end + timedelta(days=one["halvesAfterDays"])
        return points, end

    def next_change(self, lead: Lead, now: datetime) -> datetime | None:
        kinds = {one["key"]: one for one in self.model["behaviours"]}
        known = (self.counts(kinds[key], at, now) for key, at in lead.done if key in kinds)
        return min((end for points, end in known if points and end), default=None)

    def follow(self, lead: Lead, now: datetime, *, is_new: bool = False) -> None:
        before, lead.score = lead.score, sum(self.facts(lead, now).values())
        if before != lead.score and not is_new:
            lead.version += 1
        if lead.status in ("disqualified", "converted"):
            return
        for one in sorted(self.model["thresholds"], key=lambda one: int(one["score"])):
            if before < one["score"] <= lead.score:
                lead.status = "qualified" if one["status"] else lead.status
                lead.rating = max(lead.rating, one["rating"], key=RANKS.__getitem__)


def a_model(random: Random) -> dict[str, Any]:
    def points() -> int:
        return random.choice([-1, 1]) * random.choice([1, 3, 9, 25, 60])

    texts = random.sample(sorted(CONDITIONS), random.randint(0, 4))
    kinds = random.sample(KEYS[:-1], random.randint(1, 3))
    scores = random.sample(range(1, 90), random.randint(0, 3))
    return {
        "rules": [{"key": f"rule{n}", "label": text, "when": text, "points": points()} for n, text in enumerate(texts)],
        "behaviours": [
            {"key": key, "label": key, "points": points()}
            | {"halvesAfterDays": random.choice([None, 1, 7, 30]), "most": random.choice([None, 20, 70])}
            for key in kinds
        ],
        "thresholds": [
            {
                "score": score,
                "status": random.choice([None, "qualified"]),
                "rating": random.choice(["hot", "warm", "cold"]),
            }
            for score in scores
        ],
    }


class Walk:
    def __init__(self, client: Client, clock: Clock, seed: int) -> None:
        self.client, self.clock, self.random = client, clock, Random(seed)
        self.plain, self.leads, self.model_id = Plain({}), dict[str, Lead](), ""

    async def begin(self) -> None:
        self.plain.model = a_model(self.random)
        self.model_id = (await make_scoring_model(self.client, **self.plain.model))["id"]
        for _ in range(3):
            await self.create()

    async def create(self) -> None:
        values = {name: self.random.choice(some) for name, some in VALUES.items()}
        lead, made = Lead(values), await make_lead(self.client, **values)
        self.plain.follow(lead, utc_now(), is_new=True)
        self.leads[made["id"]] = lead

    async def edit(self) -> None:
        lead_id, lead = self.choose()
        name = self.random.choice(sorted(VALUES))
        value = self.random.choice(VALUES[name])
        answer = await self.client.patch(f"/leads/{lead_id}", json={name: value})
        assert answer.status_code == 200, answer.text
        if lead.fields[name] != value:
            lead.fields[name], lead.version = value, lead.version + 1
            version = lead.version
            self.plain.follow(lead, utc_now())
            lead.version = version  # the score comes with the edit

    async def act(self) -> None:
        """Half an hour beside every halving, so that the time that the test takes changes nothing."""
        lead_id, lead = self.choose()
        key, at = self.random.choice(KEYS), utc_now() - timedelta(hours=self.random.randint(0, 1_000), minutes=30)
        await behave(self.client, {"id": lead_id}, key, occurredAt=at.isoformat())
        lead.done.append((key, at))
        self.plain.follow(lead, utc_now())

    async def wait(self) -> None:
        hours = self.random.choice([1, 24, 24 * 7, 24 * 40])
        await self.clock.pass_by(self.client, hours / 24)
        for lead in self.leads.values():
            lead.done = [(key, at - timedelta(hours=hours)) for key, at in lead.done]
            self.plain.follow(lead, utc_now())

    async def remodel(self) -> None:
        self.plain.model = a_model(self.random)
        answer = await self.client.patch(f"/scoring-models/{self.model_id}", json=self.plain.model)
        assert answer.status_code == 200, answer.text
        await self.clock.score_anew(self.client)
        for lead in self.leads.values():
            self.plain.follow(lead, utc_now())

    async def turn(self) -> None:
        lead_id, lead = self.choose()
        verb, status = ("recycle", "new") if lead.status == "disqualified" else ("disqualify", "disqualified")
        body = {"json": {"reason": "badTiming"}} if verb == "disqualify" else {}
        answer = await self.client.post(f"/leads/{lead_id}/{verb}", **body)
        assert answer.status_code == 200, answer.text
        lead.status, lead.version = status, lead.version + 1

    def choose(self) -> tuple[str, Lead]:
        return self.random.choice(list(self.leads.items()))

    async def check(self, leads: dict[str, Lead]) -> None:
        now = utc_now()
        for lead_id, lead in leads.items():
            found, why = await read(self.client, {"id": lead_id}), await explained(self.client, {"id": lead_id})
            shown = tuple(found[name] for name in ("score", "status", "rating", "version"))
            assert shown == (lead.score, lead.status, lead.rating, lead.version)
            assert (why["score"], why["recorded"]) == (lead.score, lead.score)
            points = {one["key"]: one["points"] for one in why["facts"] if one["points"]}
            assert points == self.plain.facts(lead, now)
            planned = await self.clock.planned(self.client, {"id": lead_id})
            assert planned == self.plain.next_change(lead, now)

    async def go(self, steps: int) -> None:
        await self.begin()
        moves = [self.create, self.edit, self.edit, self.act, self.act, self.act, self.wait, self.wait, self.remodel]
        for _ in range(steps):
            await self.random.choice([*moves, self.turn])()
            await self.check(dict([self.choose()]))
        await self.check(self.leads)


@pytest.mark.parametrize("seed", range(2))
async def test_scores_states_and_plans_are_those_of_the_plain_model(client: Client, clock: Clock, seed: int) -> None:
    await Walk(client, clock, seed).go(20)


def _add_up(seed: int) -> None:
    """Events of one kind at random times count, and change next, as they do one by one."""
    random, now = Random(seed), utc_now()
    for _ in range(200):
        (kind, *_) = a_model(random)["behaviours"]
        lead = Lead(
            {}, done=[(kind["key"], now - timedelta(hours=random.randint(0, 900))) for _ in range(random.randint(1, 6))]
        )
        plain = Plain({"rules": [], "behaviours": [kind], "thresholds": []})
        ages = []
        for _, at in lead.done:
            days = kind["halvesAfterDays"]
            halvings = (now - at) // timedelta(days=days) if days else 0
            if abs(kind["points"]) >= 2**halvings:
                ages.append(Age(kind["key"], halvings, 1, at))
        fact = rules.behaviour_fact(kind, ages)
        assert {kind["key"]: fact.points} == plain.facts(lead, now) or fact.points == 0 == len(plain.facts(lead, now))
        assert fact.changes_at == plain.next_change(lead, now)


def test_what_events_of_a_kind_count_is_what_they_count_one_by_one() -> None:
    for seed in range(10):
        _add_up(seed)


def _uncapped(behaviour: Any, ages: Any, fact: Any = rules.behaviour_fact) -> Any:
    return fact({**behaviour, "most": None}, ages)


def _late(behaviour: Any, ages: Any, fact: Any = rules.behaviour_fact) -> Any:
    found = fact(behaviour, ages)
    return replace(found, changes_at=found.changes_at and found.changes_at + timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("worth", lambda points, halvings: points >> halvings),
        ("worth", lambda points, halvings: round(points / 2**halvings)),
        ("behaviour_fact", _uncapped),
        ("behaviour_fact", _late),
    ],
    ids=["floor", "rounded", "uncapped", "late"],
)
def test_a_wrong_sum_is_seen(monkeypatch: pytest.MonkeyPatch, name: str, planted: Any) -> None:
    monkeypatch.setattr(rules, name, planted)
    with pytest.raises(AssertionError):
        _add_up(0)
