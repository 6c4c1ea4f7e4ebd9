"""Every write can be sent again under its key: of every object."""

import asyncio
from uuid import uuid4

import httpx

from app.domain.kernel.object_type import AnyObject
from tests.contract.sample import Json, body, editable, everything, make, value
from tests.world import Client, World

REPEATED = ("etag", "location", "upsert-outcome", "content-type")


def new_key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


def edit(kind: AnyObject, n: int, place: int = 0) -> Json:
    name = editable(kind)[place]
    return {kind.by_column[name].api_name: value(kind, name, n)}


def told(answer: httpx.Response) -> tuple[object, ...]:
    return answer.status_code, answer.content, *(answer.headers.get(name) for name in REPEATED[:2])


async def events_of(world: World, client: Client, kind: AnyObject) -> int:
    query = "select count(*) from event where tenant_id = $1 and object = $2 and actor_id = $3 and origin = 'api'"
    async with world.place.connect() as administrator:
        return await administrator.fetchval(query, client.tenant_id, kind.name, client.user_id)


async def test_eight_clients_with_one_key_have_one_effect_and_one_answer(
    client: Client, world: World, kind: AnyObject
) -> None:
    key, sent, before = new_key(), body(kind, 1), len(await everything(client, kind))
    answers = await asyncio.gather(*(client.post(f"/{kind.plural}", json=sent, headers=key) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({told(answer) for answer in answers}) == 1
    assert sum(answer.headers.get("idempotent-replayed") == "true" for answer in answers) == 7
    assert len({answer.headers["request-id"] for answer in answers}) == 8
    assert len(await everything(client, kind)) == before + 1
    assert await events_of(world, client, kind) == 1


async def test_eight_upserts_with_one_key_have_one_effect_and_one_answer(
    client: Client, world: World, kind: AnyObject
) -> None:
    key, url, sent = new_key(), f"/{kind.plural}/by/sap/1", body(kind, 1)
    answers = await asyncio.gather(*(client.put(url, json=sent, headers=key) for _ in range(8)))
    assert len({told(answer) for answer in answers}) == 1
    assert answers[0].status_code == 201
    assert await events_of(world, client, kind) == 1


async def test_a_retried_patch_repeats_its_first_answer_whatever_came_between(client: Client, kind: AnyObject) -> None:
    url, key = f"/{kind.plural}/{(await make(client, kind))['id']}", new_key()
    first = await client.patch(url, json=edit(kind, 1), headers=key)
    await client.patch(url, json=edit(kind, 2))
    again = await client.patch(url, json=edit(kind, 1), headers=key)
    assert told(again) == told(first)
    assert again.headers["idempotent-replayed"] == "true"
    assert (await client.get(url)).json()["version"] == 3


async def test_a_retried_delete_or_restore_repeats_its_first_answer(client: Client, kind: AnyObject) -> None:
    url, delete, restore = f"/{kind.plural}/{(await make(client, kind))['id']}", new_key(), new_key()
    gone = [await client.delete(url, headers=delete) for _ in range(2)]
    back = [await client.post(f"{url}/restore", headers=restore) for _ in range(2)]
    assert [answer.status_code for answer in gone] == [204, 204]
    assert told(back[0]) == told(back[1])
    assert gone[1].headers["idempotent-replayed"] == back[1].headers["idempotent-replayed"] == "true"
    assert (await client.delete(url, headers=delete)).status_code == 204
    assert (await client.get(url)).json()["version"] == 3


async def test_a_retried_edit_with_if_match_repeats_its_first_answer(client: Client, kind: AnyObject) -> None:
    made = await client.post(f"/{kind.plural}", json=body(kind))
    url, headers = f"/{kind.plural}/{made.json()['id']}", new_key() | {"If-Match": made.headers["etag"]}
    answers = [await client.patch(url, json=edit(kind, 1), headers=headers) for _ in range(2)]
    assert told(answers[0]) == told(answers[1])
    assert answers[0].status_code == 200


async def test_a_key_is_good_for_one_request_only(client: Client, kind: AnyObject) -> None:
    key = new_key()
    made = await client.post(f"/{kind.plural}", json=body(kind, 1), headers=key)
    url = f"/{kind.plural}/{made.json()['id']}"
    others = [
        await client.post(f"/{kind.plural}", json=body(kind, 2), headers=key),
        await client.patch(url, json=edit(kind, 2), headers=key),
        await client.put(f"/{kind.plural}/by/sap/1", json=body(kind, 3), headers=key),
        await client.delete(url, headers=key),
    ]
    for answer in others:
        assert (answer.status_code, answer.json()["code"]) == (422, "keyReused")
        assert answer.json()["errors"][0]["pointer"] == "Idempotency-Key"
    assert (await client.get(url)).content == made.content


async def test_a_key_belongs_to_its_user(client: Client, world: World, kind: AnyObject) -> None:
    key, colleague = new_key(), await world.member_of(client, role="admin")
    same_user = await world.key_of(client)
    made, other = [
        await one.post(f"/{kind.plural}", json=body(kind, n), headers=key) for n, one in ((1, client), (2, colleague))
    ]
    again = await same_user.post(f"/{kind.plural}", json=body(kind, 1), headers=key)
    assert made.status_code == other.status_code == 201
    assert made.json()["id"] != other.json()["id"]
    assert told(again) == told(made)


async def test_a_refusal_is_computed_anew(client: Client, kind: AnyObject) -> None:
    key, sent = new_key(), body(kind, 1, externalIds={"sap": "1"})
    holder = await make(client, kind, 2, externalIds={"sap": "1"})
    refused = await client.post(f"/{kind.plural}", json=sent, headers=key)
    await client.patch(f"/{kind.plural}/{holder['id']}", json={"externalIds": {"sap": None}})
    made = await client.post(f"/{kind.plural}", json=sent, headers=key)
    assert (refused.status_code, made.status_code) == (409, 201)
    assert "idempotent-replayed" not in made.headers


async def test_a_key_that_is_none_is_refused(client: Client, kind: AnyObject) -> None:
    for key in ("", "x" * 256, "ü".encode()):
        answer = await client.post(f"/{kind.plural}", json=body(kind, 1), headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["code"]) == (400, "badKey")
