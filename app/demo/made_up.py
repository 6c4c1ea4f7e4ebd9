"""What the files have not and a demo needs, made up: the same every time, and told so wherever a field can say it."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

SEED, LEADS = 2017, 300
NOTE = "Made up for the sample: there is no such person."
FIRST = [
    "Ada",
    "Alan",
    "Barbara",
    "Carl",
    "Dana",
    "Edsger",
    "Erna",
    "Frances",
    "Grace",
    "Hedy",
    "Ivan",
    "Jean",
    "Karen",
    "Leslie",
    "Mary",
    "Niklaus",
    "Radia",
    "Tim",
]
LAST = [
    "Allen",
    "Berg",
    "Castro",
    "Dorn",
    "Engel",
    "Fuchs",
    "Garcia",
    "Hoang",
    "Ito",
    "Jensen",
    "Kaya",
    "Lund",
    "Meyer",
    "Novak",
    "Okafor",
    "Petit",
    "Rossi",
    "Silva",
]
COMPANY = [
    "Alder",
    "Birch",
    "Cedar",
    "Delta",
    "Ember",
    "Falcon",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
    "Kestrel",
    "Lumen",
    "Maple",
    "Nimbus",
]
KIND = ["Analytics", "Foods", "Health", "Labs", "Logistics", "Media", "Motors", "Retail", "Systems", "Works"]
TITLES = ("Head of IT", "Purchasing manager", "Owner", "Data analyst", "Operations manager", None)
COUNTRIES = ("United States", "Germany", "Brazil", "Japan", "Kenya", None)
INDUSTRIES = ("technology", "retail", "medical", "finance", "services", None)
SOURCES = ("Website", "Website", "Trade fair", "Referral", "Webinar", "Cold call")
STATUSES = ("new", "new", "new", "contacted", "contacted", "qualified", "disqualified")
REASONS = ("noBudget", "badTiming", "unreachable", "notInterested")

STAGES = [
    {"key": "prospecting", "label": "Prospecting", "probability": 10, "forecastCategory": "pipeline",
     "next": ["engaging", "closedLost"]},
    {"key": "engaging", "label": "Engaging", "probability": 40, "forecastCategory": "bestCase",
     "requires": ["engageDate"], "stalledAfterDays": 120, "next": ["prospecting", "closedWon", "closedLost"]},
    {"key": "closedWon", "label": "Won", "probability": 100, "forecastCategory": "closed", "outcome": "won",
     "requires": ["amount", "closeDate"], "when": "amount > 0", "message": "A deal is won with an amount above zero.",
     "next": []},
    {"key": "closedLost", "label": "Lost", "probability": 0, "forecastCategory": "omitted", "outcome": "lost",
     "requires": ["closeDate"], "next": []},
]  # fmt: skip
OVERDUE = {"remindAfterDays": 7, "closeLostAfterDays": 365}
FORM = {
    "name": "Talk to sales",
    "title": "Talk to us",
    "introduction": "Tell us what you need, and somebody who knows our products will write to you.",
    "fields": [
        {"field": "firstName", "label": "First name"},
        {"field": "lastName", "label": "Last name", "required": True},
        {"field": "company", "label": "Company", "required": True},
        {"field": "email", "label": "Email", "required": True, "kind": "email"},
        {"field": "employees", "label": "How many of you are there?", "kind": "number"},
        {"field": "description", "label": "How can we help?", "kind": "longText"},
    ],
    "consentText": "You may write to me about your products.",
    "source": "Website",
}

SCORING = {
    "name": "Inbound",
    "description": "Made up for the sample.",
    "active": True,
    "rules": [
        {"key": "large", "label": "200 people or more", "when": "employees >= 200", "points": 20},
        {"key": "decides", "label": "Decides alone", "when": "title == 'Owner' || title == 'Head of IT'", "points": 15},
        {"key": "referral", "label": "Was sent by a customer", "when": "source == 'Referral'", "points": 25},
        {"key": "website", "label": "Came by the website", "when": "source == 'Website'", "points": 10},
    ],
    "behaviours": [
        {"key": "visit", "label": "Visited the prices", "points": 8, "halvesAfterDays": 7, "most": 40},
        {"key": "download", "label": "Downloaded a paper", "points": 15, "halvesAfterDays": 30},
        {"key": "demo", "label": "Asked for a demo", "points": 40},
    ],
    "thresholds": [{"score": 40, "rating": "warm"}, {"score": 80, "status": "qualified", "rating": "hot"}],
}
BEHAVIOURS = ("visit", "visit", "visit", "download", "demo")
DAY_S = 86_400


def behaviours(key: str) -> Iterator[dict[str, str]]:
    """What the lead did in the last sixty days."""
    random = Random(f"{SEED} {key}")  # noqa: S311  # nothing secret: the same behaviour every time
    for _ in range(random.randrange(4)):
        at = datetime.fromtimestamp(time.time() - random.uniform(1, 60) * DAY_S, UTC)
        yield {"behaviour": random.choice(BEHAVIOURS), "occurredAt": at.isoformat()}


def quotas(agents: Sequence[tuple[str, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """For each agent, of whom name and id are given, and each quarter of the year that the files tell of."""
    for name, user_id in agents:
        for quarter in range(1, 5):
            period = f"{SEED}-Q{quarter}"
            random = Random(f"{name} {period}")  # noqa: S311  # nothing secret: the same quota every time
            amount = {"amount": f"{random.randrange(5, 13) * 10_000}", "currency": "USD"}
            yield f"made-up {name} {period}", {"userId": user_id, "period": period, "amount": amount}


def leads(number: int, seed: int = SEED) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each with its key."""
    random = Random(seed)  # noqa: S311  # nothing secret: the same leads every time
    for place in range(1, number + 1):
        yield f"lead-{place:03}", _lead(random, place)


def _lead(random: Random, place: int) -> dict[str, Any]:
    first, last = random.choice(FIRST), random.choice(LAST)
    name, kind = random.choice(COMPANY), random.choice(KIND)
    status = random.choice(STATUSES)
    return {
        "firstName": first,
        "lastName": last,
        "company": f"{name} {kind}",
        "title": random.choice(TITLES),
        "email": f"{first}.{last}.{place}@{name}-{kind}.example".lower(),
        "country": random.choice(COUNTRIES),
        "industry": random.choice(INDUSTRIES),
        "employees": random.choice((None, random.randrange(5, 200), random.randrange(200, 9_000))),
        "source": random.choice(SOURCES),
        "rating": random.choice(("hot", "warm", "cold", None)),
        "status": status,
        "disqualifiedReason": random.choice(REASONS) if status == "disqualified" else None,
        "description": NOTE,
    }
