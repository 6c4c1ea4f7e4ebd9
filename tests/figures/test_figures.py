"""Sales figures over random deals, against a plain reference that knows the lists only."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from app.api import auth
from app.domain.figures import rules
from tests.factories.accounts import make_account
from tests.factories.currencies import make_exchange_rate
from tests.factories.governance import make_user
from tests.factories.pipeline import make_pipeline, make_product
from tests.figures.reference import Json, Reference
from tests.world import Client

STAGES = ("prospecting", "engaging", "closedWon", "closedLost")
RATES = (("GBP", "2025-03-01", "1.1462"), ("GBP", "2025-08-15", "1.25"), ("USD", "2024-01-01", "0.9137"))
PERIODS = ((date.min, date.max), (date(2025, 2, 3), date(2025, 9, 1)))
FIRST = datetime(2025, 1, 1, 7, 30, tzinfo=UTC)


class Sales:
    """Deals of three users under two managers, in four currencies, of which one has no rate."""

    def __init__(self, client: Client, random: Random) -> None:
        self.client, self.random = client, random
        self.zone = random.choice(("UTC", "Pacific/Kiritimati", "America/New_York"))

    async def fill(self, number: int) -> None:
        client = self.client
        managers = [(await make_user(client, name=name))["id"] for name in ("Celia", "Dustin")]
        self.users = [
            await make_user(client, name=f"U{one}", managerId=manager) for one, manager in enumerate([*managers, None])
        ]
        self.accounts = [await make_account(client, name=one, industry=one) for one in ("retail", "medical")]
        products = [(await make_product(client, name=one))["id"] for one in ("MG", "GTX")]
        self.pipeline = await make_pipeline(client)
        for currency, begins, rate in RATES:
            await make_exchange_rate(client, currency=currency, validFrom=begins, rate=rate)
        operations = [operation for place in range(number) for operation in self._deal(place, products)]
        answer = await client.post("/batch", json={"operations": operations})
        assert {one["status"] for one in answer.json()["results"]} <= {200, 201}, answer.text

    def _deal(self, place: int, products: Sequence[str]) -> Iterator[Json]:
        """The operations that make it, and tell how it came to its stage."""
        random, stage = self.random, self.random.choice((*STAGES, "closedWon"))
        money = {"amount": f"{random.randrange(9_999)}.{random.randrange(100):02}"}
        money["currency"] = random.choice(("EUR", "GBP", "USD", "CHF"))
        begun = FIRST + timedelta(days=random.randrange(300))
        body = {
            "name": f"D{place}",
            "stage": stage,
            "pipelineId": self.pipeline["id"],
            "productId": random.choice([*products, None]),
            "ownerId": random.choice([*(one["id"] for one in self.users), None]),
            "accountId": random.choice([*(one["id"] for one in self.accounts), None]),
            "amount": random.choice((money, money, money, None)),
            "engageDate": random.choice((begun.date().isoformat(), begun.date().isoformat(), None)),
            "closeDate": (begun + timedelta(days=random.randrange(-5, 150))).date().isoformat(),
        }
        yield {"id": f"d{place}", "method": "POST", "path": "/opportunities", "body": body}
        if random.random() < 0.7:
            path = f"/opportunities/{{d{place}.id}}/stage-history"
            yield {"method": "POST", "path": path, "body": {"stays": self._stays(stage, begun)}}

    def _stays(self, stage: str, begun: datetime) -> list[Json]:
        stays: list[Json] = []
        for one in self.random.choices(STAGES[:2], k=self.random.randrange(1, 4)):
            if not stays or stays[-1]["stage"] != one:
                left = begun + timedelta(seconds=self.random.randrange(40 * 86_400))
                stays.append({"stage": one, "enteredAt": begun.isoformat(), "leftAt": left.isoformat()})
                begun = left
        if stays[-1]["stage"] == stage:
            begun = datetime.fromisoformat(stays.pop()["enteredAt"])
        return [*stays, {"stage": stage, "enteredAt": begun.isoformat(), "leftAt": None}]

    async def reference(self, **query: Any) -> Reference:
        listed = await self.client.get("/opportunities", params={"limit": 200, **query})
        rates = [(currency, date.fromisoformat(begins), Fraction(rate)) for currency, begins, rate in RATES]
        return Reference("EUR", rates, self.zone, listed.json()["data"])

    async def histories(self, deals: list[Json]) -> dict[str, list[Json]]:
        return {
            one["id"]: (await self.client.get(f"/opportunities/{one['id']}/stage-history")).json()["data"]
            for one in deals
        }

    @property
    def keys(self) -> Mapping[str, Callable[[Json], str | None]]:
        managers = {one["id"]: one["managerId"] for one in self.users}
        industries = {one["id"]: one["industry"] for one in self.accounts}
        return {
            "total": lambda _: None,
            "owner": lambda deal: deal["ownerId"],
            "manager": lambda deal: managers.get(deal["ownerId"]),
            "product": lambda deal: deal["productId"],
            "account.industry": lambda deal: industries.get(deal["accountId"]),
        }


async def figures(client: Client, name: str, **query: Any) -> Any:
    """`first` and `last` are the period."""
    for parameter, day in (("from", query.pop("first", date.min)), ("to", query.pop("last", date.max))):
        query |= {parameter: day.isoformat()} if day not in (date.min, date.max) else {}
    answer = await client.get(f"/sales-figures/{name}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture
async def sales(client: Client, seed: int, monkeypatch: pytest.MonkeyPatch) -> Sales:
    """In one time zone or another."""
    made, find = Sales(client, Random(seed)), auth.find_credential

    async def find_elsewhere(*asked: Any) -> Any:
        found = await find(*asked)
        return found and replace(found, actor=replace(found.actor, time_zone=made.zone))

    monkeypatch.setattr(auth, "find_credential", find_elsewhere)
    await made.fill(45)
    return made


async def differences(sales: Sales, query: Mapping[str, Any], by: str, first: date, last: date) -> list[str]:
    """The questions that the product and the reference answer differently."""
    client, asked, key = sales.client, {**query, "by": by, "first": first, "last": last}, sales.keys[by]
    reference, found = await sales.reference(**query), []
    expected = reference.win_rates(key, first, last)
    shown = {one.pop("key"): one for one in await figures(client, "win-rates", **asked)}
    speeds = {one["key"]: one for one in await figures(client, "velocity", **asked)}
    if not expected.keys() == shown.keys() == speeds.keys():
        found.append(f"groups by {by}")
    for name in expected.keys() & shown.keys() & speeds.keys():
        speed = {"perDay": speeds[name]["perDay"], "label": shown[name]["label"]}
        if expected[name] | speed != shown[name] | {"perDay": expected[name]["perDay"], "label": speed["label"]}:
            found.append(f"{name} by {by}: {expected[name]} is not {shown[name]} with {speed}")
        if speeds[name]["opportunities"] != shown[name]["open"]["count"]:
            found.append(f"{name} by {by}: {speeds[name]}")
    won = {(one["begins"], one["key"]): one for one in await figures(client, "won", **asked)}
    if reference.won(key, first, last) != {name: without_names(one) for name, one in won.items()}:
        found.append(f"won by {by}")
    return found


def without_names(one: Json) -> Json:
    return {name: one[name] for name in one if name not in ("key", "label", "begins")}


async def test_win_rates_velocity_and_what_was_won_are_what_a_plain_reader_finds(sales: Sales) -> None:
    queries = ({}, {"filter": 'amount > 500 || owner.name == "U1"'}, {"ownerId": sales.users[0]["id"]})
    for query, by in zip((*queries, *queries), sales.keys, strict=False):
        for first, last in PERIODS:
            assert await differences(sales, query, by, first, last) == []


async def test_ageing_is_what_a_plain_reader_finds(sales: Sales) -> None:
    for query in ({}, {"filter": 'stage == "engaging"'}):
        reference = await sales.reference(**query)
        for first, last in PERIODS:
            expected = reference.ages(first, last)
            shown = await figures(sales.client, "ageing", first=first, last=last, **query)
            assert [one["stage"] for one in shown] == [one for one in STAGES if one in {key[1] for key in expected}]
            for one in shown:
                wanted = expected[one["pipelineId"], one["stage"]]
                assert {name: one[name] for name in wanted if name not in ("inStage", "age")} == {
                    name: wanted[name] for name in wanted if name not in ("inStage", "age")
                }
                for name in ("inStage", "age"):
                    ages = [{key: bucket[key] for key in wanted[name][0]} for bucket in one[name]]
                    assert ages == wanted[name]


async def test_stage_conversion_is_what_a_plain_reader_finds(sales: Sales) -> None:
    for query in ({}, {"filter": "has(owner)"}):
        reference = await sales.reference(pipelineId=sales.pipeline["id"], **query)
        histories = await sales.histories(reference.deals)
        for first, last in PERIODS:
            expected = reference.conversion(histories, STAGES, first, last)
            asked = {"pipelineId": sales.pipeline["id"], "first": first, "last": last, **query}
            shown = {one["stage"]: one for one in await figures(sales.client, "stage-conversion", **asked)}
            assert list(shown) == list(STAGES)
            for stage, wanted in expected.items():
                assert {name: shown[stage][name] for name in wanted} == wanted, stage


@pytest.mark.parametrize(
    ("check", "name", "wrong"),
    [
        (test_win_rates_velocity_and_what_was_won_are_what_a_plain_reader_finds, "ratio", lambda *_: Fraction(1, 3)),
        (test_ageing_is_what_a_plain_reader_finds, "scaled", lambda amount, _: amount.quantize(Decimal(1))),
        (test_stage_conversion_is_what_a_plain_reader_finds, "SECONDS", 90_000),
    ],
)
async def test_a_figure_that_is_wrong_is_seen(
    sales: Sales, monkeypatch: pytest.MonkeyPatch, check: Callable[[Sales], Awaitable[None]], name: str, wrong: Any
) -> None:
    monkeypatch.setattr(rules, name, wrong)
    with pytest.raises(AssertionError):
        await check(sales)
