"""Lists of every object, against the same in plain Python."""

from collections.abc import Callable
from typing import Any

import pytest

from app.api.listing import CONTROLS
from app.domain.kernel.object_type import ALWAYS_FILTERABLE, ALWAYS_SORTABLE, AnyObject, ValueType
from tests.contract.sample import (
    CATALOG,
    KINDS,
    Json,
    Target,
    body,
    comparable,
    everything,
    make,
    of_each,
    plain_fields,
)
from tests.world import Client

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


async def make_rows(client: Client, target: Target) -> list[Json]:
    """Records with ties and gaps in the target field, as far as it can have them."""
    kind, field = target.kind, target.field
    unique = field.name in kind.unique
    reference = kind.all_references.get(field.name)
    pointed = [(await make(client, CATALOG[reference.to], 80 + n))["id"] for n in range(3)] if reference else []
    plain = field in plain_fields(kind)
    for place, number in enumerate(NUMBERS):
        fields = body(kind, place)
        if reference:
            fields[field.api_name] = None if number is None else pointed[number % 3]
        elif plain and number is None:
            fields |= {field.api_name: None} if field.nullable else {}
        elif plain and not unique:
            fields[field.api_name] = body(kind, number)[field.api_name]
        answer = await client.post(f"/{kind.plural}", json=fields)
        assert answer.status_code == 201, answer.text
    return await everything(client, kind)


def in_order(rows: list[Json], target: Target, *, descending: bool) -> list[str]:
    """Empty values last either way; ties by id in the direction of the sort."""

    def key(row: Json) -> Any:
        return comparable(target.field.type, row[target.api_name])

    rows = sorted(rows, key=lambda row: row["id"], reverse=descending)
    filled = sorted((row for row in rows if key(row) is not None), key=key, reverse=descending)
    return [row["id"] for row in (*filled, *(row for row in rows if key(row) is None))]


@of_each(lambda kind: {*kind.sortable, *ALWAYS_SORTABLE})
async def test_every_sortable_field_sorts_both_ways_with_empty_values_last(client: Client, target: Target) -> None:
    rows = await make_rows(client, target)
    for descending in (False, True):
        query = f"sort={'-' * descending}{target.api_name}"
        for limit in (2, 200):
            pages = await everything(client, target.kind, query, limit)
            assert [row["id"] for row in pages] == in_order(rows, target, descending=descending)


def argument(target: Target, shown: Any) -> Any:
    """A value of a record as a query string gives it."""
    if isinstance(shown, bool):
        return str(shown).lower()
    return shown["amount"] if target.field.type is ValueType.money else shown


async def found(client: Client, target: Target, operator: str, given: Any) -> set[str]:
    suffix = "" if operator == "eq" else f"[{operator}]"
    parameters = {f"{target.api_name}{suffix}": given, "limit": 200}
    answer = await client.get(f"/{target.kind.plural}", params=parameters)
    assert answer.status_code == 200, answer.text
    return {row["id"] for row in answer.json()["data"]}


@of_each(lambda kind: {*kind.filterable, *ALWAYS_FILTERABLE})
async def test_every_filterable_field_filters_with_every_operator_that_fits_it(client: Client, target: Target) -> None:
    rows = await make_rows(client, target)
    type_ = target.field.type
    mine = {row["id"]: comparable(type_, row[target.api_name]) for row in rows}
    shown = [row[target.api_name] for row in rows if row[target.api_name] is not None]
    ordered = ORDERED if type_ not in UNORDERED else {}

    for one in shown[:3]:
        given, wanted = argument(target, one), comparable(type_, one)
        assert await found(client, target, "eq", given) == {id_ for id_, own in mine.items() if own == wanted}
        assert await found(client, target, "ne", given) == {id_ for id_, own in mine.items() if own != wanted}
        for operator, holds in ordered.items():
            expected = {id_ for id_, own in mine.items() if own is not None and holds(own, wanted)}
            assert await found(client, target, operator, given) == expected, operator
    listed = ",".join(str(argument(target, one)) for one in shown[:2])
    wanted_ones = [comparable(type_, one) for one in shown[:2]]
    assert await found(client, target, "in", listed) == {id_ for id_, own in mine.items() if own in wanted_ones}
    for answer in (True, False):
        expected = {id_ for id_, own in mine.items() if (own is None) is answer}
        assert await found(client, target, "empty", str(answer).lower()) == expected


@of_each(lambda kind: [name for name in kind.filterable if kind.by_column[name].type is ValueType.text])
async def test_texts_are_found_by_part_and_by_beginning(client: Client, target: Target) -> None:
    mine = {row["id"]: row[target.api_name] for row in await make_rows(client, target)}
    texts = [text for text in mine.values() if text]
    for operator, given in (
        ("icontains", texts[0][2:].upper()),
        ("icontains", "é_%"),
        ("icontains", "%"),
        ("startsWith", texts[0][:4]),
        ("startsWith", texts[0][:4].swapcase()),
    ):
        expected = {id_ for id_, text in mine.items() if text is not None and TEXT[operator](text, given)}
        assert await found(client, target, operator, given) == expected, (operator, given)


@of_each(lambda kind: [name for name in kind.filterable if kind.by_column[name].type is ValueType.money])
async def test_money_is_found_by_its_currency(client: Client, target: Target) -> None:
    rows = await make_rows(client, target)
    answer = await client.get(f"/{target.kind.plural}?limit=200&{target.api_name}.currency=USD")
    expected = {row["id"] for row in rows if (row[target.api_name] or {}).get("currency") == "USD"}
    assert {row["id"] for row in answer.json()["data"]} == expected != set()


@of_each(lambda kind: {*kind.filterable, *ALWAYS_FILTERABLE})
async def test_an_operator_or_value_that_does_not_fit_is_refused(client: Client, target: Target) -> None:
    misfits = ["near"] + ["icontains", "startsWith"] * (target.field.type is not ValueType.text)
    misfits += list(ORDERED) * (target.field.type in UNORDERED)
    for operator in misfits:
        answer = await client.get(f"/{target.kind.plural}", params={f"{target.api_name}[{operator}]": "1"})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknownOperator"), operator
    answer = await client.get(f"/{target.kind.plural}", params={f"{target.api_name}[empty]": "perhaps"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, f"{target.api_name}[empty]")


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
