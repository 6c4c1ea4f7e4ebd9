"""Quick search of every object that declares what it is searched in."""

from typing import Any

from pydantic.alias_generators import to_camel

from tests.contract.sample import Json, Target, from_the_start, make, of_each
from tests.world import Client


async def listed(client: Client, target: Target, q: str) -> list[Json]:
    answer = await client.get(f"/{target.kind.plural}", params={"q": q})
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["data"]
    return found


@of_each(lambda kind: from_the_start(kind, kind.searchable))
async def test_a_record_is_found_by_each_of_its_texts_as_long_as_it_is_there(client: Client, target: Target) -> None:
    await make(client, target.kind, 1)
    record = await make(client, target.kind, 78)
    item, q = f"/{target.kind.plural}/{record['id']}", target.kind.texts(target.name, record[target.api_name])[0]

    assert (await listed(client, target, q))[0] == record
    assert (await listed(client, target, q.upper()))[0] == record
    await client.delete(item)
    assert record["id"] not in [one["id"] for one in await listed(client, target, q)]
    restored = (await client.post(f"{item}/restore")).json()
    assert (await listed(client, target, q))[0] == restored


@of_each(lambda kind: kind.searchable[:1])
async def test_a_record_is_found_by_its_external_ids(client: Client, target: Target) -> None:
    await make(client, target.kind, 1)
    record = await make(client, target.kind, 2, externalIds={"erp": "K-4711/b"})

    assert [one["id"] for one in await listed(client, target, "K-47")] == [record["id"]]


@of_each(lambda kind: from_the_start(kind, kind.title))
async def test_a_hit_is_named_by_its_title(client: Client, target: Target) -> None:
    record = await make(client, target.kind, 78)

    answer = await client.get("/search", params={"q": record[target.api_name], "objects": target.kind.name})

    (group,) = answer.json()["data"]
    hit: dict[str, Any] = group["hits"][0]
    assert hit["title"] == " ".join(filter(None, (record[to_camel(one)] for one in target.kind.title)))
    assert (hit["id"], hit["record"]) == (record["id"], record)
