"""GET /metadata/expressions: what an editor or an agent needs in order to write an expression."""

from typing import Any

from app.domain.kernel.expression import vocabulary
from app.domain.kernel.expression.functions import FUNCTIONS, Profile
from app.domain.kernel.expression.parser import PRECEDENCE
from app.domain.kernel.expression.tree import Type
from app.domain.kernel.schema import CustomField, Schema
from app.domain.registry import CATALOG
from tests.world import Client, Place, World, running

METADATA = "/metadata/expressions"


async def language(client: Client, **parameters: str) -> dict[str, Any]:
    answer = await client.get(METADATA, params=parameters)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def named(shown: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in shown}


async def test_every_function_operator_type_and_profile_is_listed(client: Client) -> None:
    shown = await language(client)
    assert [one["name"] for one in shown["functions"]] == [*FUNCTIONS]
    assert {one["symbol"] for one in shown["operators"]} == {*PRECEDENCE, "!", "? :"}
    assert [one["name"] for one in shown["types"]] == [*Type]
    assert [one["name"] for one in shown["profiles"]] == [*Profile]


async def test_operators_bind_as_the_parser_has_it(client: Client) -> None:
    unary = {"!", "-"}
    shown = (await language(client))["operators"]
    binary = [(one["symbol"], one["precedence"]) for one in shown if one["precedence"] != vocabulary.UNARY]
    assert dict(binary) == {**PRECEDENCE, "? :": vocabulary.CONDITIONAL}
    assert {one["symbol"] for one in shown if one["precedence"] == vocabulary.UNARY} == unary
    assert max(PRECEDENCE.values()) < vocabulary.UNARY


async def test_what_is_listed_as_a_field_can_be_used_as_one_of_its_type(client: Client) -> None:
    for described in (await language(client))["objects"]:
        for field in described["fields"]:
            name = field["name"].replace("<system>", "erp")
            body = {"object": described["name"], "expression": name}
            checked = (await client.post("/expressions/check", json=body)).json()
            assert (checked["valid"], checked["type"], checked["fields"]) == (True, field["type"], [name]), field


async def test_what_is_listed_as_a_relation_can_be_followed(client: Client) -> None:
    for described in (await language(client))["objects"]:
        for relation in described["relations"]:
            path = f"{relation['name']}.count(x, has(x.id))" if relation["many"] else f"{relation['name']}.createdAt"
            checked = (
                await client.post("/expressions/check", json={"object": described["name"], "expression": path})
            ).json()
            assert checked["valid"], (described["name"], relation, checked)


async def test_a_field_says_its_type_its_choices_and_where_lists_take_it(client: Client) -> None:
    (account,) = (await language(client, object="account"))["objects"]
    fields = named(account["fields"])
    assert account["plural"] == "accounts"
    assert fields["status"] == {
        "name": "status",
        "type": "text",
        "nullable": False,
        "filterable": True,
        "sortable": True,
        "choices": ["active", "inactive"],
    }
    assert fields["annualRevenue"]["type"] == "number"
    assert fields["annualRevenue.currency"]["type"] == "text"
    assert fields["externalIds.<system>"]["nullable"]
    assert named(account["relations"])["contacts"] == {"name": "contacts", "object": "contact", "many": True}
    assert named(account["relations"])["parent"] == {"name": "parent", "object": "account", "many": False}


async def test_only_what_the_key_may_read_is_listed(world: World, client: Client) -> None:
    narrow = await world.key_of(client, scopes=["accounts:read"])
    (account,) = (await language(narrow))["objects"]
    assert account["name"] == "account"
    assert {one["object"] for one in account["relations"]} == {"account"}
    assert (await narrow.get(METADATA, params={"object": "contact"})).status_code == 403


async def test_hidden_fields_are_absent_and_custom_ones_are_there(place: Place) -> None:
    schema = Schema(
        CATALOG,
        custom={"account": [CustomField("budget", Type.number), CustomField("tags", Type.texts)]},
        hidden={"account": frozenset({"annual_revenue", "parent_id"})},
    )
    async with running(place, schema=schema) as world:
        client = await world.tenant()
        (account,) = (await language(client, object="account"))["objects"]
    fields = named(account["fields"])
    assert {name: fields[name]["type"] for name in fields if name.startswith("custom")} == {
        "custom.budget": "number",
        "custom.tags": "texts",
    }
    hidden = {"annualRevenue", "annualRevenue.currency", "parentId"}
    assert not hidden & fields.keys()
    assert not {"parent", "children"} & named(account["relations"]).keys()


async def test_an_unknown_object_is_refused_by_name(client: Client) -> None:
    answer = await client.get(METADATA, params={"object": "invoice"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0] == {
        "pointer": "object",
        "code": "unknownObject",
        "message": f"There is no such object. Known are {', '.join(kind.name for kind in CATALOG)}.",
        "params": {},
    }


async def test_who_holds_the_answer_already_is_told_so(client: Client) -> None:
    first = await client.get(METADATA)
    again = await client.get(METADATA, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await client.get(METADATA, params={"object": "user"}, headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200
