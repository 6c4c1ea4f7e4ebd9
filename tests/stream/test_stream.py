"""GET /events/stream: what comes, for whom, and from where on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from app.api import auth, channel, stream
from app.domain.kernel.schema import Schema
from app.domain.registry import CATALOG
from tests.contract.convention import is_problem
from tests.events.test_feed import everything
from tests.factories.accounts import make_account, make_contact
from tests.factories.pipeline import make_opportunity
from tests.factories.views import make_view
from tests.stream.reading import Event, EventSource, events_in, listening
from tests.world import Client, World, running

Settled = Callable[[], Awaitable[None]]


@pytest.fixture
async def source(client: Client) -> AsyncIterator[EventSource]:
    async with listening(client.app, client.key) as opened:
        yield await opened.opened()


async def sent(client: Client, **query: Any) -> list[Event]:
    """What a stream sends that ends at once."""
    answer = await client.get("/events/stream", params={"for": 0, **query})
    assert answer.status_code == 200, answer.text
    return events_in(answer.text)


async def test_a_stream_sends_what_the_feed_shows(client: Client, settled: Settled) -> None:
    made = await make_account(client, name="Zürich\nLtd")
    await client.patch(f"/accounts/{made['id']}", json={"employees": 5})
    await make_contact(client)
    await settled()

    whole = await everything(client)
    found = await sent(client, after="0-0")
    assert [one.data for one in found] == whole
    assert [one.type for one in found] == [event["type"] for event in whole]
    for number, one in enumerate(found, 1):
        assert [later.data for later in await sent(client, after=one.id)] == whole[number:]


async def test_without_a_cursor_it_begins_with_what_is_written_next(client: Client, settled: Settled) -> None:
    await make_account(client, name="Before")
    await settled()
    async with listening(client.app, client.key) as source:
        await source.opened()
        for name in ("First", "Second"):
            made = await make_account(client, name=name)
            found = await source.next()
            assert (found.type, found.data["data"]) == ("account.created", made)
    assert (source.status, source.headers["content-type"]) == (200, "text/event-stream")
    assert source.parser.retry_ms


async def test_it_goes_on_behind_the_last_event_that_was_handled(client: Client) -> None:
    """Also where nothing came before the connection was lost: the beginning has an id."""
    async with listening(client.app, client.key) as source:
        begun = (await source.opened()).parser.last_id
    made = [await make_account(client) for _ in range(3)]
    last = begun
    for account in made:
        async with listening(client.app, client.key, last, after="0-0") as source:
            found = await source.next()
            assert found.data["recordId"] == account["id"]
            last = found.id
    async with listening(client.app, client.key, after=begun) as source:
        assert [(await source.next()).data["recordId"] for _ in made] == [account["id"] for account in made]
        more = await make_account(client)
        assert (await source.next()).data["recordId"] == more["id"]


async def test_a_cursor_without_its_time_is_as_good(client: Client, settled: Settled) -> None:
    await make_account(client)
    await settled()
    last = (await sent(client, after="0-0"))[-1]
    async with listening(client.app, client.key, last.data["sequence"]) as source:
        made = await make_account(client)
        assert (await source.next()).data["recordId"] == made["id"]


@pytest.mark.parametrize("cursor", ["", "1", "1-", "x-y", "1-2-3-4", "-1-5"])
async def test_a_cursor_that_is_none_is_refused(client: Client, cursor: str) -> None:
    answer = await client.get("/events/stream", headers={"Last-Event-ID": cursor})
    assert is_problem(answer, 400, "badCursor")["errors"][0]["pointer"] == "Last-Event-ID"
    answer = await client.get("/events/stream", params={"after": cursor})
    assert is_problem(answer, 400, "badCursor")["errors"][0]["pointer"] == "after"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"for": "-1"}, "badDuration"),
        ({"for": "86401"}, "badDuration"),
        ({"object": "ghost"}, "unknownObject"),
        ({"type": "account.eaten"}, "unknownType"),
        ({"recordId": "7"}, "wrongType"),
        ({"filter": "isNew()"}, "objectNeeded"),
        ({"filter": "isNew(", "object": "account"}, "syntax"),
        ({"limit": "5"}, "unknownParameter"),
    ],
)
async def test_a_question_that_cannot_be_read_is_refused(client: Client, query: dict[str, str], code: str) -> None:
    is_problem(await client.get("/events/stream", params=query), 400, code)


async def test_only_event_streams_are_answered(client: Client) -> None:
    for accept in ("application/json", "text/html", "image/*", ""):
        is_problem(await client.get("/events/stream", headers={"Accept": accept}), 406, "notAcceptable")
    for accept in ("*/*", "text/*", "text/event-stream", "application/json, Text/Event-Stream;q=0.5"):
        answer = await client.get("/events/stream?for=0", headers={"Accept": accept, "Accept-Encoding": "gzip"})
        assert answer.status_code == 200
        assert "content-encoding" not in answer.headers
    head = await client.head("/events/stream")
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "text/event-stream")


async def test_a_browser_of_any_origin_may_listen(client: Client) -> None:
    answer = await client.get("/events/stream?for=0", headers={"Origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "query",
    [
        {"object": "contact"},
        {"type": "contact.created"},
        {"object": "contact", "filter": 'isNew() && lastName == "Wanted"'},
        {"object": "contact", "filter": "ownerId != me() && createdAt <= now()", "type": "contact.created"},
    ],
    ids=str,
)
async def test_it_is_narrowed_as_the_feed_is(client: Client, query: dict[str, str]) -> None:
    """The same of what was as of what comes."""
    async with listening(client.app, client.key) as everybody, listening(client.app, client.key, **query) as source:
        begun = (await everybody.opened()).parser.last_id
        await source.opened()
        await make_account(client, name="Wanted")
        made = await make_contact(client, lastName="Wanted")
        assert (await source.next()).data["recordId"] == made["id"]
        await everybody.next()
        last = await everybody.next()
    assert [one.id for one in await sent(client, after=begun, **query)] == [last.id]


async def test_it_is_narrowed_to_one_record(client: Client, source: EventSource) -> None:
    record = await make_account(client)
    async with listening(client.app, client.key, source.parser.last_id, recordId=record["id"]) as narrow:
        await make_account(client)
        await client.patch(f"/accounts/{record['id']}", json={"employees": 5})
        assert [(await narrow.next()).data["version"] for _ in range(2)] == [1, 2]


async def test_nobody_hears_of_another_tenant(client: Client, stranger: Client) -> None:
    async with listening(client.app, client.key) as ours, listening(client.app, stranger.key) as theirs:
        await ours.opened()
        await theirs.opened()
        mine, others = await make_account(client), await make_account(stranger)
        assert (await ours.next()).data["recordId"] == mine["id"]
        assert (await theirs.next()).data["recordId"] == others["id"]


async def test_a_key_hears_of_what_it_may_read(world: World, client: Client) -> None:
    narrow = await world.key_of(client, scopes=["events:read", "contacts:read"])
    deaf = await world.key_of(client, scopes=["contacts:read"])
    is_problem(await deaf.get("/events/stream"), 403, "missingScope")
    is_problem(await narrow.get("/events/stream", params={"object": "account"}), 403, "missingScope")
    async with listening(client.app, narrow.key) as source:
        await source.opened()
        await make_account(client)
        made = await make_contact(client)
        assert (await source.next()).data["recordId"] == made["id"]


async def test_views_of_others_are_heard_of_when_they_are_shared(world: World, client: Client) -> None:
    member, other = await world.member_of(client), await world.member_of(client)
    await world.settled()
    async with listening(client.app, member.key) as mine, listening(client.app, other.key) as theirs:
        await mine.opened()
        await theirs.opened()
        view = await make_view(member, name="Secret", shared=False)
        await member.patch(f"/views/{view['id']}", json={"shared": True, "name": "Public"})
        assert [(await mine.next()).data["version"] for _ in range(2)] == [1, 2]
        shared = (await theirs.next()).data
    assert (shared["version"], shared["previous"]) == (2, {"name": None, "shared": None})


async def test_hidden_fields_are_not_heard_of(world: World, client: Client) -> None:
    schema = Schema(CATALOG, hidden={"account": frozenset({"employees"})})
    async with running(world.place, schema=schema) as other, listening(other.app, client.key) as source:
        await source.opened()
        made = await make_account(client, employees=77)
        found = (await source.next()).data
    assert found["recordId"] == made["id"]
    assert "employees" not in found["changedFields"] + [*found["data"], *found["previous"]]


async def test_heartbeats_come_between_events_and_move_the_cursor(
    client: Client, stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.3)
    async with listening(client.app, client.key) as source:
        begun = (await source.opened()).parser.last_id
        await make_account(stranger)
        for _ in range(3):
            await source.comment()
        made = await make_account(client)
        assert (await source.next()).data["recordId"] == made["id"]
        assert source.parser.last_id.split("-")[0] > begun.split("-")[0]


async def test_a_revoked_key_hears_nothing_more(
    world: World, client: Client, source: EventSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "CACHED_FOR_S", 0.0)
    for heard_of in ("event", "heartbeat"):
        monkeypatch.setattr(stream, "HEARTBEAT_S", 15.0 if heard_of == "event" else 0.3)
        key = await world.key_of(client)
        async with listening(client.app, key.key) as revoked:
            await revoked.opened()
            me = (await key.get("/me")).json()
            assert (await client.delete(f"/api-keys/{me['keyId']}")).status_code == 204
            if heard_of == "event":
                await make_account(client)
            assert await revoked.until_its_end() == []
    await make_account(client)
    assert await source.next()


async def test_rights_are_those_of_now(world: World, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "CACHED_FOR_S", 0.0)
    member = await world.member_of(client)
    await world.settled()
    async with listening(client.app, member.key) as source:
        await source.opened()
        await make_view(client, shared=False)
        made, user = await make_account(client), f"/users/{member.user_id}"
        assert (await source.next()).data["recordId"] == made["id"]
        assert (await client.patch(user, json={"role": "admin"})).status_code == 200
        assert (await source.next()).type == "user.updated"
        view = await make_view(client, shared=False)
        assert (await source.next()).data["recordId"] == view["id"]


async def test_a_key_has_so_many_streams_and_gets_them_back(world: World) -> None:
    async with running(world.place, streams_per_key=2) as other:
        client = await other.tenant()
        for _ in range(2):
            async with listening(other.app, client.key) as one, listening(other.app, client.key, type="user.created"):
                await one.opened()
                refused = is_problem(await client.get("/events/stream"), 429, "tooManyStreams")
                assert "2 streams" in refused["detail"]


async def test_the_reader_of_the_log_rests_while_nobody_listens(world: World, client: Client) -> None:
    async with running(world.place) as other:
        for _ in range(2):
            async with listening(other.app, client.key) as source:
                await source.opened()
                made = await make_opportunity(client)
                assert (await source.next()).data["recordId"] == made["id"]


async def test_who_reads_slowly_gets_everything_and_nothing_is_kept_for_it(
    client: Client, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "KEPT", 3)
    async with listening(client.app, client.key, room=2) as source:
        made = [await make_account(client) for _ in range(20)]
        await settled()
        await asyncio.sleep(2 * stream.POLL_S)
        assert [(await source.next()).data["recordId"] for _ in made] == [one["id"] for one in made]
