"""What was: history, events and the record as of a time, of every object."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from app.api.shapes import EventShape
from app.domain.kernel.ids import uuid7
from app.domain.kernel.object_type import AnyObject, ValueType
from tests.contract.sample import BOOKKEEPING, Json, body, changing_fields, editable, make, value
from tests.world import Client, World

VERBS = ("created", "updated", "updated", "deleted", "restored", "updated")


@pytest.fixture
async def life(client: Client, kind: AnyObject) -> list[Json]:
    """The record at each of its versions, as answered at the time; None for the one that deleted it."""
    made = await make(client, kind, 1, externalIds={"sap": "1"})
    url = f"/{kind.plural}/{made['id']}"
    name = kind.by_column[editable(kind)[0]].api_name
    first, second = (body(kind, n)[name] for n in (2, 3))
    states = [made, (await client.patch(url, json={name: first, "externalIds": {"crm": "2"}})).json()]
    await client.patch(url, json={name: first})
    states.append((await client.patch(url, json={name: second, "ownerId": str(client.user_id)})).json())
    await client.delete(url)
    states.append({})
    states.append((await client.post(f"{url}/restore")).json())
    states.append((await client.patch(url, json={name: first, "externalIds": {"sap": None}})).json())
    return states


@pytest.fixture
def url(kind: AnyObject, life: list[Json]) -> str:
    return f"/{kind.plural}/{life[0]['id']}"


async def test_history_has_one_event_per_effective_write_newest_first(
    client: Client, kind: AnyObject, life: list[Json], url: str
) -> None:
    events = (await client.get(f"{url}/history")).json()["data"]
    assert [event["version"] for event in events] == [6, 5, 4, 3, 2, 1]
    assert [event["type"] for event in reversed(events)] == [f"{kind.name}.{verb}" for verb in VERBS]
    for event, state in zip(reversed(events), life, strict=True):
        EventShape.model_validate(event)
        kind.read.model_validate(event["data"])
        assert event["data"] == (state or event["data"])
        assert (event["recordId"], event["object"]) == (life[0]["id"], kind.name)
        assert (event["actor"]["id"], event["origin"]) == (str(client.user_id), "api")
        assert event["time"] == event["data"]["modifiedAt"]


async def test_history_pages_and_outlives_the_record(client: Client, life: list[Json], url: str) -> None:
    await client.delete(url)
    whole = (await client.get(f"{url}/history")).json()["data"]
    paged, cursor = [], ""
    while cursor is not None:
        page = (await client.get(f"{url}/history?limit=3{cursor and '&cursor=' + cursor}")).json()
        paged += page["data"]
        cursor = page["page"]["nextCursor"]
    assert paged == whole
    assert len(whole) == len(life) + 1


async def test_history_of_a_foreign_or_unknown_record_is_not_found(stranger: Client, kind: AnyObject, url: str) -> None:
    for path in (url, f"/{kind.plural}/{uuid7()}"):
        assert (await stranger.get(f"{path}/history")).status_code == 404


async def test_every_event_tells_what_changed_and_the_changes_chain_to_the_data(
    client: Client, kind: AnyObject, life: list[Json], url: str
) -> None:
    events = (await client.get(f"{url}/history")).json()["data"][::-1]
    empty = dict.fromkeys(kind.fields) | {"externalIds": {}, "custom": {}}
    stamps = {"id", "createdAt", "createdBy", *BOOKKEEPING}
    before = empty
    for event in events:
        data, changed = event["data"], event["changedFields"]
        differing = {name for name in kind.fields if data[name] != before[name]} - stamps
        assert set(changed) == differing
        blank = dict.fromkeys(changed) if before is empty else {name: before[name] for name in changed}
        assert event["previous"] == blank
        before = data


async def test_the_log_keeps_a_value_as_it_is_shown(client: Client, world: World, kind: AnyObject) -> None:
    for n, field in enumerate(changing_fields(kind)):
        name, sent = field.api_name, value(kind, field.name, 2 * n + 1)
        if field.type is ValueType.timestamp:
            sent = "2026-02-27T12:30:00.5+02:00"
        made = await make(client, kind, 2 * n)
        edited = await client.patch(f"/{kind.plural}/{made['id']}", json={name: sent})
        async with world.place.connect() as administrator:
            rows = await administrator.fetch(
                "select changes->$2 as change, data->$2 as data from event where record_id = $1 order by version",
                *(UUID(made["id"]), name),
            )
        kept = [json.loads(row["change"]) for row in rows]
        assert kept == [[None, made[name]], [made[name], edited.json()[name]]], name
        assert [json.loads(row["data"]) for row in rows] == [made[name], edited.json()[name]], name


async def test_events_show_the_same_as_history_once_and_in_order(
    client: Client,
    stranger: Client,
    kind: AnyObject,
    life: list[Json],
    url: str,
    settled: Callable[[], Awaitable[None]],
) -> None:
    await settled()
    history = (await client.get(f"{url}/history")).json()["data"][::-1]
    for query in (f"recordId={life[0]['id']}", f"object={kind.name}&recordId={life[0]['id']}"):
        assert (await client.get(f"/events?{query}")).json()["data"] == history
    updates = (await client.get(f"/events?recordId={life[0]['id']}&type={kind.name}.updated")).json()["data"]
    assert updates == [event for event in history if event["type"].endswith("updated")]

    read, cursor = [], "0-0"
    while True:
        page = (await client.get(f"/events?object={kind.name}&limit=2&after={cursor}")).json()
        cursor = page["page"]["nextCursor"]
        if not page["data"]:
            break
        read += page["data"]
    assert [event for event in read if event["recordId"] == life[0]["id"]] == history
    assert len({event["id"] for event in read}) == len(read)
    positions = [tuple(map(int, event["sequence"].split("-"))) for event in read]
    assert positions == sorted(positions)
    assert (await stranger.get(f"/events?recordId={life[0]['id']}")).json()["data"] == []


async def test_each_version_is_found_at_its_own_time(client: Client, life: list[Json], url: str) -> None:
    events = (await client.get(f"{url}/history")).json()["data"][::-1]
    for event, state in zip(events, life, strict=True):
        then = await client.get(url, params={"asOf": event["time"]})
        if event["type"].endswith("deleted"):
            assert then.status_code == 404
        else:
            assert (then.status_code, then.json()) == (200, state)
            assert then.headers["etag"].startswith(f'"{event["version"]}-')
    narrow = await client.get(url, params={"asOf": events[1]["time"], "fields": "id,version"})
    assert narrow.json() == {"id": life[0]["id"], "version": 2}


async def test_as_of_now_is_what_get_shows(client: Client, life: list[Json], url: str) -> None:
    now, then = await client.get(url), await client.get(url, params={"asOf": life[-1]["modifiedAt"]})
    assert then.json() == now.json() == life[-1]
    assert then.headers["etag"] == now.headers["etag"]


async def test_before_its_creation_there_was_no_record_and_the_future_is_not_known(
    client: Client, kind: AnyObject, life: list[Json], url: str
) -> None:
    created = datetime.fromisoformat(life[0]["createdAt"])
    before = await client.get(url, params={"asOf": (created - timedelta(microseconds=1)).isoformat()})
    future = await client.get(url, params={"asOf": (created + timedelta(hours=1)).isoformat()})
    unknown = await client.get(f"/{kind.plural}/{uuid7()}", params={"asOf": life[0]["createdAt"]})
    together = await client.get(url, params={"asOf": life[0]["createdAt"], "expand": "owner"})
    vague = await client.get(url, params={"asOf": "2026-11-01T00:00:00"})
    assert (before.status_code, unknown.status_code) == (404, 404)
    assert (future.status_code, future.json()["code"]) == (400, "future")
    assert (together.status_code, together.json()["code"]) == (400, "notTogether")
    assert (vague.status_code, vague.json()["errors"][0]["pointer"]) == (400, "asOf")


async def test_what_was_before_the_oldest_kept_event_is_gone(
    client: Client, world: World, life: list[Json], url: str
) -> None:
    async with world.place.connect("rapport_owner") as owner:
        await owner.execute("delete from event where record_id = $1 and version < 3", UUID(life[0]["id"]))
    gone = await client.get(url, params={"asOf": life[1]["modifiedAt"]})
    kept = await client.get(url, params={"asOf": life[2]["modifiedAt"]})
    assert (gone.status_code, gone.json()["code"]) == (410, "gone")
    assert (kept.status_code, kept.json()) == (200, life[2])
