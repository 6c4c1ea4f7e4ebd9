"""Lists of every object, against the same in plain Python."""

import operator
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from app.api.listing import CONTROLS
from app.domain.kernel.object_type import ALWAYS_FILTERABLE, ALWAYS_SORTABLE, AnyObject, ValueType
from tests.contract.sample import (
    CATALOG,
    KINDS,
    THOROUGHLY_AT,
    Json,
    Target,
    body,
    comparable,
    everything,
    from_the_start,
    make,
    of_each,
    plain_fields,
    targets,
    value,
)
from tests.factories.making import make_needed
from tests.world import Client, World

NUMBERS = (3, 1, None, 2, 1, None, 4, 2)
UNORDERED = (ValueType.id, ValueType.boolean)
ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "lt": lambda mine, given: mine < given,
    "lte": lambda mine, given: mine <= given,
    "gt": lambda mine, given: mine > given,
    "gte": lambda mine, given: mine >= given,
}
TEXT: dict[str, Callable[[Any, Any], bool]] = {
    "icontains": lambda mine, given: given.lower() in mine.lower(),
    "startsWith": lambda mine, given: mine.startswith(given),
}


@dataclass(frozen=True)
class Shelf:
    """Records of one kind with ties and gaps in every field, as far as it can have them; nobody changes them."""

    client: Client
    rows: list[Json]


@pytest.fixture(scope="package")
def shelves() -> dict[str, Shelf]:
    return {}


@pytest.fixture
def shelf_of(world: World, shelves: dict[str, Shelf]) -> Callable[[AnyObject], Awaitable[Shelf]]:
    """The one of the kind, which all tests of lists read."""

    async def find(kind: AnyObject) -> Shelf:
        if kind.name not in shelves:
            shelves[kind.name] = await fill_shelf(await world.tenant(), kind)
        return shelves[kind.name]

    return find


@pytest.fixture
async def shelf(kind: AnyObject, shelf_of: Callable[[AnyObject], Awaitable[Shelf]]) -> Shelf:
    return await shelf_of(kind)


async def fill_shelf(client: Client, kind: AnyObject) -> Shelf:
    """No two fields have their ties and gaps in the same records: one is not taken for another."""
    await make_needed(client, kind, CATALOG)
    pointed = {
        name: [(await make(client, CATALOG[kind.all_references[name].to], 80 + 3 * turn + n))["id"] for n in range(3)]
        for turn, name in enumerate(name for name in kind.all_references if name in kind.writable)
    }
    for place in range(len(NUMBERS)):
        fields = body(kind, place) | plain_values(kind, place) | references_to(kind, place, pointed)
        answer = await client.post(f"/{kind.plural}", json=fields)
        assert answer.status_code == 201, answer.text
    return Shelf(client, await everything(client, kind))


def plain_values(kind: AnyObject, place: int) -> Json:
    given: Json = {}
    for turn, field in enumerate(plain_fields(kind)):
        number = NUMBERS[(place + turn) % len(NUMBERS)]
        if field.name in (*kind.unique, *kind.unique_together):
            continue
        if number is not None:
            given[field.api_name] = value(kind, field.name, number)
        elif field.nullable:
            given[field.api_name] = None
    return given


def references_to(kind: AnyObject, place: int, pointed: dict[str, list[str]]) -> Json:
    """Of those that together belong to one record no two records have the same."""
    given: Json = {}
    for turn, (name, ids) in enumerate(pointed.items()):
        field, number = kind.by_column[name], NUMBERS[(place + turn) % len(NUMBERS)]
        if name in kind.unique_together:
            number = place // 3 ** kind.unique_together.index(name)
        given[field.api_name] = None if number is None and field.nullable else ids[(number or 0) % 3]
    return given


def in_order(rows: list[Json], target: Target, *, descending: bool) -> list[str]:
    """Empty values last either way; ties by id in the direction of the sort."""

    def key(row: Json) -> Any:
        return comparable(target.field.type, row[target.api_name])

    rows = sorted(rows, key=lambda row: row["id"], reverse=descending)
    filled = sorted((row for row in rows if key(row) is not None), key=key, reverse=descending)
    return [row["id"] for row in (*filled, *(row for row in rows if key(row) is None))]


async def test_every_sortable_field_sorts_both_ways_with_empty_values_last(kind: AnyObject, shelf: Shelf) -> None:
    for target in targets(kind, {*kind.sortable, *ALWAYS_SORTABLE}):
        for descending in (False, True):
            query = f"sort={'-' * descending}{target.api_name}"
            expected = in_order(shelf.rows, target, descending=descending)
            for limit in (2, 200) if kind.name in THOROUGHLY_AT else (3,):
                pages = await everything(shelf.client, kind, query, limit)
                assert [row["id"] for row in pages] == expected, query


def argument(target: Target, shown: Any) -> Any:
    """A value of a record as a query string gives it."""
    if isinstance(shown, bool):
        return str(shown).lower()
    return shown["amount"] if target.field.type is ValueType.money else shown


async def found(client: Client, target: Target, name: str, given: Any) -> set[str]:
    suffix = "" if name == "eq" else f"[{name}]"
    parameters = {f"{target.api_name}{suffix}": given, "limit": 200, "fields": "id"}
    answer = await client.get(f"/{target.kind.plural}", params=parameters)
    assert answer.status_code == 200, answer.text
    return {row["id"] for row in answer.json()["data"]}


async def test_every_filterable_field_filters_with_every_operator_that_fits_it(kind: AnyObject, shelf: Shelf) -> None:
    """How an operator reads a type is the same for every field of it: away from where everything is tried, once."""
    tried: set[ValueType] = set()
    for target in targets(kind, {*kind.filterable, *ALWAYS_FILTERABLE}):
        await check_operators(target, shelf, with_order=kind.name in THOROUGHLY_AT or target.field.type not in tried)
        tried.add(target.field.type)


async def check_operators(target: Target, shelf: Shelf, *, with_order: bool) -> None:
    type_, client = target.field.type, shelf.client
    mine = {row["id"]: comparable(type_, row[target.api_name]) for row in shelf.rows}
    shown = [row[target.api_name] for row in shelf.rows if row[target.api_name] is not None]
    ordered = ORDERED if with_order and type_ not in UNORDERED else {}

    for one in shown[: 3 if target.kind.name in THOROUGHLY_AT else 1]:
        given, wanted = argument(target, one), comparable(type_, one)
        holds_of = {"eq": operator.eq, "ne": operator.ne, **ordered}
        for name, holds in holds_of.items():
            expected = {id_ for id_, own in mine.items() if (own is not None or name == "ne") and holds(own, wanted)}
            assert await found(client, target, name, given) == expected, (target.name, name)
    listed = ",".join(str(argument(target, one)) for one in shown[:2])
    wanted_ones = [comparable(type_, one) for one in shown[:2]]
    if listed:  # no body sets some fields, and nobody has a value of them yet
        expected = {id_ for id_, own in mine.items() if own in wanted_ones}
        assert await found(client, target, "in", listed) == expected, target.name
    for answer in (True, False):
        expected = {id_ for id_, own in mine.items() if (own is None) is answer}
        assert await found(client, target, "empty", str(answer).lower()) == expected, target.name


def texts_of(kind: AnyObject) -> list[str]:
    return [name for name in from_the_start(kind, kind.filterable) if kind.by_column[name].type is ValueType.text]


async def test_texts_are_found_by_part_and_by_beginning(kind: AnyObject, shelf: Shelf) -> None:
    for target in targets(kind, texts_of(kind)):
        mine = {row["id"]: row[target.api_name] for row in shelf.rows}
        text = next(text for text in mine.values() if text)
        for name, given in (
            ("icontains", text[2:].upper()),
            ("icontains", "é_%"),
            ("icontains", "%"),
            ("startsWith", text[:4]),
            ("startsWith", text[:4].swapcase()),
        ):
            expected = {id_ for id_, one in mine.items() if one is not None and TEXT[name](one, given)}
            assert await found(shelf.client, target, name, given) == expected, (target.name, name, given)


def free_money(kind: AnyObject) -> list[str]:
    """Of which a test may choose the currency."""
    given = kind.create.model_fields
    return [
        name
        for name in kind.filterable
        if kind.by_column[name].type is ValueType.money and name in given and not given[name].examples
    ]


@of_each(free_money)
async def test_money_is_found_by_its_currency(
    target: Target, shelf_of: Callable[[AnyObject], Awaitable[Shelf]]
) -> None:
    shelf = await shelf_of(target.kind)
    answer = await shelf.client.get(f"/{target.kind.plural}?limit=200&{target.api_name}.currency=USD")
    expected = {row["id"] for row in shelf.rows if (row[target.api_name] or {}).get("currency") == "USD"}
    assert {row["id"] for row in answer.json()["data"]} == expected != set()


async def test_an_operator_or_value_that_does_not_fit_is_refused(kind: AnyObject, shelf: Shelf) -> None:
    for target in targets(kind, {*kind.filterable, *ALWAYS_FILTERABLE}):
        misfits = ["near"] + ["icontains", "startsWith"] * (target.field.type is not ValueType.text)
        misfits += list(ORDERED) * (target.field.type in UNORDERED)
        for name in misfits:
            answer = await shelf.client.get(f"/{kind.plural}", params={f"{target.api_name}[{name}]": "1"})
            assert (answer.status_code, answer.json()["code"]) == (400, "unknownOperator"), (target.name, name)
        parameter = f"{target.api_name}[empty]"
        answer = await shelf.client.get(f"/{kind.plural}", params={parameter: "perhaps"})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, parameter)


async def test_what_is_not_declared_neither_filters_nor_sorts(client: Client, kind: AnyObject) -> None:
    unfiltered = [field.api_name for field in kind.fields.values() if not kind.may_filter(field.name)]
    unsorted = [field.api_name for field in kind.fields.values() if not kind.may_sort(field.name)]
    for name in {*unfiltered, "settle", "search", "nope"} - CONTROLS:
        answer = await client.get(f"/{kind.plural}", params={name: "1"})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknownField"), name
    for name in (*unsorted, "settle", "search", "nope"):
        answer = await client.get(f"/{kind.plural}", params={"sort": name})
        assert (answer.status_code, answer.json()["code"]) == (400, "badSort"), name


@pytest.fixture
async def rows(client: Client, kind: AnyObject) -> list[Json]:
    for n in range(5):
        await make(client, kind, n)
    return await everything(client, kind)


async def test_a_list_holds_what_get_shows(client: Client, kind: AnyObject, rows: list[Json]) -> None:
    for row in rows:
        assert (await client.get(f"/{kind.plural}/{row['id']}")).json() == row
        assert kind.read.model_validate(row).version == 1
    assert (await client.get(f"/{kind.plural}?limit=200")).json()["data"] == rows


async def test_without_a_sort_the_declared_one_holds(client: Client, kind: AnyObject, rows: list[Json]) -> None:
    assert (
        rows == await everything(client, kind, f"sort={kind.default_sort}", 2) == await everything(client, kind, "", 2)
    )


async def test_a_count_counts_all_that_match_and_comes_only_when_asked_for(
    client: Client, kind: AnyObject, rows: list[Json]
) -> None:
    counted = await client.get(f"/{kind.plural}?limit=1&count=exact")
    one = await client.get(f"/{kind.plural}?limit=1&count=exact&id={rows[0]['id']}")
    assert (counted.json()["meta"], one.json()["meta"]) == ({"count": len(rows)}, {"count": 1})
    assert (await client.get(f"/{kind.plural}?limit=1")).json()["meta"] == {}


async def test_a_query_in_a_body_gives_the_bytes_of_the_list(client: Client, kind: AnyObject, rows: list[Json]) -> None:
    asked: list[dict[str, str]] = [
        {},
        {"limit": "2", "sort": "-createdAt,modifiedAt", "count": "exact", "fields": "id,version"},
        {"limit": "2", "createdAt[gte]": rows[0]["createdAt"], "expand": "owner"},
        {"id[in]": f"{rows[0]['id']},{rows[1]['id']}"},
    ]
    for parameters in asked:
        listed = await client.get(f"/{kind.plural}", params=parameters)
        queried = await client.post(f"/{kind.plural}/query", json=parameters)
        assert queried.status_code == 200
        assert queried.content == listed.content
        if cursor := listed.json()["page"]["nextCursor"]:
            further = parameters | {"cursor": cursor}
            listed = await client.get(f"/{kind.plural}", params=further)
            assert (await client.post(f"/{kind.plural}/query", json=further)).content == listed.content
    listed = await client.get(f"/{kind.plural}", params={"version[in]": "1,2", "version[empty]": "false", "limit": 1})
    typed: Json = {"version[in]": [1, 2], "version[empty]": False, "limit": 1}
    assert (await client.post(f"/{kind.plural}/query", json=typed)).content == listed.content
    by_list = await client.post(f"/{kind.plural}/query", json={"id[in]": [rows[0]["id"]], "limit": 1})
    assert [row["id"] for row in by_list.json()["data"]] == [rows[0]["id"]]


async def test_a_list_shows_only_the_fields_asked_for(client: Client, kind: AnyObject, rows: list[Json]) -> None:
    name = plain_fields(kind)[0].api_name
    assert await everything(client, kind, f"fields={name},id", 2) == [
        {"id": row["id"], name: row[name]} for row in rows
    ]


def test_there_is_an_object_to_sort_by_a_number_a_date_a_time_and_money() -> None:
    """Else the tests above would say less than they seem to."""
    sorted_by = {kind.by_column[name].type for kind in KINDS for name in kind.sortable}
    assert sorted_by >= {ValueType.text, ValueType.integer, ValueType.date, ValueType.timestamp, ValueType.money}
