"""Create, get, edit: of every object."""

import asyncio

from app.domain.kernel.actor import Role
from app.domain.kernel.ids import uuid7
from app.domain.kernel.object_type import AnyObject
from tests.contract.sample import (
    CATALOG,
    KINDS,
    Json,
    Target,
    body,
    editable,
    least,
    make,
    of_each,
    plain_fields,
    value,
)
from tests.factories.making import must_refer
from tests.world import Client, World


def some_edit(kind: AnyObject, n: int = 1) -> dict[str, object]:
    name = editable(kind)[0]
    return {kind.by_column[name].api_name: value(kind, name, n)}


async def test_what_was_created_is_what_is_read(client: Client, kind: AnyObject) -> None:
    sent = body(kind)
    made = await client.post(f"/{kind.plural}", json=sent)
    got = await client.get(f"/{kind.plural}/{made.json()['id']}")

    assert made.status_code == 201
    assert got.content == made.content
    assert got.headers["etag"] == made.headers["etag"]
    assert made.headers["location"] == f"/api/v1/{kind.plural}/{made.json()['id']}"
    assert list(got.json()) == list(kind.fields)
    assert kind.read.model_validate_json(got.content, strict=True).version == 1
    assert {name: got.json()[name] for name in sent} == sent
    assert got.json()["createdBy"] == got.json()["modifiedBy"] == str(client.user_id)


async def test_what_is_left_out_has_its_default(client: Client, kind: AnyObject) -> None:
    made = (await client.post(f"/{kind.plural}", json=least(kind))).json()
    defaults = kind.create.model_construct().model_dump(mode="json", by_alias=True) | least(kind)
    if kind.shared_by:
        defaults["ownerId"] = str(client.user_id)
    assert {name: made[name] for name in defaults} == defaults


async def test_the_declared_example_can_be_created_as_it_stands(client: Client, kind: AnyObject) -> None:
    made = await client.post(f"/{kind.plural}", json=kind.example)
    assert made.status_code == 201, made.text
    assert {name: made.json()[name] for name in kind.example} == kind.example


async def test_an_edit_adds_one_version_and_one_that_changes_nothing_adds_none(client: Client, kind: AnyObject) -> None:
    made = await make(client, kind)
    url = f"/{kind.plural}/{made['id']}"
    edited, again = [await client.patch(url, json=some_edit(kind)) for _ in range(2)]

    assert edited.json() == made | some_edit(kind) | {"version": 2, "modifiedAt": edited.json()["modifiedAt"]}
    assert edited.json()["modifiedAt"] > made["modifiedAt"]
    assert edited.content == again.content == (await client.get(url)).content
    assert edited.headers["etag"] == again.headers["etag"] != f'"{made["version"]}"'


async def test_every_field_can_be_edited_and_cleared_where_it_may_be_empty(client: Client, kind: AnyObject) -> None:
    for n, field in enumerate(plain_fields(kind)):
        name, sent = field.api_name, value(kind, field.name, 2 * n + 1)
        made = await make(client, kind, 2 * n)
        url = f"/{kind.plural}/{made['id']}"
        edited = await client.patch(url, json={name: sent})
        cleared = await client.patch(url, json={name: None})

        assert edited.json()[name] == sent
        if field.nullable:
            assert (cleared.status_code, cleared.json()[name], cleared.json()["version"]) == (200, None, 3), name
        else:
            assert cleared.status_code == 422, name
            assert cleared.json()["errors"][0]["pointer"] == f"/{name}"


async def test_edits_of_different_fields_at_once_all_arrive(client: Client, kind: AnyObject) -> None:
    made = await make(client, kind)
    url = f"/{kind.plural}/{made['id']}"
    edits = {kind.by_column[name].api_name: value(kind, name, 5) for name in editable(kind)[:3]}
    answers = await asyncio.gather(*(client.patch(url, json={name: one}) for name, one in edits.items()))

    assert {answer.status_code for answer in answers} == {200}
    assert (await client.get(url)).json().items() >= (edits | {"version": 1 + len(edits)}).items()


async def test_a_refused_member_is_named_and_nothing_is_written(client: Client, kind: AnyObject) -> None:
    made = await make(client, kind)
    url = f"/{kind.plural}/{made['id']}"
    for refused, pointer in (
        ({"nope": 1}, "/nope"),
        ({"version": 7}, "/version"),
        ({"custom": {}}, "/custom"),
        ({"id": made["id"]}, "/id"),
        ({plain_fields(kind)[0].api_name: ["x"]}, f"/{plain_fields(kind)[0].api_name}"),
    ):
        answer = await client.patch(url, json=some_edit(kind) | refused)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"][: len(pointer)]) == (422, pointer)
    assert (await client.get(url)).json() == made


async def test_an_id_may_be_chosen_once(client: Client, stranger: Client, kind: AnyObject) -> None:
    chosen = str(uuid7())
    made = await client.post(f"/{kind.plural}", json=body(kind, 1, id=chosen))
    again = await client.post(f"/{kind.plural}", json=body(kind, 2, id=chosen))
    elsewhere = await stranger.post(f"/{kind.plural}", json=body(kind, 3, id=chosen))

    assert made.json()["id"] == elsewhere.json()["id"] == chosen
    assert (again.status_code, again.json()["code"]) == (409, "idTaken")
    assert again.json()["errors"][0]["pointer"] == "/id"
    assert (await client.get(f"/{kind.plural}/{chosen}")).content == made.content


async def test_a_path_id_that_is_none_is_not_found(client: Client, kind: AnyObject) -> None:
    for path in ("17", "x" * 36, f"{uuid7()}", f"{uuid7()}/history"):
        assert (await client.get(f"/{kind.plural}/{path}")).status_code == 404
    assert (await client.patch(f"/{kind.plural}/17", json={})).status_code == 404


async def test_if_match_compares_the_version_and_nothing_else(client: Client, kind: AnyObject) -> None:
    url = f"/{kind.plural}/{(await make(client, kind))['id']}"
    narrow = (await client.get(f"{url}?fields=id,version")).headers["etag"]

    async def edit(n: int, tag: str) -> int:
        return (await client.patch(url, json=some_edit(kind, n), headers={"If-Match": tag})).status_code

    assert await edit(1, narrow) == 200
    assert await edit(2, narrow) == 412
    assert await edit(3, f'{narrow}, "2-0"') == 200
    assert await edit(4, f'{narrow}, "2-0"') == 412
    assert await edit(5, "*") == 200
    assert (await client.delete(url, headers={"If-Match": narrow})).status_code == 412
    assert (await client.delete(url, headers={"If-Match": '"4-0"'})).status_code == 204


async def test_if_match_refuses_a_tag_that_is_none_of_a_plain_record(client: Client, kind: AnyObject) -> None:
    url = f"/{kind.plural}/{(await make(client, kind))['id']}"
    of_bytes = (await client.get(f"{url}?expand=owner")).headers["etag"]
    for tag in (of_bytes, "nonsense", '""', f'"{"9" * 30}-0"'):
        answer = await client.patch(url, json=some_edit(kind), headers={"If-Match": tag})
        assert (answer.status_code, answer.json()["code"]) == (400, "badIfMatch"), tag
    assert (await client.get(url)).json()["version"] == 1


async def test_if_match_of_a_record_that_is_not_there_is_not_found(client: Client, kind: AnyObject) -> None:
    for send in (client.delete, lambda url, headers: client.patch(url, json={}, headers=headers)):
        assert (await send(f"/{kind.plural}/{uuid7()}", headers={"If-Match": '"1-0"'})).status_code == 404


async def test_if_none_match_spares_the_body_of_what_is_known(client: Client, kind: AnyObject) -> None:
    url = f"/{kind.plural}/{(await make(client, kind))['id']}"
    for path in (url, f"{url}?fields=id", f"{url}?expand=owner", f"/{kind.plural}?limit=2"):
        tag = (await client.get(path)).headers["etag"]
        for known in (tag, f"W/{tag}", f'"1-0", {tag}', "*"):
            answer = await client.get(path, headers={"If-None-Match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert (await client.get(path, headers={"If-None-Match": '"1-0"'})).status_code == 200


async def test_two_views_of_one_version_have_two_tags(client: Client, kind: AnyObject) -> None:
    url = f"/{kind.plural}/{(await make(client, kind))['id']}"
    tags = {(await client.get(url + view)).headers["etag"] for view in ("", "?fields=id", "?expand=owner")}
    assert len(tags) == 3


async def test_only_the_fields_asked_for_are_shown_in_their_own_order(client: Client, kind: AnyObject) -> None:
    url = f"/{kind.plural}/{(await make(client, kind))['id']}"
    whole = (await client.get(url)).json()
    for name in kind.fields:
        shown = (await client.get(f"{url}?fields={name},version")).json()
        assert shown == {name: whole[name], "version": 1}
        assert list(shown) == sorted(shown, key=list(kind.fields).index)
    answer = await client.get(f"{url}?fields=id,nope")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "fields")


async def test_a_key_needs_the_scope_for_what_it_does(world: World, client: Client, kind: AnyObject) -> None:
    made = await make(client, kind)
    url = f"/{kind.plural}/{made['id']}"
    reader = await world.key_of(client, scopes=[f"{kind.plural}:read"])
    others = [one.scope("read") for one in KINDS if one is not kind]
    writer = await world.key_of(client, scopes=[f"{kind.plural}:write", "events:read", *others])

    for read in ("", "/query", f"/{made['id']}", f"/{made['id']}/history", "/by/a/b"):
        method = "POST" if read == "/query" else "GET"
        answers = [await one.request(method, f"/{kind.plural}{read}", json={}) for one in (reader, writer)]
        assert answers[0].status_code in (200, 404)
        assert (answers[1].status_code, answers[1].json()["code"]) == (403, "missingScope")
    for method, path, sent in (
        ("POST", f"/{kind.plural}", body(kind, 2)),
        ("PATCH", url, some_edit(kind)),
        ("PUT", f"/{kind.plural}/by/a/b", body(kind, 3)),
        ("DELETE", url, None),
        ("POST", f"{url}/restore", None),
    ):
        refused = await reader.request(method, path, json=sent)
        assert (refused.status_code, refused.json()["code"]) == (403, "missingScope")
        assert (await writer.request(method, path, json=sent)).status_code < 300


async def test_who_may_write_is_as_declared(world: World, client: Client, kind: AnyObject) -> None:
    member = await world.member_of(client)
    url = f"/{kind.plural}/{(await make(client, kind, ownerId=str(member.user_id)))['id']}"
    expected = (403, "adminOnly") if kind.written_by is Role.admin else (0, "")

    assert (await member.get(url)).status_code == 200
    for method, path, sent in (
        ("POST", f"/{kind.plural}", body(kind, 2)),
        ("PATCH", url, some_edit(kind)),
        ("PUT", f"/{kind.plural}/by/a/b", body(kind, 3)),
        ("DELETE", url, None),
        ("POST", f"{url}/restore", None),
    ):
        answer = await member.request(method, path, json=sent)
        refused = answer.status_code >= 300
        assert ((answer.status_code, answer.json()["code"]) if refused else (0, "")) == expected


@of_each(lambda kind: kind.unique_together[-1:])
async def test_what_is_unique_together_belongs_to_one_record_of_a_tenant(
    client: Client, stranger: Client, target: Target
) -> None:
    kind, name = target.kind, target.api_name
    together = [kind.by_column[one].api_name for one in kind.unique_together if one in kind.writable]
    pointed, others = await pointed_at_by(client, target, 9), await pointed_at_by(client, target, 8)
    first, other = await make(client, kind, 1, **pointed), await make(client, kind, 2)
    taken = body(kind, 3) | {one: first[one] for one in together}
    answers = [
        await client.post(f"/{kind.plural}", json=taken),
        await client.patch(f"/{kind.plural}/{other['id']}", json={one: first[one] for one in together}),
        await client.put(f"/{kind.plural}/by/a/b", json=taken),
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (409, "taken")
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"
    free = taken | {name: (body(kind, 3) | others)[name]}
    assert (await client.post(f"/{kind.plural}", json=free)).status_code == 201
    elsewhere = {one: taken[one] for one in body(kind, 3)} | await pointed_at_by(stranger, target, 9)
    assert (await stranger.post(f"/{kind.plural}", json=elsewhere)).status_code == 201


async def pointed_at_by(client: Client, target: Target, n: int) -> Json:
    """A record for the member, if it is a reference that may be left out."""
    reference = target.kind.references.get(target.name)
    if reference is None or target.name in must_refer(target.kind):
        return {}
    return {target.api_name: (await make(client, CATALOG[reference.to], n))["id"]}


@of_each(lambda kind: kind.unique)
async def test_a_unique_value_belongs_to_one_record_of_a_tenant(
    client: Client, stranger: Client, target: Target
) -> None:
    kind, name = target.kind, target.api_name
    first, other = await make(client, kind, 1), await make(client, kind, 2)
    taken = body(kind, 3) | {name: first[name]}
    answers = [
        await client.post(f"/{kind.plural}", json=taken),
        await client.patch(f"/{kind.plural}/{other['id']}", json={name: first[name]}),
        await client.put(f"/{kind.plural}/by/a/b", json=taken),
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (409, "taken")
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"
    assert (await stranger.post(f"/{kind.plural}", json=taken)).status_code == 201


@of_each(lambda kind: kind.unique)
async def test_of_many_at_once_one_gets_the_unique_value(client: Client, target: Target) -> None:
    kind, name = target.kind, target.api_name
    bodies = [body(kind, n) | {name: value(kind, target.name, 99)} for n in range(5)]
    answers = await asyncio.gather(*(client.post(f"/{kind.plural}", json=one) for one in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
