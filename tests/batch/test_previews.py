"""What a preview tells is what the write then does, and nothing of it stays."""

import asyncio
from typing import Any

import pytest
from pydantic.alias_generators import to_snake

from app.api.route import ApiRoute
from app.api.v1.routes import ROUTES
from app.domain.accounts.schemas import AccountCreate
from app.domain.accounts.service import AccountService
from app.domain.governance.service import administrator
from app.domain.kernel.plan import Plan
from app.domain.kernel.work import Family, NewWork, WorkKind
from app.domain.registry import SCHEMA
from app.domain.webhooks import service as webhooks
from app.repositories.session import Session
from app.repositories.work import DueWork
from tests.batch.previewing import DRY, Known, comparable, furnish, request_to, writes
from tests.isolation.matrix import digest
from tests.world import Client, World

KEY = {"Idempotency-Key": "once"}
CHECKS = WorkKind(name="test.check", family=Family.checks)


@pytest.fixture(autouse=True)
def _many_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_ENDPOINTS", 1_000)


async def left_behind(world: World, client: Client, route: ApiRoute) -> list[str]:
    """The tables in which a preview of the route changed something."""
    request = await request_to(world, client, route)
    before = await digest(world, client)
    answer = await request.send(client, headers={**DRY, "Idempotency-Key": f"{route.name}"})
    assert answer.status_code == 200, f"{request.name} {answer.text}"
    assert answer.json()["status"] in (route.status, *route.also), request.name
    after = await digest(world, client)
    return [table for table in before if before[table] != after[table]]


async def test_a_preview_of_any_write_leaves_no_trace_in_any_table(world: World, client: Client) -> None:
    await furnish(client)
    left = {route.name: await left_behind(world, client, route) for route in writes()}
    asking = {route.name for route in ROUTES if route.method == "POST" and route.permission.endswith("read")}
    assert left.keys() >= {route.name for route in ROUTES if route.method != "GET"} - asking - {"check_expression"}
    assert {name: tables for name, tables in left.items() if tables} == {}


async def test_a_preview_that_leaves_something_is_seen(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "rehearsed", Session.enclosed)
    routes = [route for route in writes() if route.tag in ("accounts", "api-keys")]
    left = {route.name: await left_behind(world, client, route) for route in routes}
    assert [name for name, tables in left.items() if not tables] == []


async def test_a_preview_tells_what_the_write_then_answers_and_does(world: World, client: Client) -> None:
    await furnish(client)
    for route in writes():
        request = await request_to(world, client, route)
        preview = (await request.send(client, headers=DRY)).json()
        known = await Known.now(world, client)
        done = await request.send(client)
        events, work = await known.since(world, client)
        planned = [{to_snake(name): one[name] for name in one} for one in preview["writes"]]
        planned_work = [
            {name: one[name] for name in ("kind", "key", "target")}
            for one in preview["work"]
            if one["change"] == "added"
        ]
        assert preview["status"] == done.status_code, request.name
        told = comparable(preview["body"], planned, planned_work)
        assert told == comparable(done.json() if done.content else None, events, work), request.name
        headers = {name.lower(): value for name, value in preview["headers"].items()}
        for name in ("etag", "location", "upsert-outcome"):
            assert (name in headers) == (name in done.headers), request.name


async def test_what_would_be_refused_is_refused_in_the_same_words(client: Client, world: World) -> None:
    made = (await client.post("/accounts", json={"name": "x", "externalIds": {"sap": "1"}})).json()
    reader = await world.key_of(client, scopes=["accounts:read"])
    refusals: tuple[tuple[Client, str, str, Any, dict[str, str]], ...] = (
        (client, "POST", "/accounts", {"employees": -1}, {}),
        (client, "POST", "/accounts", {"name": "y", "externalIds": {"sap": "1"}}, {}),
        (client, "POST", "/accounts", {"name": "y", "id": made["id"]}, {}),
        (client, "PATCH", f"/accounts/{made['id']}", {"name": "y"}, {"If-Match": '"7-0a"'}),
        (client, "PATCH", f"/accounts/{client.user_id}", {"name": "y"}, {}),
        (client, "POST", "/contacts", {"lastName": "y", "accountId": str(client.user_id)}, {}),
        (reader, "POST", "/accounts", {"name": "y"}, {}),
    )
    for who, method, path, body, headers in refusals:
        real, dry = [await who.request(method, path, json=body, headers={**headers, **one}) for one in ({}, DRY)]
        assert real.status_code >= 400
        assert dry.status_code == real.status_code
        assert {**dry.json(), "requestId": ""} == {**real.json(), "requestId": ""}
        assert dry.headers["preference-applied"] == "dry-run"


async def test_a_preview_neither_uses_a_key_nor_finds_what_was_done_under_it(client: Client) -> None:
    preview = await client.post("/accounts", json={"name": "x"}, headers={**DRY, **KEY})
    made = await client.post("/accounts", json={"name": "x"}, headers=KEY)
    again = await client.post("/accounts", json={"name": "other"}, headers={**DRY, **KEY})
    assert (preview.status_code, made.status_code, again.status_code) == (200, 201, 200)
    assert again.json()["body"]["name"] == "other"


async def test_both_ways_of_asking_mean_the_same_and_false_means_a_write(client: Client) -> None:
    asked = await client.post("/accounts?dryRun=true", json={"name": "x"})
    assert (asked.status_code, asked.json()["status"], asked.headers["preference-applied"]) == (200, 201, "dry-run")
    assert (await client.post("/accounts?dryRun=false", json={"name": "y"})).status_code == 201
    assert [one["name"] for one in (await client.get("/accounts")).json()["data"]] == ["y"]


async def test_a_read_has_nothing_to_preview(client: Client) -> None:
    assert "preference-applied" not in (await client.get("/me", headers=DRY)).headers
    assert (await client.get("/me?dryRun=true")).status_code == 400


async def test_no_secret_is_shown_that_then_opens_nothing(client: Client) -> None:
    body = {"name": "Website", "scopes": ["contacts:read"]}
    preview = (await client.post("/api-keys", json=body, headers=DRY)).json()
    assert preview["body"]["key"].startswith("crm_test_")
    assert preview["body"]["key"].endswith("_****")


async def test_a_write_shows_no_more_than_its_event_would(client: Client, world: World) -> None:
    writer = await world.key_of(client, scopes=["contacts:write", "accounts:write"])
    body = {"lastName": "x", "account": {"name": "y"}}
    planned = (await writer.post("/contacts", json=body, headers=DRY)).json()["writes"]
    assert [(one["object"], one["changes"]) for one in planned] == [("account", {}), ("contact", {})]


@pytest.mark.own_server
async def test_a_preview_gives_up_where_it_would_have_to_wait(client: Client, world: World) -> None:
    made = (await client.post("/accounts", json={"name": "x"})).json()
    async with world.place.connect() as other, other.transaction(), asyncio.timeout(4):
        await other.execute("update account set name = 'z' where tenant_id = $1", client.tenant_id)
        answer = await client.patch(f"/accounts/{made['id']}", json={"name": "y"}, headers=DRY)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_nothing_is_rung_before_the_whole_is_committed_nor_for_what_was_undone(
    world: World, client: Client
) -> None:
    rung: list[Family] = []
    actor = administrator(client.tenant_id, client.user_id)
    session = Session(world._pool, actor, SCHEMA, ring=lambda family, _: rung.append(family))

    async def write(session: Session, key: str, *, fails: bool = False) -> None:
        async with session.transaction():
            await AccountService(session).create(AccountCreate(name=key))
            await DueWork(session).add(NewWork(kind=CHECKS, key=key))
            if fails:
                raise LookupError

    async with session.enclosed():
        await write(session, "a")
        with pytest.raises(LookupError):
            await write(session, "b", fails=True)
        assert rung == []
    assert sorted(rung) == [Family.checks, Family.events]
    rung.clear()
    session.plan = Plan()
    async with session.rehearsed():
        await write(session, "c")
        with pytest.raises(LookupError):
            await write(session, "d", fails=True)
    assert rung == []
    assert ([one.key for one in session.plan.work], len(session.plan.writes)) == (["c"], 1)
    assert [one["name"] for one in (await client.get("/accounts")).json()["data"]] == ["a"]
