"""What every object points at, and what points back."""

import asyncio
from collections.abc import Iterable

import pytest

from app.domain.kernel.ids import uuid7
from app.domain.kernel.object_type import AnyObject
from app.domain.kernel.query import TO_MANY, Expand
from tests.contract.sample import (
    CATALOG,
    KINDS,
    THOROUGHLY_AT,
    Json,
    Target,
    body,
    keys_beside,
    make,
    of_each,
    without_request_id,
)
from tests.factories.making import make_needed
from tests.world import Client, World


def references(kind: AnyObject) -> Iterable[str]:
    """Those that a body may set: the others are set by verbs, whose tests are those of their module."""
    return [name for name in kind.all_references if name in kind.writable]


def acyclic(kind: AnyObject) -> Iterable[str]:
    return [name for name, one in kind.references.items() if one.acyclic]


def lists(kind: AnyObject) -> list[Expand]:
    return [one for one in CATALOG.expansions(kind).values() if one.many]


INVERSES = [(kind, one) for kind in KINDS for one in lists(kind)]
PATHS = [
    (kind, one)
    for kind in KINDS
    for one in CATALOG.expansions(kind).values()
    if one.reference in (CATALOG[one.to] if one.many else kind).writable
]


def pointed_at(target: Target) -> AnyObject:
    return CATALOG[target.kind.all_references[target.name].to]


def member(target: Target) -> str:
    """The name under which the reference is shown inline."""
    return next(
        one.name for one in CATALOG.expansions(target.kind).values() if one.reference == target.name and not one.many
    )


@of_each(references)
async def test_a_reference_is_set_and_cleared(client: Client, target: Target) -> None:
    kind, name = target.kind, target.api_name
    pointed = await make(client, pointed_at(target), 9)
    made = await make(client, kind, 1, **{name: pointed["id"]})
    url = f"/{kind.plural}/{made['id']}"
    assert made[name] == pointed["id"]
    cleared = await client.patch(url, json={name: None})
    assert (cleared.status_code, cleared.json().get(name)) == ((200, None) if target.field.nullable else (422, None))
    assert (await client.patch(url, json={name: pointed["id"]})).json()[name] == pointed["id"]


@of_each(references)
async def test_an_unknown_a_foreign_and_a_deleted_record_cannot_be_pointed_at_and_answer_the_same(
    client: Client, stranger: Client, target: Target
) -> None:
    kind, name, other = target.kind, target.api_name, pointed_at(target)
    foreign, gone = await make(stranger, other, 9), await make(client, other, 8)
    assert (await client.delete(f"/{other.plural}/{gone['id']}")).status_code == 204
    url = f"/{kind.plural}/{(await make(client, kind, 1))['id']}"

    for method, path in (("POST", f"/{kind.plural}"), ("PATCH", url), ("PUT", f"/{kind.plural}/by/a/b")):
        more = {} if method == "PATCH" else body(kind, 2)
        answers = [
            await client.request(method, path, json=more | {name: id_})
            for id_ in (str(uuid7()), foreign["id"], gone["id"])
        ]
        assert len({without_request_id(answer) for answer in answers}) == 1
        assert answers[0].status_code == 422
        assert [(fault["pointer"], fault["code"]) for fault in answers[0].json()["errors"]] == [
            (f"/{name}", "unknownReference")
        ]
        assert foreign["id"] not in answers[1].text
    assert (await client.get(url)).json()["version"] == 1


@of_each(references)
async def test_what_is_pointed_at_stays_and_the_refusal_names_what_points(client: Client, target: Target) -> None:
    kind, name, other = target.kind, target.api_name, pointed_at(target)
    pointed = await make(client, other, 9)
    made = [
        await make(client, kind, n, **await keys_beside(client, kind, target.name) | {name: pointed["id"]})
        for n in (1, 2)
    ]
    refused = await client.delete(f"/{other.plural}/{pointed['id']}")

    assert (refused.status_code, refused.json()["code"]) == (409, "referenced")
    assert [fault["params"] for fault in refused.json()["errors"]] == [
        {"object": kind.name, "field": name, "records": 2}
    ]
    assert refused.json()["errors"][0]["pointer"] == f"/{name}"
    if target.field.nullable:
        await client.patch(f"/{kind.plural}/{made[0]['id']}", json={name: None})
    else:
        await client.delete(f"/{kind.plural}/{made[0]['id']}")
    await client.delete(f"/{kind.plural}/{made[1]['id']}")
    assert (await client.delete(f"/{other.plural}/{pointed['id']}")).status_code == 204


@of_each(references)
async def test_a_reference_is_shown_inline_as_get_shows_it(client: Client, target: Target) -> None:
    kind, name, other = target.kind, target.api_name, pointed_at(target)
    pointed = await make(client, other, 9)
    url = f"/{kind.plural}/{(await make(client, kind, 1, **{name: pointed['id']}))['id']}"
    plain, shown = await client.get(url), await client.get(f"{url}?expand={member(target)}")
    pointed = (await client.get(f"/{other.plural}/{pointed['id']}")).json()  # which being pointed at may have changed

    assert shown.json() == plain.json() | {member(target): pointed}
    other.read.model_validate(shown.json()[member(target)])
    if target.field.nullable:
        bare = f"/{kind.plural}/{(await make(client, kind, 2, **{name: None}))['id']}"
        assert (await client.get(f"{bare}?expand={member(target)}")).json()[member(target)] is None
    listed = await client.get(f"/{kind.plural}?id={plain.json()['id']}&expand={member(target)}")
    assert listed.json()["data"] == [shown.json()]


@of_each(references)
async def test_expanding_needs_the_scope_to_read_what_is_shown(client: Client, world: World, target: Target) -> None:
    kind, other = target.kind, pointed_at(target)
    url = f"/{kind.plural}/{(await make(client, kind, 1))['id']}?expand={member(target)}"
    narrow = await world.key_of(client, scopes=[f"{kind.plural}:read"])
    wide = await world.key_of(client, scopes=[f"{kind.plural}:read", f"{other.plural}:read"])
    assert (await narrow.get(url)).status_code == (200 if other is kind else 403)
    assert (await wide.get(url)).status_code == 200


@pytest.mark.parametrize(("kind", "inverse"), INVERSES, ids=lambda one: one.name)
async def test_what_points_back_is_a_list_of_the_newest_that_says_when_there_are_more(
    client: Client, kind: AnyObject, inverse: Expand
) -> None:
    other, field = CATALOG[inverse.to], CATALOG[inverse.to].by_column[inverse.reference].api_name
    made = await make(client, kind, 70)
    url = f"/{kind.plural}/{made['id']}?expand={inverse.name}"
    assert (await client.get(url)).json() == made | {inverse.name: {"data": [], "hasMore": False}}

    await make_needed(client, other, CATALOG)
    bodies = [
        body(other, n, **await keys_beside(client, other, inverse.reference) | {field: made["id"]})
        for n in range(TO_MANY + 1)
    ]
    last = bodies.pop()
    answers = await asyncio.gather(*(client.post(f"/{other.plural}", json=one) for one in bodies))
    children = sorted((answer.json() for answer in answers), key=lambda one: one["id"], reverse=True)
    assert (await client.get(url)).json()[inverse.name] == {"data": children, "hasMore": False}
    other.read.model_validate(children[0])

    newest = (await client.post(f"/{other.plural}", json=last)).json()
    expected = {"data": [newest, *children[:-1]], "hasMore": True}
    assert (await client.get(url)).json()[inverse.name] == expected
    listed = await client.get(f"/{kind.plural}?id={made['id']}&expand={inverse.name}")
    assert listed.json()["data"][0][inverse.name] == expected


@pytest.mark.parametrize(("kind", "one"), PATHS, ids=lambda part: part.name)
async def test_references_are_followed_two_deep_and_no_deeper(client: Client, kind: AnyObject, one: Expand) -> None:
    """Whatever there is to show, the statement is valid and the members are there."""
    near, far = await linked(client, kind, one, 1)
    CATALOG[one.to].read.model_validate(far)
    url, seconds = f"/{kind.plural}/{near['id']}", CATALOG.expansions(CATALOG[one.to])
    for names in [[name] for name in seconds] if kind.name in THOROUGHLY_AT else [list(seconds)]:
        shown = await client.get(f"{url}?expand={','.join(f'{one.name}.{name}' for name in names)}")
        assert shown.status_code == 200, shown.text
        inner = shown.json()[one.name]
        inner = inner["data"][0] if one.many else inner
        assert inner["id"] == far["id"]
        for name in names:
            assert name in inner
            known = ({"data", "hasMore"}, {}.keys(), CATALOG[seconds[name].to].fields.keys())
            assert (inner[name] or {}).keys() in known, name
    for name in seconds:
        deep = await client.get(f"{url}?expand={one.name}.{name}.owner")
        assert (deep.status_code, deep.json()["code"]) == (400, "tooDeep")


async def linked(client: Client, kind: AnyObject, one: Expand, n: int) -> tuple[Json, Json]:
    """A record of the kind, and one that `one` shows with it."""
    other = CATALOG[one.to]
    if one.many:
        near = await make(client, kind, n)
        return near, await make(client, other, n + 1, **{other.by_column[one.reference].api_name: near["id"]})
    far = await make(client, other, n + 1)
    return await make(client, kind, n, **{kind.by_column[one.reference].api_name: far["id"]}), far


@pytest.mark.parametrize(("kind", "inverse"), INVERSES, ids=lambda one: one.name)
async def test_a_list_that_could_show_too_much_inline_is_refused(
    client: Client, kind: AnyObject, inverse: Expand
) -> None:
    for path in (inverse.name, f"{inverse.name}.owner"):
        assert (await client.get(f"/{kind.plural}?limit=200&expand={path}")).status_code == 200
    for deeper in (one.name for one in lists(CATALOG[inverse.to])):
        many = await client.get(f"/{kind.plural}?limit=200&expand={inverse.name}.{deeper}")
        assert (many.status_code, many.json()["code"]) == (400, "expandTooLarge")
        assert (await client.get(f"/{kind.plural}?limit=10&expand={inverse.name}.{deeper}")).status_code == 200


async def test_an_unknown_expansion_names_the_known_ones(client: Client, kind: AnyObject) -> None:
    answer = await client.get(f"/{kind.plural}?expand=nope")
    assert (answer.status_code, answer.json()["code"]) == (400, "unknownField")
    assert all(name in answer.json()["detail"] for name in CATALOG.expansions(kind))


@of_each(acyclic)
async def test_no_record_stands_above_itself(client: Client, target: Target) -> None:
    kind, name = target.kind, target.api_name
    top = await make(client, kind, 1)
    middle = await make(client, kind, 2, **{name: top["id"]})
    bottom = await make(client, kind, 3, **{name: middle["id"]})

    for below in (top, middle, bottom):
        answer = await client.patch(f"/{kind.plural}/{top['id']}", json={name: below["id"]})
        assert (answer.status_code, answer.json()["code"]) == (422, "cycle")
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"
    moved = await client.patch(f"/{kind.plural}/{bottom['id']}", json={name: top["id"]})
    assert (moved.status_code, moved.json()[name]) == (200, top["id"])


@of_each(acyclic)
async def test_no_record_is_created_above_itself(client: Client, target: Target) -> None:
    own = str(uuid7())
    sent = body(target.kind, 1, id=own, **{target.api_name: own})
    answer = await client.post(f"/{target.kind.plural}", json=sent)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{target.api_name}")
