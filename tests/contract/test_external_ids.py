"""What other systems call a record, of every object."""

import asyncio
from collections import Counter

from app.domain.kernel.object_type import AnyObject
from tests.contract.sample import BOOKKEEPING, Json, body, editable, everything, make, value
from tests.world import Client


def edit(kind: AnyObject, n: int) -> Json:
    name = editable(kind)[0]
    return {kind.by_column[name].api_name: value(kind, name, n)}


async def test_external_ids_are_set_merged_and_removed_by_system(client: Client, kind: AnyObject) -> None:
    made = await make(client, kind, 1, externalIds={"sap": "1", "crm": "a/b"})
    url = f"/{kind.plural}/{made['id']}"
    steps = [
        ({"erp": "9"}, {"sap": "1", "crm": "a/b", "erp": "9"}),
        ({"sap": "2", "crm": None}, {"sap": "2", "erp": "9"}),
        ({"sap": "2", "none": None}, {"sap": "2", "erp": "9"}),
        ({"sap": None, "erp": None}, {}),
    ]
    assert made["externalIds"] == {"sap": "1", "crm": "a/b"}
    for sent, expected in steps:
        assert (await client.patch(url, json={"externalIds": sent})).json()["externalIds"] == expected
    assert (await client.get(url)).json()["version"] == 4


async def test_a_record_is_found_by_its_external_id(client: Client, stranger: Client, kind: AnyObject) -> None:
    made = await make(client, kind, 1, externalIds={"sap": "ü 1"})
    by_id = await client.get(f"/{kind.plural}/{made['id']}")
    found = await client.get(f"/{kind.plural}/by/sap/ü 1")
    assert (found.content, found.headers["etag"]) == (by_id.content, by_id.headers["etag"])
    assert (await client.get(f"/{kind.plural}/by/sap/ü 1?fields=id")).json() == {"id": made["id"]}
    for missing in ("sap/other", "other/ü 1"):
        assert (await client.get(f"/{kind.plural}/by/{missing}")).status_code == 404
    assert (await stranger.get(f"/{kind.plural}/by/sap/ü 1")).status_code == 404

    await client.patch(f"/{kind.plural}/{made['id']}", json={"externalIds": {"sap": "2"}})
    assert (await client.get(f"/{kind.plural}/by/sap/ü 1")).status_code == 404
    assert (await client.get(f"/{kind.plural}/by/sap/2")).json()["id"] == made["id"]


async def test_a_list_is_filtered_by_external_id(client: Client, kind: AnyObject) -> None:
    made = await make(client, kind, 1, externalIds={"sap": "1", "crm": "2"})
    await make(client, kind, 2, externalIds={"sap": "2"})
    for query, expected in (
        ("externalIds.sap=1", [made]),
        ("externalIds.crm=1", []),
        ("externalIds.sap=1&id=" + made["id"], [made]),
    ):
        assert await everything(client, kind, query) == expected


async def test_an_external_id_belongs_to_one_record_and_the_refusal_names_it(
    client: Client, stranger: Client, kind: AnyObject
) -> None:
    await make(client, kind, 1, externalIds={"sap": "1", "crm": "1"})
    other = await make(client, kind, 2, externalIds={"sap": "2"})
    answers = [
        await client.post(f"/{kind.plural}", json=body(kind, 3, externalIds={"erp": "1", "sap": "1"})),
        await client.patch(f"/{kind.plural}/{other['id']}", json={"externalIds": {"sap": "1"}}),
        await client.put(f"/{kind.plural}/by/sap/2", json={**body(kind, 2), "externalIds": {"sap": "2", "crm": "1"}}),
    ]
    for answer, system in zip(answers, ("sap", "sap", "crm"), strict=True):
        assert (answer.status_code, answer.json()["code"]) == (409, "externalIdTaken")
        assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"/externalIds/{system}"]
    assert (await client.get(f"/{kind.plural}/{other['id']}")).json() == other
    await make(stranger, kind, 1, externalIds={"sap": "1"})


async def test_an_external_id_can_move_from_one_record_to_another(client: Client, kind: AnyObject) -> None:
    one = await make(client, kind, 1, externalIds={"sap": "1"})
    two = await make(client, kind, 2)
    await client.patch(f"/{kind.plural}/{one['id']}", json={"externalIds": {"sap": None}})
    moved = await client.patch(f"/{kind.plural}/{two['id']}", json={"externalIds": {"sap": "1"}})
    assert moved.json()["externalIds"] == {"sap": "1"}
    assert (await client.get(f"/{kind.plural}/by/sap/1")).json()["id"] == two["id"]


async def test_two_records_can_exchange_their_external_ids_step_by_step(client: Client, kind: AnyObject) -> None:
    one = await make(client, kind, 1, externalIds={"sap": "1", "crm": "1"})
    answer = await client.patch(f"/{kind.plural}/{one['id']}", json={"externalIds": {"sap": "2", "crm": "2"}})
    back = await client.patch(f"/{kind.plural}/{one['id']}", json={"externalIds": {"sap": "1", "crm": "1"}})
    assert (answer.json()["externalIds"], back.json()["externalIds"]) == ({"sap": "2", "crm": "2"}, one["externalIds"])


async def test_an_upsert_creates_then_updates_then_leaves_alone(client: Client, kind: AnyObject) -> None:
    url = f"/{kind.plural}/by/sap/7"
    changed = body(kind, 1) | edit(kind, 2)
    answers = [await client.put(url, json=sent) for sent in (body(kind, 1), changed, changed)]
    created, updated, unchanged = (answer.json() for answer in answers)

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert [answer.headers["upsert-outcome"] for answer in answers] == ["created", "updated", "unchanged"]
    assert answers[0].headers["location"] == f"/api/v1/{kind.plural}/{created['id']}"
    assert created["externalIds"] == {"sap": "7"}
    assert updated == created | edit(kind, 2) | {name: updated[name] for name in BOOKKEEPING}
    assert (updated["version"], unchanged) == (2, updated)
    assert (await client.get(url)).content == answers[2].content


async def test_an_upsert_leaves_what_it_does_not_name(client: Client, kind: AnyObject) -> None:
    made = await make(client, kind, 1, externalIds={"sap": "7", "crm": "1"})
    needed = {name: made[name] for name in edit(kind, 0)}
    answer = await client.put(f"/{kind.plural}/by/sap/7", json=body(kind, 1) | needed)
    assert (answer.headers["upsert-outcome"], answer.json()) == ("unchanged", made)


async def test_an_upsert_refuses_another_id_for_the_system_of_its_path(client: Client, kind: AnyObject) -> None:
    answer = await client.put(f"/{kind.plural}/by/sap/7", json=body(kind, 1, externalIds={"sap": "8"}))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/externalIds/sap")
    same = await client.put(f"/{kind.plural}/by/sap/7", json=body(kind, 1, externalIds={"sap": "7", "crm": "8"}))
    assert same.json()["externalIds"] == {"sap": "7", "crm": "8"}
    for path in ("1x/7", f"sap/{'x' * 256}"):
        bad = await client.put(f"/{kind.plural}/by/{path}", json=body(kind, 2))
        assert (bad.status_code, bad.json()["code"]) == (400, "badExternalId")


async def test_of_twenty_upserts_at_once_one_creates_the_record(client: Client, kind: AnyObject) -> None:
    sent = body(kind, 1)
    answers = await asyncio.gather(*(client.put(f"/{kind.plural}/by/sap/7", json=sent) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: 19}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await everything(client, kind, "externalIds.sap=7")) == 1
    assert (await client.get(f"/{kind.plural}/by/sap/7")).json()["version"] == 1
