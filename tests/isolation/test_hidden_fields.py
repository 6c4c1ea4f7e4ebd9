"""A field that the viewer may not see is nowhere: not in any answer, and no question knows its name."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from app.api import auth
from app.domain.kernel.actor import as_array
from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from tests.contract.convention import is_problem
from tests.factories.accounts import make_account, make_contact
from tests.world import Client, World, running

HIDDEN = {"account": frozenset({"employees", "annual_revenue"}), "contact": frozenset({"account_id"})}
NAMES = {"employees", "annualRevenue"}


@pytest.fixture(scope="module")
async def seen(world: World) -> AsyncIterator[tuple[dict[str, Any], Client, Client]]:
    """An account with something to hide, who wrote it, and the same user where the fields are hidden."""
    writer = await world.tenant()
    account = await make_account(writer, name="Acme", annualRevenue={"amount": "1234", "currency": "EUR"})
    await make_contact(writer, accountId=account["id"])
    url = f"/accounts/{account['id']}"
    changed = await writer.patch(url, json={"name": "Acme Ltd", "employees": 77})
    gone = await make_account(writer, name="Gone", employees=77)
    assert (await writer.delete(f"/accounts/{gone['id']}")).status_code == 204
    await world.settled()
    async with running(world.place, schema=Schema(CATALOG, hidden=HIDDEN)) as other:
        yield changed.json(), writer, Client(other.app, writer.tenant_id, writer.user_id, writer.key)


async def test_no_answer_shows_it(seen: tuple[dict[str, Any], Client, Client]) -> None:
    account, writer, viewer = seen
    url = f"/accounts/{account['id']}"
    shown = {name: value for name, value in account.items() if name not in NAMES}
    then = {"asOf": account["modifiedAt"]}
    assert (await viewer.get(url)).json() == (await viewer.get(url, params=then)).json() == shown
    assert (await viewer.get("/accounts")).json()["data"] == [shown]
    for path in (f"{url}/history", "/events?object=account", "/bin?object=account", "/accounts?expand=children,parent"):
        ours, theirs = (await viewer.get(path)), (await writer.get(path))
        assert len(ours.json()["data"]) == len(theirs.json()["data"]) > 0
        assert all(name in theirs.text and name not in ours.text for name in NAMES), path
    events = (await viewer.get(f"{url}/history")).json()["data"]
    told = [["name"], ["addresses", "industry", "name", "status", "tags"]]
    assert [event["changedFields"] for event in events] == told
    assert [sorted(event["previous"]) for event in events] == told


@pytest.mark.parametrize(
    "asked",
    [
        {"employees": "77"},
        {"annualRevenue.currency": "EUR"},
        {"fields": "employees"},
        {"sort": "employees"},
        {"filter": "employees > 5"},
        {"filter": "annualRevenue.currency == 'EUR'"},
        {"filter": "contacts.exists(c, true)"},
        {"filter": "parent.employees > 5"},
        {"expand": "contacts"},
    ],
    ids=str,
)
async def test_no_question_knows_its_name(seen: tuple[dict[str, Any], Client, Client], asked: dict[str, str]) -> None:
    """It is refused as any word is that nobody ever declared, and nothing is suggested but what the viewer may see."""
    _, writer, viewer = seen
    told = is_problem(await viewer.get("/accounts", params=asked), 400, (await _code(viewer, asked)))
    (fault,) = told["errors"]
    assert fault["params"].get("suggestion") in (None, "contactRelations")
    assert (await writer.get("/accounts", params=asked)).status_code == 200


async def _code(viewer: Client, asked: dict[str, str]) -> str:
    """What the same question is told about a word of nobody."""
    ((parameter, value),) = asked.items()
    for name in (*sorted(NAMES), "contacts"):
        parameter, value = parameter.replace(name, "zzzzzz"), value.replace(name, "zzzzzz")
    code: str = (await viewer.get("/accounts", params={parameter: value})).json()["code"]
    return code


async def test_events_are_not_filtered_by_it(seen: tuple[dict[str, Any], Client, Client]) -> None:
    _, writer, viewer = seen
    for text in ("employees > 5", "changed(employees)", "old.employees == 5"):
        asked = {"object": "account", "filter": text}
        is_problem(await viewer.get("/events", params=asked), 400, "unknownField")
        assert (await writer.get("/events", params=asked)).status_code == 200


async def test_the_past_of_somebody_elses_records_is_not_shown(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only the records of some owners are seen, so are their events, and their remains in the bin."""
    find = auth.find_credential

    async def find_owner(*asked: Any) -> Any:
        found = await find(*asked)
        return found and replace(found, actor=replace(found.actor, owners=as_array((found.actor.id,))))

    monkeypatch.setattr(auth, "find_credential", find_owner)
    mine = [(await make_account(client, ownerId=str(client.user_id)))["id"] for _ in range(2)]
    others = [(await make_account(client))["id"] for _ in range(2)]
    for one in (mine[1], others[1]):
        assert (await client.delete(f"/accounts/{one}")).status_code == 204
    await world.settled()
    async with running(world.place, schema=Schema(CATALOG, by_owner=frozenset({"account"}))) as other:
        viewer = Client(other.app, client.tenant_id, client.user_id, client.key)
        shown = [(await viewer.get(path)).json()["data"] for path in ("/events?object=account", "/bin", "/events")]
        for path in ("", "/history"):
            answers = [(await viewer.get(f"/accounts/{one}{path}")).status_code for one in (mine[0], others[0])]
            assert answers == [200, 404], path
        asked = {"object": "account", "filter": "version > 0"}
        shown.append((await viewer.get("/events", params=asked)).json()["data"])
    assert [{row["recordId"] for row in rows if row["object"] == "account"} for rows in shown] == [
        {*mine}, {mine[1]}, {*mine}, {*mine},
    ]  # fmt: skip
    assert any(row["object"] == "user" for row in shown[2])
