"""Every object that says by what its records are matched names those that may be the same."""

from pydantic.alias_generators import to_camel

from app.domain.kernel.likeness import Likeness
from tests.contract.sample import CATALOG, Json, Target, make, of_each, value
from tests.world import Client


@of_each(lambda kind: {name for rule in kind.matched_by for name in rule.fields})
async def test_a_record_is_a_candidate_for_another_with_the_same_values(client: Client, target: Target) -> None:
    """Each value that is compared tells by itself, where it is not one part of a name."""
    (rule,) = [one for one in target.kind.matched_by if target.name in one.fields]
    website = {to_camel(target.name): "https://www.text78.example"} if rule.likeness is Likeness.domain else {}
    record = await make(client, target.kind, 78, **website)
    await make(client, target.kind, 5)
    names = rule.fields if rule.likeness.is_name else (target.name,)
    given = {to_camel(name): record[to_camel(name)] for name in names}

    found: list[Json] = (await client.post(f"/{target.kind.plural}/duplicates", json=given)).json()["data"]

    assert found[0]["id"] == record["id"]
    assert [one["code"] for one in found[0]["reasons"]] == [rule.likeness.code]
    assert sum(one["points"] for one in found[0]["reasons"]) == found[0]["score"]
    of_itself = (await client.get(f"/{target.kind.plural}/{record['id']}/duplicates")).json()["data"]
    assert record["id"] not in [one["id"] for one in of_itself]


@of_each(lambda kind: [one.object for one in kind.resembles])
async def test_a_record_of_another_object_is_a_candidate(client: Client, target: Target) -> None:
    """By the values that both have, under whichever names."""
    (there,) = [one for one in target.kind.resembles if one.object == target.name]
    other = CATALOG[there.object]
    values = {to_camel(name): value(other, name, 78) for name in there.given}
    record = await make(client, other, 78, **values)
    given = {to_camel(ours): values[to_camel(name)] for name, ours in there.given.items()}

    found: list[Json] = (await client.post(f"/{target.kind.plural}/duplicates", json=given)).json()["data"]

    assert [(one["object"], one["id"]) for one in found] == [(other.name, record["id"])]
    compared = {rule.likeness.code for rule in other.matched_by if not there.given.keys().isdisjoint(rule.fields)}
    assert {one["code"] for one in found[0]["reasons"]} == compared
    assert sum(one["points"] for one in found[0]["reasons"]) == found[0]["score"]
