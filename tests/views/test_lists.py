"""Lists that begin with a view."""

from typing import Any

import pytest

from app.domain.kernel.ids import uuid7
from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from app.repositories.session import Session
from tests.contract.sample import without_request_id
from tests.factories.accounts import make_account, make_contact
from tests.factories.views import make_view
from tests.world import Client, World, running

SIZES = (("A", 5), ("B", 50), ("C", 500), ("D", 5_000))


@pytest.fixture
async def accounts(client: Client) -> None:
    for name, employees in SIZES:
        await make_account(client, name=name, employees=employees, ownerId=str(client.user_id))


@pytest.fixture
async def view(client: Client, accounts: None) -> dict[str, Any]:
    return await make_view(
        client, filter="employees > 5", columns=["name", "owner.name"], sort="-employees", shared=True
    )


async def names(client: Client, query: str) -> list[str]:
    answer = await client.get(f"/accounts?{query}")
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["data"]]


async def test_a_list_has_the_filter_the_order_and_the_columns_of_its_view(
    client: Client, view: dict[str, Any]
) -> None:
    listed = await client.get(f"/accounts?view={view['id']}")
    queried = await client.post("/accounts/query", json={"view": view["id"]})
    rows = listed.json()["data"]

    assert queried.content == listed.content
    assert [row["name"] for row in rows] == ["D", "C", "B"]
    assert {tuple(row) for row in rows} == {("id", "name", "owner")}
    assert {row["owner"]["name"] for row in rows} == {"Administrator"}


async def test_a_view_is_seen_however_the_name_of_the_parameter_is_encoded(
    client: Client, view: dict[str, Any]
) -> None:
    assert await names(client, f"%76iew={view['id']}") == ["D", "C", "B"]


async def test_the_request_narrows_the_filter_and_overrides_the_rest(client: Client, view: dict[str, Any]) -> None:
    url = f"view={view['id']}"
    assert await names(client, f"{url}&employees[lt]=1000") == ["C", "B"]
    assert await names(client, f"{url}&filter=name != 'C'") == ["D", "B"]
    assert await names(client, f"{url}&filter=name != 'C'&employees[lt]=1000&sort=name") == ["B"]
    assert await names(client, f"{url}&sort=name") == ["B", "C", "D"]
    (row, *_) = (await client.get(f"/accounts?{url}&fields=id,employees&expand=")).json()["data"]
    assert row == {"id": row["id"], "employees": 5_000}
    counted = await client.get(f"/accounts?{url}&count=exact&limit=1")
    assert counted.json()["meta"] == {"count": 3}


async def test_a_view_without_anything_is_the_plain_list(client: Client, accounts: None) -> None:
    view = await make_view(client)
    listed, plain = await client.get(f"/accounts?view={view['id']}"), await client.get("/accounts")
    assert listed.content == plain.content


async def test_a_view_speaks_of_who_uses_it(client: Client, world: World, accounts: None) -> None:
    view = await make_view(client, filter="ownerId == me()", shared=True)
    member = await world.member_of(client)
    own = await make_account(member, name="Mine", ownerId=str(member.user_id))
    assert await names(member, f"view={view['id']}") == [own["name"]]
    assert len(await names(client, f"view={view['id']}&sort=name")) == len(SIZES)


async def test_a_view_of_related_records_can_be_used_whole(client: Client) -> None:
    account = await make_account(client, name="Acme", industry="Finance")
    await make_contact(client, lastName="In", accountId=account["id"])
    await make_contact(client, lastName="Out")
    view = await make_view(
        client,
        object="contact",
        filter="account.industry == 'Finance'",
        columns=["lastName", "account.name", "account.owner.name"],
    )
    (row,) = (await client.get(f"/contacts?view={view['id']}")).json()["data"]
    assert (row["lastName"], row["account"]["name"], row["account"]["owner"]) == ("In", "Acme", None)


async def test_a_cursor_belongs_to_the_view_as_it_was(client: Client, view: dict[str, Any]) -> None:
    url, seen = f"/accounts?view={view['id']}&limit=1", []
    page = (await client.get(url)).json()
    first = page["page"]["nextCursor"]
    while cursor := page["page"]["nextCursor"]:
        seen += [row["name"] for row in page["data"]]
        page = (await client.get(f"{url}&cursor={cursor}")).json()
    assert [*seen, page["data"][0]["name"]] == ["D", "C", "B"]

    assert (await client.patch(f"/views/{view['id']}", json={"name": "Other"})).status_code == 200
    for path in (f"{url}&cursor={first}", f"/accounts?limit=1&cursor={first}"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, "otherQuery")


async def test_a_view_that_is_not_there_for_the_caller_answers_as_none(
    client: Client, stranger: Client, world: World, accounts: None
) -> None:
    member = await world.member_of(client)
    private, foreign, gone = await make_view(client), await make_view(stranger, shared=True), await make_view(client)
    assert (await client.delete(f"/views/{gone['id']}")).status_code == 204
    answers = [
        await member.get(f"/accounts?view={one}") for one in (private["id"], foreign["id"], gone["id"], str(uuid7()))
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(400, "unknownView")}
    assert len({without_request_id(answer) for answer in answers}) == 1
    assert answers[0].json()["errors"][0]["pointer"] == "view"
    assert await names(client, f"view={private['id']}&sort=name") == [name for name, _ in SIZES]


async def test_what_is_no_view_of_this_object_is_refused(client: Client, world: World) -> None:
    view = await make_view(client, object="contact")
    keyless = await world.key_of(client, scopes=["accounts:read"])
    for caller, query, status, code in (
        (client, f"view={view['id']}", 400, "otherObject"),
        (client, "view=mine", 400, "wrongType"),
        (client, f"view={view['id']}&view={view['id']}", 400, "otherObject"),
        (keyless, f"view={view['id']}", 403, "missingScope"),
    ):
        answer = await caller.get(f"/accounts?{query}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    twice = await client.get(f"/contacts?view={view['id']}&view={view['id']}")
    assert (twice.status_code, twice.json()["code"]) == (400, "repeated")
    number = await client.post("/contacts/query", json={"view": 7})
    assert (number.status_code, number.json()["code"]) == (400, "wrongType")


async def test_a_view_costs_one_statement_more(
    client: Client, view: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:

    asked, plain = [], Session._row

    async def counted(self: Session, *of: Any) -> Any:
        asked.append(of)
        return await plain(self, *of)

    monkeypatch.setattr(Session, "_row", counted)
    await names(client, f"view={view['id']}")
    assert len(asked) == 2


async def test_what_the_reader_does_not_see_is_left_out_of_the_columns_and_breaks_the_rest(
    client: Client, world: World, view: dict[str, Any]
) -> None:
    """Who wrote the view sees the field, and somebody with another schema does not."""
    shown = await make_view(client, name="Shown", columns=["employees", "owner.name", "owner.region"], shared=True)
    sorted_by = await make_view(client, name="Sorted", sort="-employees,name", shared=True)
    hidden = {"account": frozenset({"employees"}), "user": frozenset({"region"})}
    async with running(world.place, schema=Schema(CATALOG, hidden=hidden)) as other:
        reader = Client(other.app, client.tenant_id, client.user_id, client.key)
        rows = (await reader.get(f"/accounts?view={shown['id']}")).json()["data"]
        filtered, ordered = [await reader.get(f"/accounts?view={one['id']}") for one in (view, sorted_by)]

    assert {tuple(row) for row in rows} == {("id", "owner")}
    assert "region" not in rows[0]["owner"]
    for answer, name, reason in ((filtered, "Finance", "unknownField"), (ordered, "Sorted", "badSort")):
        assert (answer.status_code, answer.json()["code"]) == (400, "brokenView")
        (fault,) = answer.json()["errors"]
        assert fault["pointer"] == "view"
        assert fault["params"].items() >= {"view": name, "reason": reason}.items()
    params = filtered.json()["errors"][0]["params"]
    assert (params["position"], params["end"]) == (0, 9)


async def test_a_view_over_records_that_the_key_may_not_read_cannot_be_used(client: Client, world: World) -> None:
    view = await make_view(client, object="contact", filter="account.name == 'Acme'", columns=["account.name"])
    columns = await make_view(client, object="contact", columns=["lastName", "account.name"])
    await make_contact(client, lastName="Hopper")
    narrow = await world.key_of(client, scopes=["views:read", "contacts:read"])
    broken = await narrow.get(f"/contacts?view={view['id']}")
    assert (broken.status_code, broken.json()["code"]) == (400, "brokenView")
    assert broken.json()["errors"][0]["params"]["reason"] == "missingScope"
    (row,) = (await narrow.get(f"/contacts?view={columns['id']}")).json()["data"]
    assert row == {"id": row["id"], "lastName": "Hopper"}


async def test_a_view_is_searched_in_like_any_list(client: Client, view: dict[str, Any]) -> None:
    assert await names(client, f"view={view['id']}&q=c") == ["C"]
    assert await names(client, f"view={view['id']}&q=a") == []
