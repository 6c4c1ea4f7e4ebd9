"""Pages against a plain sorted list, while rows come and go between them."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from app.api import listing
from tests.factories.accounts import make_account, make_contact
from tests.world import Client, World

SEED = 20261122
PHASES = (Phase.explicit, Phase.generate)  # shrinking takes longer than a test may; the seed repeats a failure
Json = dict[str, Any]
MOST_AT_START, BUSY_TURNS = 10, 20  # then nobody adds rows any more, and the pages come to an end
KEYS = ("name", "employees", "annualRevenue", "status", "createdAt")

accounts = st.fixed_dictionaries(
    {
        "name": st.sampled_from("abB"),
        "employees": st.sampled_from((None, 1, 2)),
        "annualRevenue": st.sampled_from(
            (None, {"amount": "2.00", "currency": "EUR"}, {"amount": "10.00", "currency": "USD"})
        ),
        "status": st.sampled_from(("active", "inactive")),
    }
)
sorts = st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), min_size=1, max_size=2, unique_by=lambda one: one[0])
meanwhile = st.lists(
    st.one_of(st.tuples(st.just("insert"), accounts), st.tuples(st.just("delete"), st.integers(0, 99))), max_size=2
)


@dataclass
class Walk:
    """What a reader saw, and what others did meanwhile; an inserted row with the row that had been seen last."""

    seen: list[Json] = field(default_factory=list)
    inserted: list[tuple[Json, str | None]] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)


def ranks(values: list[Any]) -> dict[Any, int]:
    return {value: rank for rank, value in enumerate(sorted(set(values)))}


def shown(row: Json, key: str) -> Any:
    return Decimal(row[key]["amount"]) if isinstance(row[key], dict) else row[key]


def in_order(rows: list[Json], sort: list[tuple[str, bool]]) -> list[str]:
    """Empty values last in either direction; ties by id in the direction of the last key."""
    keys = [*sort, ("id", sort[-1][1])]
    known = {key: ranks([shown(row, key) for row in rows if row[key] is not None]) for key, _ in keys}

    def place(row: Json) -> list[int]:
        return [
            len(rows) if row[key] is None else known[key][shown(row, key)] * (-1 if descending else 1)
            for key, descending in keys
        ]

    return [row["id"] for row in sorted(rows, key=place)]


async def read(client: Client, sort: list[tuple[str, bool]], limit: int, cursor: str | None) -> Json:
    query = ",".join(("-" if descending else "") + key for key, descending in sort)
    answer = await client.get(
        "/accounts", params={"sort": query, "limit": limit, **({"cursor": cursor} if cursor else {})}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def act(client: Client, walk: Walk, rows: list[Json], acts: list[tuple[str, Any]]) -> None:
    for what, how in acts:
        if what == "insert":
            row = await make_account(client, **how)
            walk.inserted.append((row, walk.seen[-1]["id"] if walk.seen else None))
            rows.append(row)
        elif len(walk.deleted) < len(rows):
            gone = [row for row in rows if row["id"] not in walk.deleted][how % (len(rows) - len(walk.deleted))]
            assert (await client.delete(f"/accounts/{gone['id']}")).status_code == 204
            walk.deleted.add(gone["id"])


@seed(SEED)
@settings(max_examples=40, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.lists(accounts, max_size=MOST_AT_START), sort=sorts, limit=st.integers(1, 4), data=st.data())
async def test_pages_neither_repeat_nor_lose_a_row_whatever_happens_between_them(
    world: World, start: list[Json], sort: list[tuple[str, bool]], limit: int, data: st.DataObject
) -> None:
    client = await world.tenant()
    rows = list(await asyncio.gather(*(make_account(client, **one) for one in start)))
    walk, cursor, steady = Walk(), None, {row["id"] for row in rows}
    for turn in range(BUSY_TURNS + 2 * BUSY_TURNS + MOST_AT_START):
        page = await read(client, sort, limit, cursor)
        walk.seen += page["data"]
        cursor = page["page"]["nextCursor"]
        assert len(page["data"]) == limit or cursor is None
        if cursor is None:
            break
        if turn < BUSY_TURNS:
            await act(client, walk, rows, data.draw(meanwhile, "meanwhile"))

    order = in_order(rows, sort)
    places = [order.index(row["id"]) for row in walk.seen]
    seen = {row["id"] for row in walk.seen}
    assert cursor is None
    assert places == sorted(set(places)), "repeated, or out of order"
    assert seen >= steady - walk.deleted, "lost a row that was there all the time"
    for row, last in walk.inserted:
        beyond = last is None or order.index(row["id"]) > order.index(last)
        assert (row["id"] in seen) <= beyond, "went back"
        assert row["id"] in seen | walk.deleted or not beyond, "lost a row that came before its page"


async def a_cursor(client: Client) -> str:
    for name in "ab":
        await make_account(client, name=name)
    return str((await read(client, [("name", False)], 1, None))["page"]["nextCursor"])


async def test_a_cursor_of_another_question_object_or_actor_is_refused(
    client: Client, stranger: Client, world: World
) -> None:
    cursor = await a_cursor(client)
    await make_contact(client)
    colleague = await world.member_of(client)
    for asker, url in (
        (client, "/accounts?sort=-name"),
        (client, "/accounts?sort=name,createdAt"),
        (client, "/accounts?sort=name&status=active"),
        (client, "/accounts?sort=name&expand=owner"),
        (client, "/products?sort=name"),
        (client, "/users?sort=name"),
        (colleague, "/accounts?sort=name"),
        (stranger, "/accounts?sort=name"),
    ):
        answer = await asker.get(f"{url}&limit=1&cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (400, "otherQuery"), url
    assert (await client.get(f"/accounts?limit=2&count=exact&cursor={cursor}&sort=name")).status_code == 200


async def test_a_cursor_is_refused_when_any_of_its_characters_changes(client: Client) -> None:
    cursor = await a_cursor(client)
    for place, character in enumerate(cursor):
        other = "B" if character == "A" else "A"
        answer = await client.get(f"/accounts?sort=name&limit=1&cursor={cursor[:place]}{other}{cursor[place + 1 :]}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "cursor"), place
    for other in (cursor[:-4], cursor + "AAAA", cursor[4:], " " + cursor, cursor[:8] + "\n" + cursor[8:]):
        answer = await client.get("/accounts", params={"sort": "name", "limit": 1, "cursor": other})
        assert answer.status_code == 400, other


async def test_a_cursor_with_a_position_that_cannot_be_is_refused(client: Client) -> None:
    """As somebody would make it who knows how cursors are made."""
    binding = urlsafe_b64decode(await a_cursor(client))[:6]
    for position in (
        b"",
        b"null",
        b"[]",
        b"[[]]",
        b"[[1]]",
        b'[["a","x"]]',
        b'[["a",1]]',
        b"[[null,null]]",
        b'[{"a":1}]',
        b'[["a"],["b"]]',
        b"[[[]," * 200,
    ):
        forged = urlsafe_b64encode(binding + listing._check(binding, position) + position).decode()
        answer = await client.get("/accounts", params={"sort": "name", "limit": 1, "cursor": forged})
        assert (answer.status_code, answer.json()["code"]) == (400, "badCursor"), position
