"""POST /expressions/check: type, fields, meaning, and errors with their places."""

from typing import Any

import pytest

from app.domain.kernel.expression.functions import FUNCTIONS, Profile
from app.domain.kernel.expression.limits import MAX_LENGTH
from app.domain.kernel.expression.tree import Type
from app.domain.kernel.expression.vocabulary import OPERATORS, TYPES
from app.domain.registry import CATALOG
from tests.world import Client, World

CHECK = "/expressions/check"


async def check(client: Client, expression: str, of: str = "opportunity", **more: str) -> dict[str, Any]:
    answer = await client.post(CHECK, json={"object": of, "expression": expression, **more})
    assert answer.status_code == 200, answer.text
    checked: dict[str, Any] = answer.json()
    return checked


async def test_a_right_expression_says_its_type_what_it_reads_and_what_it_means(client: Client) -> None:
    text = 'amount > 10000 && account.industry in ["Finance", "Tech"] && !(probability < 50)'
    assert await check(client, text) == {
        "valid": True,
        "type": "boolean",
        "fields": ["account.industry", "amount", "probability"],
        "meaning": "The amount is over 10,000, the account's industry is Finance or Tech, and it is not so that the "
        "probability is under 50.",
        "errors": [],
    }


async def test_a_value_says_which_type_it_has(client: Client) -> None:
    checked = await check(client, "daysBetween(engageDate, closeDate)")
    assert (checked["type"], checked["meaning"]) == (
        "number",
        "The number of days from the engage date to the close date.",
    )


async def test_a_wrong_expression_is_an_answer_that_says_where_and_what_to_do(client: Client) -> None:
    checked = await check(client, 'amount > 10 && stge == "closedWon"')
    (error,) = checked.pop("errors")
    assert checked == {"valid": False, "type": None, "fields": [], "meaning": None}
    assert error.pop("message").endswith("Did you mean stage?")
    assert error == {
        "code": "unknownField",
        "position": 15,
        "end": 19,
        "found": "stge",
        "expected": None,
        "suggestion": "stage",
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "syntax"),
        ("amount >", "syntax"),
        ('amount > "5"', "wrongType"),
        ("amount > 10 && " * 400 + "true", "tooLong"),
        ("(" * 40 + "true" + ")" * 40, "tooDeep"),
        ("old.stage == stage", "notHere"),
        ('name == "\ufdd0\u202e"', "syntax"),
    ],
)
async def test_what_cannot_be_read_is_told_apart_by_its_code(client: Client, text: str, code: str) -> None:
    (error,) = (await check(client, text))["errors"]
    assert error["code"] == code
    assert 0 <= error["position"] <= error["end"] <= max(len(text), MAX_LENGTH)


async def test_old_values_belong_to_the_event_profile_and_relations_do_not(client: Client) -> None:
    text = 'stage != old.stage && stage == "closedWon"'
    assert (await check(client, text, profile="event"))["fields"] == ["old.stage", "stage"]
    assert not (await check(client, text))["valid"]
    assert not (await check(client, 'account.name == "x"', profile="event"))["valid"]


async def test_a_relation_needs_the_right_to_read_what_it_leads_to(world: World, client: Client) -> None:
    narrow = await world.key_of(client, scopes=["opportunities:read"])
    (error,) = (await check(narrow, 'account.name == "x"'))["errors"]
    assert (error["code"], error["position"], "accounts:read" in error["message"]) == ("missingScope", 0, True)
    (error,) = (await check(narrow, "true", "account"))["errors"]
    assert (error["code"], "accounts:read" in error["message"]) == ("missingScope", True)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"object": None, "expression": "true"}, "/object"),
        ({"object": "account", "expression": 5}, "/expression"),
        ({"object": "account", "expression": "true", "profile": "formula"}, "/profile"),
        ({"object": "account"}, "/expression"),
        ({"object": "account", "expression": "true", "strict": True}, "/strict"),
    ],
)
async def test_a_body_that_is_no_question_is_refused_by_member(
    client: Client, body: dict[str, Any], pointer: str
) -> None:
    answer = await client.post(CHECK, json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_an_unknown_object_is_refused_by_name(client: Client) -> None:
    answer = await client.post(CHECK, json={"object": "invoice", "expression": "true"})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (400, "/object", "unknownObject")


async def test_every_documented_example_can_be_used(client: Client) -> None:
    """Of some object, over records where that is possible."""
    examples = {
        one.example: Profile.sql if Profile.sql in one.profiles else Profile.event for one in FUNCTIONS.values()
    }
    examples |= {one.example: Profile.sql for one in OPERATORS}
    examples |= {one.example: Profile.sql for name, one in TYPES.items() if name is not Type.texts}
    for example, profile in examples.items():
        checked = [await check(client, example, kind.name, profile=profile) for kind in CATALOG]
        assert any(one["valid"] for one in checked), (example, checked)
