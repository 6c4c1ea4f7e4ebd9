"""Conventions of filters in the expression language."""

from dataclasses import replace
from typing import Any

from app.api import channel, listing
from app.domain.kernel.actor import Actor
from app.domain.kernel.errors import AppError, BadRequest, refused
from app.domain.kernel.expression import filters
from app.domain.kernel.expression.checker import check
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.tree import EVERYTHING, Expression
from app.domain.kernel.ids import uuid7
from app.domain.records import service
from tests.contract.convention import Case, Convention, always, created, is_problem, without


async def found(case: Case, text: str, **more: str) -> list[str]:
    answer = await case.client.get("/accounts", params={"filter": text, "sort": "name", **more})
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["data"]]


async def an_expression_filters(case: Case) -> None:
    above = await created(case.client, name="a", employees=5)
    await created(case.client, name="b", employees=50, parentId=above["id"])
    await created(case.client, name="c", employees=500, parentId=above["id"])
    assert await found(case, "employees > 10 && employees * 2 < 1000") == ["b"]
    assert await found(case, 'parent.name == "a" || children.exists(c, c.employees > 400)') == ["a", "b", "c"]
    assert await found(case, 'parent.name == "a"', **{"employees[gt]": "100"}) == ["c"]


async def a_mistake_has_its_place(case: Case) -> None:
    told = is_problem(await case.client.get("/accounts?filter=employes > 1"), 400, "unknownField")
    (fault,) = told["errors"]
    assert fault["pointer"] == "filter"
    wanted = {"position": 0, "end": 8, "found": "employes", "expected": None, "suggestion": "employees"}
    assert fault["params"] == wanted


async def an_expression_needs_the_scopes_of_what_it_reads(case: Case) -> None:
    await created(case.client)
    reader = await case.world.key_of(case.client, scopes=["accounts:read"])
    told = is_problem(await reader.get("/accounts", params={"filter": "contacts.exists(c, true)"}), 403, "missingScope")
    assert "contacts:read" in told["detail"]
    assert (await reader.get("/accounts", params={"filter": "employees == null"})).status_code == 200


async def an_expression_knows_who_asks_and_when(case: Case) -> None:
    await created(case.client, name="mine", ownerId=str(case.client.user_id))
    await created(case.client, name="nobody's")
    assert await found(case, 'owner == me() && createdAt > now() - duration("1h") && createdAt <= now()') == ["mine"]


async def events_are_filtered(case: Case) -> None:
    made = await created(case.client, name="one", employees=5)
    for name, employees in (("two", 5), ("two", 50)):
        await case.client.patch(f"/accounts/{made['id']}", json={"name": name, "employees": employees})
    await case.world.settled()
    for text, versions in (("changed(employees)", [1, 3]), ("old.name == 'one'", [2]), ("isNew()", [1])):
        answer = await case.client.get("/events", params={"object": "account", "filter": text})
        assert [event["version"] for event in answer.json()["data"]] == versions, text


def without_a_place(pointer: str, error: ExpressionError, kind: type[AppError] = BadRequest) -> AppError:
    return refused(kind, pointer, error.code, error.message)


def checked_for_anybody(text: str, kind: Any, schema: Any, actor: Actor, profile: Any) -> Expression:
    return check(text, kind, schema, replace(actor, scopes=frozenset({"admin"})), profile).expression


FILTERS = (
    Convention(
        topic="filter",
        name="expression",
        rule="`filter` takes an expression, over other records, too, and narrows what other conditions leave.",
        proof=an_expression_filters,
        mutation=without((listing, "read_filter", always(EVERYTHING))),
    ),
    Convention(
        topic="filter",
        name="mistakes",
        rule="A mistake in an expression is refused with its place in the text and the nearest name.",
        proof=a_mistake_has_its_place,
        mutation=without((filters, "refusal", without_a_place)),
    ),
    Convention(
        topic="filter",
        name="scopes",
        rule="An expression reads no object that the key may not read.",
        proof=an_expression_needs_the_scopes_of_what_it_reads,
        mutation=without((filters, "checked", checked_for_anybody)),
    ),
    Convention(
        topic="filter",
        name="who and when",
        rule="`me()`, `now()` and `today()` are those of the request.",
        proof=an_expression_knows_who_asks_and_when,
        mutation=without((service, "bind", lambda one, actor, now: filters.bind(one, replace(actor, id=uuid7()), now))),
    ),
    Convention(
        topic="events",
        name="filter",
        rule="`filter` narrows events by the record after, the record before, and what changed.",
        proof=events_are_filtered,
        mutation=without((channel, "read_filter", always(EVERYTHING))),
    ),
)
