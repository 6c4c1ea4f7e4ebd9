"""Who may ask for which figure, and what is no question."""

from dataclasses import replace
from typing import Any

import pytest

from app.api import auth
from app.domain.kernel.actor import as_array
from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from app.repositories import figures
from tests.factories.currencies import make_exchange_rate
from tests.factories.governance import make_user
from tests.factories.pipeline import make_opportunity
from tests.world import Client, World, running

RATES = "/sales-figures/win-rates"
EUR = {"amount": "100.00", "currency": "EUR"}


@pytest.mark.parametrize(
    ("path", "parameter", "code"),
    [
        (f"{RATES}?from=2026-02-01&to=2026-01-31", "to", "order"),
        (f"{RATES}?from=yesterday", "from", "wrongType"),
        (f"{RATES}?by=amount", "by", "notGroupable"),
        (f"{RATES}?by=account.name%20%2B%20name", "by", "notGroupable"),
        (f"{RATES}?by=account.nmae", "by", "unknownField"),
        (f"{RATES}?filter=amuont>1", "filter", "unknownField"),
        (f"{RATES}?per=month", "per", "unknownParameter"),
        ("/sales-figures/won?per=week", "per", "unknownPeriod"),
        ("/sales-figures/stage-conversion?pipelineId=none", "pipelineId", "wrongType"),
        (
            "/sales-figures/stage-conversion?pipelineId=019ad1c0-7b3d-7b02-8f31-5a1d2c3e4f50",
            "pipelineId",
            "unknownReference",
        ),
    ],
)
async def test_what_is_no_question_is_refused_with_its_place(
    client: Client, path: str, parameter: str, code: str
) -> None:
    answer = await client.get(path)
    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"].lstrip("/"), fault["code"]) == (400, parameter, code)


async def test_a_group_needs_the_scope_of_what_it_leads_to(client: Client, world: World) -> None:
    reader = await world.key_of(client, scopes=["opportunities:read"])
    for by, status in (("total", 200), ("ownerId", 200), ("stage", 200), ("manager", 403), ("account.industry", 403)):
        answer = await reader.get(RATES, params={"by": by})
        assert answer.status_code == status, by
    for name in ("ageing", "stage-conversion"):
        assert (await reader.get(f"/sales-figures/{name}")).json()["code"] == "missingScope"


async def test_too_many_groups_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        await make_opportunity(client)
    monkeypatch.setattr(figures, "MOST", 2)
    monkeypatch.setattr("app.domain.figures.service.MOST", 2)
    answer = await client.get(RATES, params={"by": "createdAt"})
    assert (answer.status_code, answer.json()["code"]) == (400, "tooManyGroups")


async def test_what_the_caller_does_not_see_does_not_count(
    world: World, client: Client, stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = auth.find_credential

    async def find_owner(*asked: Any) -> Any:
        found = await find(*asked)
        return found and replace(found, actor=replace(found.actor, owners=as_array((found.actor.id,))))

    monkeypatch.setattr(auth, "find_credential", find_owner)
    await make_opportunity(stranger, stage="closedWon", amount=EUR)
    for owner in (str(client.user_id), (await make_user(client))["id"]):
        for stage in ("engaging", "closedWon"):
            await make_opportunity(client, stage=stage, amount=EUR, ownerId=owner)

    async with running(world.place, schema=Schema(CATALOG, by_owner=frozenset({"opportunity"}))) as other:
        viewer = Client(other.app, client.tenant_id, client.user_id, client.key)
        for asked, number in ((client, 2), (viewer, 1)):
            (rates,) = (await asked.get(RATES)).json()["data"]
            assert [rates[status]["count"] for status in ("won", "lost", "open")] == [number, 0, number]
            assert [one["count"] for one in (await asked.get("/sales-figures/ageing")).json()["data"]] == [number]
            stages = (await asked.get("/sales-figures/stage-conversion")).json()["data"]
            assert sum(one["entered"] for one in stages) == 2 * number
    async with running(world.place, schema=Schema(CATALOG, hidden={"opportunity": frozenset({"amount"})})) as other:
        viewer = Client(other.app, client.tenant_id, client.user_id, client.key)
        assert (await viewer.get(RATES)).json()["code"] == "fieldHidden"


async def test_an_amount_without_a_rate_is_named_and_not_dropped(client: Client) -> None:
    await make_exchange_rate(client, currency="CHF", validFrom="2026-02-01", rate="1.1")
    for day in ("2026-01-31", "2026-02-01"):
        money = {"amount": "10.00", "currency": "CHF"}
        await make_opportunity(client, stage="closedWon", closeDate=day, amount=money)
    await make_opportunity(client, stage="closedWon", closeDate="2026-02-01")

    (total,) = (await client.get("/sales-figures/won?per=year")).json()["data"]
    assert total["count"] == 3
    assert total["amounts"] == [{"amount": "20.00", "currency": "CHF"}]
    assert total["corporate"] == {"amount": "11.00", "currency": "EUR"}
    assert total["unconverted"] == [{"currency": "CHF", "count": 1, "amount": "10.00"}]
