"""What a view may say, and what its fields are good for."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.factories.views import make_view
from tests.world import Client, World

BODY: Mapping[str, Any] = {"name": "Finance", "object": "account"}


async def test_a_view_keeps_what_it_is_given(client: Client) -> None:
    given = {
        "name": "Big banks",
        "object": "account",
        "filter": 'industry == "Finance" && employees > 100 && !owner.name.startsWith("A")',
        "columns": ["name", "owner.name", "parent.owner.email", "annualRevenue"],
        "sort": "-employees,name",
        "shared": True,
    }
    made = await make_view(client, **given)
    bare = await make_view(client)

    assert {name: made[name] for name in given} == given
    assert [bare[name] for name in ("filter", "columns", "sort", "shared")] == [None, [], None, False]
    assert made["ownerId"] == str(client.user_id)


async def test_the_views_of_an_object_are_a_list(client: Client) -> None:
    for name, object_, shared in (("b", "account", True), ("a", "account", False), ("c", "contact", True)):
        await make_view(client, name=name, object=object_, shared=shared)

    async def names(query: str) -> list[str]:
        return [one["name"] for one in (await client.get(f"/views?{query}")).json()["data"]]

    assert await names("object=account") == ["a", "b"]
    assert await names("object=account&shared=true") == ["b"]
    assert await names("filter=shared %26%26 object != 'account'") == ["c"]


@pytest.mark.parametrize(
    ("wrong", "pointer", "code"),
    [
        ({"object": "acount"}, "/object", "unknownObject"),
        ({"object": "events"}, "/object", "unknownObject"),
        ({"filter": "employes > 3"}, "/filter", "unknownField"),
        ({"filter": "employees > "}, "/filter", "syntax"),
        ({"filter": "employees > 'many'"}, "/filter", "wrongType"),
        ({"filter": "old.name == name"}, "/filter", "notHere"),
        ({"filter": ""}, "/filter", "syntax"),
        ({"columns": ["name", "nope"]}, "/columns/1", "unknownField"),
        ({"columns": ["contacts.name"]}, "/columns/0", "unknownField"),
        ({"columns": ["owner"]}, "/columns/0", "unknownField"),
        ({"columns": ["parent.parent.parent.name"]}, "/columns/0", "unknownField"),
        ({"columns": [".", "name."]}, "/columns/0", "unknownField"),
        ({"sort": "website"}, "/sort", "badSort"),
        ({"sort": ""}, "/sort", "badSort"),
        ({"sort": "name,-status,employees"}, "/sort", "badSort"),
    ],
)
async def test_what_its_object_does_not_have_is_refused_by_name_and_place(
    client: Client, wrong: dict[str, Any], pointer: str, code: str
) -> None:
    kept = await make_view(client, filter="employees > 3", columns=["name"], sort="name")
    url = f"/views/{kept['id']}"
    for answer in (await client.post("/views", json={**BODY, **wrong}), await client.patch(url, json=wrong)):
        assert answer.status_code == 422, answer.text
        fault = answer.json()["errors"][0]
        assert (fault["pointer"], fault["code"]) == (pointer, code)
    assert (await client.get(url)).json() == kept


async def test_a_mistake_in_the_filter_is_shown_by_its_position(client: Client) -> None:
    answer = await client.post("/views", json={**BODY, "filter": "employees > 3 && industri == 'x'"})
    params = answer.json()["errors"][0]["params"]
    assert (params["position"], params["end"], params["suggestion"]) == (17, 25, "industry")


async def test_another_object_needs_another_filter(client: Client) -> None:
    made = await make_view(client, filter="employees > 3")
    url = f"/views/{made['id']}"
    refused = await client.patch(url, json={"object": "contact"})
    moved = await client.patch(url, json={"object": "contact", "filter": "account.employees > 3"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/filter")
    assert (moved.status_code, moved.json()["object"]) == (200, "contact")


async def test_a_view_shows_only_objects_that_its_writer_may_read(world: World, client: Client) -> None:
    narrow = await world.key_of(client, scopes=["views:read", "views:write", "contacts:read"])
    for wrong in (
        {"object": "account"},
        {"object": "contact", "filter": "account.name == 'Acme'"},
    ):
        answer = await narrow.post("/views", json={**BODY, **wrong})
        assert (answer.status_code, answer.json()["code"]) == (403, "missingScope"), wrong
    hidden = await narrow.post("/views", json={**BODY, "object": "contact", "columns": ["account.name"]})
    assert (hidden.status_code, hidden.json()["errors"][0]["pointer"]) == (422, "/columns/0")
    assert (await narrow.post("/views", json={**BODY, "object": "contact", "columns": ["email"]})).status_code == 201
