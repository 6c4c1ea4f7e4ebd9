"""Delete and restore, of every object."""

import asyncio

from app.domain.kernel.ids import uuid7
from app.domain.kernel.object_type import AnyObject
from tests.contract.sample import BOOKKEEPING, CATALOG, Target, body, everything, make, of_each
from tests.world import Client, World


async def test_a_deleted_record_is_gone_from_everywhere_and_comes_back_as_it_was(
    client: Client, kind: AnyObject
) -> None:
    made = await make(client, kind, 1, externalIds={"sap": "1"}, ownerId=str(client.user_id))
    url = f"/{kind.plural}/{made['id']}"
    before = await everything(client, kind)
    gone = await client.delete(url)

    assert (gone.status_code, gone.content) == (204, b"")
    for answer in (await client.get(url), await client.patch(url, json={}), await client.delete(url)):
        assert answer.status_code == 404
    assert (await client.get(f"/{kind.plural}/by/sap/1")).status_code == 404
    assert await everything(client, kind) == [row for row in before if row != made]

    back = await client.post(f"{url}/restore")
    assert back.status_code == 200
    assert back.json() == made | {name: back.json()[name] for name in BOOKKEEPING}
    assert back.json()["version"] == 3
    assert back.content == (await client.get(url)).content
    assert (await client.get(f"/{kind.plural}/by/sap/1")).content == back.content
    assert (await client.post(f"{url}/restore")).status_code == 404


async def test_the_bin_shows_what_lies_in_it_latest_first(client: Client, kind: AnyObject) -> None:
    made = [await make(client, kind, n) for n in range(3)]
    for one in made:
        await client.delete(f"/{kind.plural}/{one['id']}")
    page = (await client.get(f"/bin?object={kind.name}&limit=2")).json()
    rest = (await client.get(f"/bin?object={kind.name}&limit=2&cursor={page['page']['nextCursor']}")).json()
    shown = [*page["data"], *rest["data"]]

    assert [one["recordId"] for one in shown] == [one["id"] for one in reversed(made)]
    assert rest["page"] == {"nextCursor": None, "hasMore": False}
    for one, before in zip(shown, reversed(made), strict=True):
        assert (one["object"], one["version"], one["deletedBy"]) == (kind.name, 2, str(client.user_id))
        assert one["data"] == before | {name: one["data"][name] for name in BOOKKEEPING}
        assert one["data"]["modifiedAt"] == one["deletedAt"]
        kind.read.model_validate(one["data"])
    await client.post(f"/{kind.plural}/{made[1]['id']}/restore")
    left = (await client.get(f"/bin?object={kind.name}")).json()["data"]
    assert [one["recordId"] for one in left] == [made[2]["id"], made[0]["id"]]


async def test_an_id_in_the_bin_stays_taken(client: Client, kind: AnyObject) -> None:
    chosen = str(uuid7())
    await make(client, kind, 1, id=chosen)
    await client.delete(f"/{kind.plural}/{chosen}")
    again = await client.post(f"/{kind.plural}", json=body(kind, 2, id=chosen))
    assert (again.status_code, again.json()["code"]) == (409, "idTaken")


async def test_deleting_and_taking_the_id_again_at_once_never_repeats_a_version(
    client: Client, world: World, kind: AnyObject
) -> None:
    """The insert waits for the delete and must then see the bin, which its own snapshot does not hold."""
    for n in range(8):
        sent = body(kind, n, id=str(uuid7()))
        await client.post(f"/{kind.plural}", json=sent)
        url = f"/{kind.plural}/{sent['id']}"
        await asyncio.gather(client.delete(url), *(client.post(f"/{kind.plural}", json=sent) for _ in range(3)))
    repeated = "select count(*) from event where tenant_id = $1 group by record_id, version having count(*) > 1"
    async with world.place.connect() as administrator:
        assert await administrator.fetch(repeated, client.tenant_id) == []


async def test_deletes_and_restores_at_once_have_one_effect_each(client: Client, kind: AnyObject) -> None:
    url = f"/{kind.plural}/{(await make(client, kind, 1))['id']}"
    deleted = await asyncio.gather(*(client.delete(url) for _ in range(4)))
    restored = await asyncio.gather(*(client.post(f"{url}/restore") for _ in range(4)))
    assert sorted(answer.status_code for answer in deleted) == [204, 404, 404, 404]
    assert sorted(answer.status_code for answer in restored) == [200, 404, 404, 404]
    assert (await client.get(url)).json()["version"] == 3


@of_each(lambda kind: kind.unique)
async def test_a_record_does_not_come_back_into_a_taken_unique_value(client: Client, target: Target) -> None:
    kind, name = target.kind, target.api_name
    made = await make(client, kind, 1)
    await client.delete(f"/{kind.plural}/{made['id']}")
    other = await make(client, kind, 2, **{name: made[name]})
    refused = await client.post(f"/{kind.plural}/{made['id']}/restore")
    assert (refused.status_code, refused.json()["code"]) == (409, "taken")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [f"/{name}"]
    await client.delete(f"/{kind.plural}/{other['id']}")
    assert (await client.post(f"/{kind.plural}/{made['id']}/restore")).json()[name] == made[name]


async def test_a_record_does_not_come_back_into_a_taken_external_id(client: Client, kind: AnyObject) -> None:
    made = await make(client, kind, 1, externalIds={"sap": "1", "crm": "1"})
    await client.delete(f"/{kind.plural}/{made['id']}")
    other = await make(client, kind, 2, externalIds={"crm": "1"})
    refused = await client.post(f"/{kind.plural}/{made['id']}/restore")
    assert (refused.status_code, refused.json()["code"]) == (409, "externalIdTaken")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/externalIds/crm"]
    await client.patch(f"/{kind.plural}/{other['id']}", json={"externalIds": {"crm": None}})
    assert (await client.post(f"/{kind.plural}/{made['id']}/restore")).status_code == 200


@of_each(lambda kind: [name for name in kind.all_references if name in kind.writable])
async def test_a_record_does_not_come_back_before_what_it_refers_to(client: Client, target: Target) -> None:
    kind, name, other = target.kind, target.api_name, CATALOG[target.kind.all_references[target.name].to]
    parent = await make(client, other, 9)
    url = f"/{kind.plural}/{(await make(client, kind, 1, **{name: parent['id']}))['id']}"
    assert (await client.delete(url)).status_code == 204
    assert (await client.delete(f"/{other.plural}/{parent['id']}")).status_code == 204

    refused = await client.post(f"{url}/restore")
    assert (refused.status_code, refused.json()["code"]) == (409, "missingReference")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [f"/{name}"]
    assert (await client.post(f"/{other.plural}/{parent['id']}/restore")).status_code == 200
    assert (await client.post(f"{url}/restore")).json()[name] == parent["id"]
