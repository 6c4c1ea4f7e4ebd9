"""Who may read which event: what memory says of generated rows, held against what SQL says of them."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import orjson
import pytest

from app.domain.governance.service import administrator
from app.domain.kernel.actor import Actor, Role, as_array
from app.domain.kernel.expression.filters import read_filter
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.ids import uuid7
from app.domain.kernel.query import EventFilter, Position
from app.domain.kernel.schema import Schema
from app.domain.records.history import History
from app.domain.records.reader import Reader
from app.domain.registry import CATALOG, SCHEMA
from app.repositories.events import EventLog
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from tests.world import World

EVENTS = 300
USERS = tuple(UUID(int=number) for number in range(1, 5))
SCOPES = (frozenset({"admin"}), frozenset({"events:read", "accounts:read", "views:read"}), frozenset[str]())
NARROWED = (frozenset[str](), frozenset({"account"}), frozenset({"account", "view"}))
INSERT = """
insert into event (tenant_id, id, settle, at, object, record_id, version, type, actor_id, origin, changes, data)
select $1, id, app_settle(), clock_timestamp(), object, id, 1, object || '.updated', id, 'api', '{}', data
  from jsonb_to_recordset($2::text::jsonb) as given (id uuid, object text, data jsonb)
"""
Row = dict[str, Any]


def generated(random: Random) -> Row:
    """Some have neither owner nor mark, as nothing has whose event was erased."""
    marks = {"ownerId": random.choice([*map(str, USERS), None]), "shared": random.choice([True, False, None])}
    data = {name: value for name, value in marks.items() if random.random() < 0.9}
    return {"id": str(uuid7()), "object": random.choice(["account", "contact", "view"]), "data": data}


def actors(tenant_id: UUID) -> Sequence[Actor]:
    first = administrator(tenant_id, USERS[0])
    return [
        replace(first, id=user, role=role, scopes=scopes, owners=as_array(owners))
        for user in USERS[:2]
        for role in Role
        for scopes in SCOPES
        for owners in ((), USERS[:1], USERS[1:3])
    ]


@pytest.fixture(scope="module")
async def log(world: World) -> AsyncIterator[tuple[Pool, UUID]]:
    """A tenant with generated events, beside another one with the same."""
    tenants = [(await world.tenant()).tenant_id for _ in range(2)]
    for tenant_id in tenants:
        rows = [generated(Random(number)) for number in range(EVENTS)]
        async with world.place.connect("rapport_owner") as owner:
            await owner.execute(INSERT, tenant_id, orjson.dumps(rows).decode())
    await world.settled()
    pool = Pool(Target(world.place.url, "rapport_app", size=1))
    yield pool, tenants[0]
    await pool.close()


async def disagreements(pool: Pool, tenant_id: UUID) -> list[str]:
    start, found = Position(), []
    everything = EventFilter(objects=[kind.name for kind in CATALOG])
    rows = await EventLog(Session(pool, administrator(tenant_id, USERS[0]), SCHEMA)).after(start, everything, 10_000)
    assert len(rows) > EVENTS
    for narrowed in NARROWED:
        schema = Schema(CATALOG, by_owner=narrowed)
        for actor in actors(tenant_id):
            history = History(Session(pool, actor, schema))
            told = await history.log.after(start, EventFilter(objects=history.reader.readable(None)), 10_000)
            if [row["id"] for row in rows if history.reader.sees(row)] != [row["id"] for row in told]:
                found.append(f"{actor} with {narrowed}")
    return found


async def test_memory_lets_the_same_events_through_as_sql(log: tuple[Pool, UUID]) -> None:
    assert await disagreements(*log) == []


def everything_of_owners(self: Reader, kind: Any, data: Row) -> bool:
    return kind.shared_by is None or self.actor.role is Role.admin or data.get("shared") is True


def everything_of_sharers(self: Reader, kind: Any, data: Row) -> bool:
    return not self.schema.narrows(kind) or data.get("ownerId") in self._owners


def owners_before_all(self: Reader, kind: Any, data: Row) -> bool:
    owner = data.get("ownerId")
    mine = owner == str(self.actor.id)
    return mine or (not self.schema.narrows(kind) and everything_of_owners(self, kind, data))


@pytest.mark.parametrize("planted", [everything_of_owners, everything_of_sharers, owners_before_all])
async def test_the_comparison_finds_a_reader_that_is_wrong(
    log: tuple[Pool, UUID], monkeypatch: pytest.MonkeyPatch, planted: Callable[..., bool]
) -> None:
    monkeypatch.setattr(Reader, "saw", planted)
    assert await disagreements(*log)


def event(tenant_id: UUID, object_: str, data: Row, changes: Row) -> Row:
    return {
        "tenant_id": str(tenant_id),
        "object": object_,
        "type": f"{object_}.updated",
        "data": data,
        "changes": changes,
    }


def reader(schema: Schema = SCHEMA, **actor: Any) -> Reader:
    return Reader(replace(administrator(UUID(int=9), USERS[0]), **{"role": Role.member, **actor}), schema)


def test_an_event_of_another_tenant_or_of_an_unknown_object_is_nobodys() -> None:
    for tenant_id, object_ in ((UUID(int=8), "account"), (UUID(int=9), "ghost")):
        assert not reader().sees(event(tenant_id, object_, {}, {}))
    assert reader().sees(event(UUID(int=9), "account", {}, {}))


@pytest.mark.parametrize(
    ("schema", "data", "changes", "previous"),
    [
        (SCHEMA, {"shared": True, "ownerId": str(USERS[1])}, {"shared": [False, True]}, None),
        (SCHEMA, {"shared": True, "ownerId": str(USERS[1])}, {"shared": [True, True]}, "Before"),
        (SCHEMA, {"shared": False, "ownerId": str(USERS[0])}, {"ownerId": [str(USERS[1]), str(USERS[0])]}, None),
        (SCHEMA, {"shared": False, "ownerId": str(USERS[0])}, {}, "Before"),
        (
            Schema(CATALOG, by_owner=frozenset({"view"})),
            {"shared": True, "ownerId": str(USERS[0])},
            {"ownerId": [str(USERS[1]), str(USERS[0])]},
            None,
        ),
    ],
)
def test_what_a_record_was_before_it_came_in_sight_is_not_shown(
    schema: Schema, data: Row, changes: Row, previous: str | None
) -> None:
    viewer = reader(schema, owners=as_array(USERS[:1]))
    row = event(UUID(int=9), "view", {"name": "After", **data}, {"name": ["Before", "After"], **changes})

    assert viewer.sees(row)
    shown = viewer.shown(row)
    assert shown["changes"]["name"] == [previous, "After"]
    assert row["changes"]["name"] == ["Before", "After"], "the row is everybody's"
    where = read_filter('old.name == "Before"', CATALOG["view"], schema, viewer.actor, Profile.event)
    assert viewer.judge(CATALOG["view"], where)(shown) is (previous is not None)


def test_hidden_fields_are_neither_in_data_nor_in_changes() -> None:
    schema = Schema(CATALOG, hidden={"account": frozenset({"employees"})})
    row = event(UUID(int=9), "account", {"name": "Acme", "employees": 5}, {"employees": [4, 5], "name": [None, "Acme"]})

    shown = reader(schema).shown(row)
    assert (shown["data"], shown["changes"]) == ({"name": "Acme"}, {"name": [None, "Acme"]})
    assert reader().shown(row) == row


def test_who_has_the_same_view_of_an_object_is_shown_the_same() -> None:
    one, other, chief = reader(), reader(id=USERS[1]), reader(role=Role.admin)
    assert one.view("account") == other.view("account") == chief.view("account")
    assert len({one.view("view"), other.view("view"), chief.view("view")}) == 3
    hiding = reader(Schema(CATALOG, hidden={"account": frozenset({"employees"})}))
    assert hiding.view("account") != one.view("account")


@pytest.mark.parametrize(("text", "holds"), [("now() > createdAt", True), ("ownerId == me()", False)])
def test_a_filter_that_was_not_bound_asks_for_the_time_and_the_viewer_of_now(text: str, *, holds: bool) -> None:
    viewer = reader()
    where = read_filter(text, CATALOG["account"], SCHEMA, viewer.actor, Profile.event)
    data = {"createdAt": "2026-01-01T00:00:00Z", "ownerId": str(USERS[1])}
    assert viewer.judge(CATALOG["account"], where)(event(UUID(int=9), "account", data, {})) is holds
