"""A board: every stage of a pipeline, in one call."""

from decimal import Decimal
from random import Random
from typing import Any

from tests.factories.pipeline import make_opportunity, make_pipeline
from tests.world import Client, World

Json = dict[str, Any]


async def all_behind(client: Client, column: Json) -> list[Json]:
    found, following = list(column["opportunities"]), column["next"]
    while following is not None:
        answer = await client.get(f"http://test{following}")
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        cursor = answer.json()["page"]["nextCursor"]
        following = cursor and f"{following.partition('&cursor=')[0]}&cursor={cursor}"
    return found


def total(records: list[Json], currency: str | None, name: str) -> Decimal | None:
    amounts = [Decimal(one[name]["amount"]) for one in records if one[name] and one[name]["currency"] == currency]
    return sum(amounts, Decimal()) if amounts else None


async def test_a_board_has_what_the_lists_of_its_stages_have(client: Client, seed: int) -> None:
    random = Random(seed)
    pipeline = await make_pipeline(client)
    stages = ("prospecting", "engaging", "closedWon")
    for number in range(30):
        money = {
            "amount": f"{random.randrange(10_000)}.{random.randrange(100):02}",
            "currency": random.choice(("EUR", "USD")),
        }
        amount = money if random.random() < 0.8 else None
        owner = str(client.user_id) if random.random() < 0.5 else None
        stage = random.choice(stages)
        await make_opportunity(
            client, name=f"D{number}", pipelineId=pipeline["id"], stage=stage, amount=amount, ownerId=owner
        )
    await make_opportunity(client)

    for query in ({}, {"filter": 'amount > 3000 && name != "D3"'}, {"ownerId": str(client.user_id)}):
        board = await client.get(f"/pipelines/{pipeline['id']}/board", params={"limit": 3, **query})
        assert board.status_code == 200, board.text
        columns = board.json()["data"]
        assert [one["key"] for one in columns] == ["prospecting", "engaging", "closedWon", "closedLost"]
        for column in columns:
            asked = {"pipelineId": pipeline["id"], "stage": column["key"], "limit": 200, **query}
            listed = (await client.get("/opportunities", params=asked)).json()["data"]
            assert column["opportunities"] == listed[:3]
            assert await all_behind(client, column) == listed
            assert column["count"] == len(listed)
            for one in column["sums"]:
                of_currency = [row for row in listed if (row["amount"] or {}).get("currency") == one["currency"]]
                assert one["count"] == len(of_currency)
                for name in ("amount", "expectedAmount"):
                    assert (Decimal(one[name]) if one[name] else None) == total(of_currency, one["currency"], name)


async def test_a_board_is_of_a_pipeline_that_the_caller_has(client: Client, stranger: Client, world: World) -> None:
    pipeline = await make_pipeline(client)
    assert (await stranger.get(f"/pipelines/{pipeline['id']}/board")).status_code == 404
    reader = await world.key_of(client, scopes=["opportunities:read"])
    assert (await reader.get(f"/pipelines/{pipeline['id']}/board")).status_code == 403
    bad = await client.get(f"/pipelines/{pipeline['id']}/board", params={"filter": "amuont > 1"})
    assert (bad.status_code, bad.json()["code"]) == (400, "unknownField")
