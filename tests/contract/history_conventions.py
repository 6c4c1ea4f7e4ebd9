"""Conventions of what was: history, as of, events, bin."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.api import records as record_routes
from app.api.v1 import events as event_routes
from app.domain.kernel.changes import Change
from app.domain.kernel.clock import utc_now
from app.domain.kernel.event_form import public
from app.domain.kernel.query import Position
from app.domain.kernel.schemas import RecordRead
from app.domain.records import history, service
from app.repositories.bin import Bin
from app.repositories.events import EventLog
from tests.contract.convention import Case, Convention, Json, always, created, eventually, is_problem, without

LATER = datetime.fromisoformat("9000-01-01T00:00:00+00:00")
log_as_of, log_after = EventLog.as_of, EventLog.after


async def three_versions(case: Case) -> tuple[str, list[Json]]:
    made = await created(case.client, name="one")
    url = f"/accounts/{made['id']}"
    return url, [made, *[(await case.client.patch(url, json={"name": name})).json() for name in ("two", "three")]]


async def a_record_has_its_history(case: Case) -> None:
    url, versions = await three_versions(case)
    found = (await case.client.get(f"{url}/history")).json()
    assert [event["data"] for event in found["data"]] == versions[::-1]
    assert [event["previous"] for event in found["data"]] == [
        {"name": "two"},
        {"name": "one"},
        {"name": None, "status": None, "tags": None, "addresses": None},
    ]
    first = (await case.client.get(f"{url}/history?limit=2")).json()
    rest = (await case.client.get(f"{url}/history?limit=2&cursor={first['page']['nextCursor']}")).json()
    assert first["data"] + rest["data"] == found["data"]


async def a_record_is_read_as_of_a_time(case: Case) -> None:
    url, versions = await three_versions(case)
    for version in versions:
        then = await case.client.get(url, params={"asOf": version["modifiedAt"]})
        assert (then.status_code, then.json()) == (200, version)
    before = datetime.fromisoformat(versions[0]["createdAt"]) - timedelta(microseconds=1)
    is_problem(await case.client.get(url, params={"asOf": before.isoformat()}), 404, "notFound")


async def the_future_is_refused(case: Case) -> None:
    url, _ = await three_versions(case)
    future = (utc_now() + timedelta(hours=1)).isoformat()
    is_problem(await case.client.get(url, params={"asOf": future}), 400, "future")


async def what_is_no_longer_kept_is_gone(case: Case) -> None:
    url, versions = await three_versions(case)
    async with case.world.place.connect("rapport_owner") as owner:
        await owner.execute("delete from event where record_id = $1 and version = 1", UUID(versions[0]["id"]))
    is_problem(await case.client.get(url, params={"asOf": versions[0]["modifiedAt"]}), 410, "gone")


async def events_resume_behind_a_cursor(case: Case) -> None:
    _, versions = await three_versions(case)
    await case.world.settled()
    whole = (await case.client.get("/events?object=account")).json()["data"]
    assert [event["data"] for event in whole] == versions
    read: list[Json] = []
    cursor = "0-0"
    for _ in range(6):
        page = (await case.client.get(f"/events?object=account&limit=1&after={cursor}")).json()
        read, cursor = read + page["data"], page["page"]["nextCursor"]
    assert read == whole
    is_problem(await case.client.get("/events?after=yesterday"), 400, "badCursor")


async def an_event_says_what_a_client_needs(case: Case) -> None:
    _, (_, second, _) = await three_versions(case)
    await case.world.settled()
    event = (await case.client.get("/events?object=account&type=account.updated")).json()["data"][0]
    assert (
        event.items()
        >= {
            "type": "account.updated",
            "time": second["modifiedAt"],
            "tenantId": str(case.client.tenant_id),
            "object": "account",
            "recordId": second["id"],
            "version": 2,
            "actor": {"id": str(case.client.user_id), "onBehalfOf": None},
            "origin": "api",
            "cause": None,
            "changedFields": ["name"],
            "previous": {"name": "one"},
            "data": second,
        }.items()
    )
    assert event.keys() >= {"id", "sequence", "changeSetId"}


async def a_write_without_effect_leaves_no_trace(case: Case) -> None:
    url, versions = await three_versions(case)
    again = await case.client.patch(url, json={"name": "three"})
    assert again.json() == versions[-1]
    assert len((await case.client.get(f"{url}/history")).json()["data"]) == 3


async def the_bin_is_listed(case: Case) -> None:
    made = await created(case.client)
    await case.client.delete(f"/accounts/{made['id']}")
    for query in ("", "?object=account"):
        binned = (await case.client.get(f"/bin{query}")).json()["data"]
        assert [(one["object"], one["recordId"], one["data"]["name"]) for one in binned] == [
            ("account", made["id"], "Acme")
        ]
    assert (await case.client.get("/bin?object=contact")).json()["data"] == []
    assert (await case.stranger.get("/bin")).json()["data"] == []


async def as_of_now(self: EventLog, object_: str, record: UUID, _: datetime) -> Any:
    return await log_as_of(self, object_, record, utc_now())


async def from_the_beginning(self: EventLog, _: Position, *rest: Any) -> Any:
    return await log_after(self, Position(), *rest)


def everything_changes(before: RecordRead, patch: Json) -> Change[RecordRead]:
    return Change(before, before.model_copy(update=patch), tuple(patch))


HISTORY = (
    Convention(
        topic="history",
        name="history",
        rule="A record tells its versions, newest first, with the former values.",
        proof=a_record_has_its_history,
        mutation=without((EventLog, "of_record", eventually([]))),
    ),
    Convention(
        topic="history",
        name="as of",
        rule="`asOf` shows a record as it was at that time; before its creation it is not found.",
        proof=a_record_is_read_as_of_a_time,
        mutation=without((EventLog, "as_of", as_of_now)),
    ),
    Convention(
        topic="history",
        name="as of the future",
        rule="A time in the future is refused.",
        proof=the_future_is_refused,
        mutation=without((history, "utc_now", always(LATER))),
    ),
    Convention(
        topic="history",
        name="410",
        rule="What was before the oldest kept event answers 410.",
        proof=what_is_no_longer_kept_is_gone,
        mutation=without((history.History, "_refuse_before_the_log", eventually(None))),
    ),
    Convention(
        topic="events",
        name="cursor",
        rule="Events come in one settled order and resume behind a cursor without gap or repeat.",
        proof=events_resume_behind_a_cursor,
        mutation=without((EventLog, "after", from_the_beginning)),
    ),
    Convention(
        topic="events",
        name="body",
        rule="An event names type, time, record, version, actor, origin, former values and the data after.",
        proof=an_event_says_what_a_client_needs,
        mutation=without(
            (event_routes, "public", lambda row: public(row) | {"previous": {}}),
            (record_routes, "public", lambda row: public(row) | {"previous": {}}),
        ),
    ),
    Convention(
        topic="events",
        name="one per effect",
        rule="An effective write adds one version and one event, another adds neither.",
        proof=a_write_without_effect_leaves_no_trace,
        mutation=without((service, "merge", everything_changes)),
    ),
    Convention(
        topic="list",
        name="bin",
        rule="GET /bin lists what was deleted, by object when asked.",
        proof=the_bin_is_listed,
        mutation=without((Bin, "page", eventually([]))),
    ),
)
