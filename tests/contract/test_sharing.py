"""Objects whose owner decides who sees a record, on every path that leads to one."""

from collections.abc import Awaitable, Callable, Iterable

import httpx
import pytest

from app.domain.kernel.ids import uuid7
from app.domain.kernel.object_type import AnyObject
from tests.contract.sample import Json, Target, body, editable, make, of_each, value, without_request_id
from tests.world import Client, World


def shared_by(kind: AnyObject) -> Iterable[str]:
    return [kind.shared_by] if kind.shared_by else []


@pytest.fixture
async def owner(world: World, client: Client) -> Client:
    return await world.member_of(client)


@pytest.fixture
async def other(world: World, client: Client) -> Client:
    return await world.member_of(client)


def edit(target: Target, n: int) -> Json:
    name = editable(target.kind)[0]
    return {target.kind.by_column[name].api_name: value(target.kind, name, n)}


async def make_one(client: Client, target: Target, n: int, *, shared: bool, **more: object) -> Json:
    return await make(client, target.kind, n, **{target.api_name: shared}, **more)


def paths(target: Target, record: Json, system: str = "sap") -> list[tuple[str, str, Json | None]]:
    """Every way to one record."""
    items, url = f"/{target.kind.plural}", f"/{target.kind.plural}/{record['id']}"
    return [
        ("GET", url, None),
        ("GET", f"{url}?expand=owner", None),
        ("GET", f"{url}?asOf={record['modifiedAt'].replace('+', '%2B')}", None),
        ("GET", f"{url}/history", None),
        ("GET", f"{items}/by/{system}/{record['externalIds'].get(system, 'none')}", None),
        ("PATCH", url, edit(target, 7)),
        ("PATCH", url, edit(target, 7) | {"baseVersion": 1}),
        ("PATCH", url, {}),
        ("DELETE", url, None),
        ("POST", f"{url}/restore", None),
    ]


async def ask(client: Client, one: tuple[str, str, Json | None]) -> httpx.Response:
    return await client.request(one[0], one[1], json=one[2])


async def ids_seen(client: Client, target: Target) -> set[str]:
    """By everything that answers several records."""
    kind, found = target.kind, set()
    for method, path, sent in (
        ("GET", f"/{kind.plural}?limit=200&count=exact", None),
        ("GET", f"/{kind.plural}?limit=200&{target.api_name}=false", None),
        ("POST", f"/{kind.plural}/query", {"limit": 200, f"{target.api_name}[ne]": True}),
        ("GET", f"/bin?object={kind.name}&limit=200", None),
        ("GET", "/bin?limit=200", None),
        ("GET", f"/events?object={kind.name}&limit=200", None),
        ("GET", "/events?limit=200", None),
    ):
        answer = await client.request(method, path, json=sent)
        assert answer.status_code == 200, answer.text
        found |= {row.get("recordId", row.get("id")) for row in answer.json()["data"]}
        assert answer.json()["meta"].get("count", 0) <= len(answer.json()["data"])
    return found


@of_each(shared_by)
async def test_a_record_belongs_to_who_creates_it(owner: Client, target: Target) -> None:
    plain = await make_one(owner, target, 1, shared=False)
    upserted = await owner.put(f"/{target.kind.plural}/by/sap/1", json=body(target.kind, 2))
    assert plain["ownerId"] == upserted.json()["ownerId"] == str(owner.user_id)


@of_each(shared_by)
async def test_nobody_but_its_owner_and_administrators_comes_upon_a_private_record(
    client: Client, owner: Client, other: Client, target: Target, settled: Callable[[], Awaitable[None]]
) -> None:
    private = await make_one(owner, target, 1, shared=False, externalIds={"sap": "1"})
    binned = await make_one(owner, target, 2, shared=False, externalIds={"crm": "2"})
    assert (await owner.delete(f"/{target.kind.plural}/{binned['id']}")).status_code == 204
    unknown = private | {"id": str(uuid7()), "externalIds": {}}
    await settled()

    both = {private["id"], binned["id"]}
    assert await ids_seen(owner, target) & both == both
    assert await ids_seen(client, target) & both == both
    assert await ids_seen(other, target) & both == set()
    for record in (private, binned):
        for mine, nobodys in zip(paths(target, record), paths(target, unknown), strict=True):
            answers = [await ask(other, one) for one in (mine, nobodys)]
            assert {answer.status_code for answer in answers} == {404}, mine
            assert len({without_request_id(answer) for answer in answers}) == 1
    taken = await other.put(f"/{target.kind.plural}/by/sap/1", json=body(target.kind, 3))
    assert (taken.status_code, taken.json()["code"]) == (409, "externalIdTaken")
    assert private["id"] not in taken.text
    assert (await owner.get(f"/{target.kind.plural}/{private['id']}")).json() == private
    assert (await owner.post(f"/{target.kind.plural}/{binned['id']}/restore")).json()["version"] == 3
    assert (await client.patch(f"/{target.kind.plural}/{private['id']}", json=edit(target, 7))).status_code == 200


@of_each(shared_by)
async def test_what_is_shared_is_seen_by_all_and_changed_by_its_owner(
    client: Client, owner: Client, other: Client, target: Target, settled: Callable[[], Awaitable[None]]
) -> None:
    shared = await make_one(owner, target, 1, shared=True, externalIds={"sap": "1"})
    url = f"/{target.kind.plural}/{shared['id']}"
    await settled()

    assert shared["id"] in await ids_seen(other, target)
    for one in paths(target, shared):
        answer = await ask(other, one)
        if one[0] == "GET":
            assert answer.status_code == 200, one
        else:
            expected = (404, "notFound") if one[1].endswith("restore") else (403, "ownerOnly")
            assert (answer.status_code, answer.json()["code"]) == expected, one
    upsert = await other.put(f"/{target.kind.plural}/by/sap/1", json=body(target.kind, 3))
    assert (upsert.status_code, upsert.json()["code"]) == (403, "ownerOnly")
    assert (await other.get(url)).json() == shared
    for version, writer in enumerate((owner, client), 2):
        assert (await writer.patch(url, json=edit(target, version))).json()["version"] == version
    assert (await owner.delete(url)).status_code == 204
    await settled()
    assert shared["id"] in await ids_seen(other, target)
    assert (await other.post(f"{url}/restore")).status_code == 404
    assert (await client.post(f"{url}/restore")).json()["version"] == 5


@of_each(shared_by)
async def test_what_becomes_private_is_gone_for_others_and_no_event_tells_them_more(
    client: Client, owner: Client, other: Client, target: Target, settled: Callable[[], Awaitable[None]]
) -> None:
    made = await make_one(owner, target, 1, shared=True)
    url = f"/{target.kind.plural}/{made['id']}"
    hidden = (await owner.patch(url, json={target.api_name: False} | edit(target, 2))).json()
    await settled()

    for path in (url, f"{url}/history"):
        assert (await other.get(path)).status_code == 404
        assert (await client.get(path)).status_code == (await owner.get(path)).status_code == 200
    for time in (made["modifiedAt"], hidden["modifiedAt"]):
        assert (await other.get(url, params={"asOf": time})).status_code == 404
        assert (await owner.get(url, params={"asOf": time})).status_code == 200
    told = {
        one.user_id: [event["version"] for event in (await one.get(f"/events?recordId={made['id']}")).json()["data"]]
        for one in (owner, other, client)
    }
    assert told == {owner.user_id: [1, 2], other.user_id: [1], client.user_id: [1, 2]}


@of_each(shared_by)
async def test_what_becomes_shared_shows_nothing_of_what_was_private(
    owner: Client, other: Client, target: Target, settled: Callable[[], Awaitable[None]]
) -> None:
    made = await make_one(owner, target, 1, shared=False)
    url = f"/{target.kind.plural}/{made['id']}"
    shown = (await owner.patch(url, json={target.api_name: True} | edit(target, 2))).json()
    await settled()

    (name,) = edit(target, 2)
    (event,) = (await other.get(f"{url}/history")).json()["data"]
    assert (await other.get(f"/events?recordId={made['id']}")).json()["data"] == [event]
    assert (event["version"], event["data"]) == (2, shown)
    assert event["previous"] == {name: None, target.api_name: None}
    (first, _) = (await owner.get(f"{url}/history")).json()["data"]
    assert first["previous"] == {name: made[name], target.api_name: False}
    for time, status in ((made["modifiedAt"], 404), (shown["modifiedAt"], 200)):
        assert (await other.get(url, params={"asOf": time})).status_code == status


@of_each(shared_by)
async def test_nobody_makes_a_record_for_somebody_else(
    client: Client, owner: Client, other: Client, target: Target
) -> None:
    given = {"ownerId": str(other.user_id)}
    made = await make_one(owner, target, 1, shared=True)
    url = f"/{target.kind.plural}/{made['id']}"
    for method, path, sent in (
        ("POST", f"/{target.kind.plural}", body(target.kind, 2) | given),
        ("PUT", f"/{target.kind.plural}/by/sap/9", body(target.kind, 3) | given),
        ("PATCH", url, given),
        ("PATCH", url, {"ownerId": None}),
    ):
        answer = await owner.request(method, path, json=sent)
        assert (answer.status_code, answer.json()["code"]) == (403, "ownerOnly"), path
    handed = await client.patch(url, json=given | {target.api_name: False})
    assert (handed.status_code, handed.json()["ownerId"]) == (200, str(other.user_id))
    assert [(await one.get(url)).status_code for one in (owner, other)] == [404, 200]
