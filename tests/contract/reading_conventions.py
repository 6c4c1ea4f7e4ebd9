"""Conventions of lists and single reads."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from app.api import listing
from app.api import records as record_routes
from app.api.answer import JSON, Answer
from app.api.edge import Call
from app.domain.kernel.errors import NotFound
from app.domain.kernel.expression import shorthand
from app.domain.kernel.expression.tree import EVERYTHING
from app.domain.kernel.ids import uuid7
from app.domain.kernel.query import Sort
from app.domain.records import service
from app.repositories import keyset, projection, reading
from app.repositories import records as record_repository
from app.repositories.keyset import Branch, Key
from tests.contract.convention import Case, Convention, always, created, is_problem, rows, without

EMPLOYEES = (3, None, 1, 2, None, 1)


def plainly_ordered(keys: Sequence[Key]) -> list[Branch]:
    """As PostgreSQL orders when nobody says where empty values go."""
    return [Branch((), tuple(key.column.desc() if key.descending else key.column for key in keys))]


async def some_accounts(case: Case) -> None:
    for place, employees in enumerate(EMPLOYEES):
        await created(case.client, name="ab"[place % 2], employees=employees)


async def a_page_says_where_the_next_begins(case: Case) -> None:
    await some_accounts(case)
    page = (await case.client.get("/accounts?limit=5")).json()
    assert page.keys() == {"data", "page", "meta"}
    assert page["page"]["hasMore"] is True
    rest = (await case.client.get(f"/accounts?limit=5&cursor={page['page']['nextCursor']}")).json()
    assert rest["page"] == {"nextCursor": None, "hasMore": False}
    assert len({row["id"] for row in (*page["data"], *rest["data"])}) == 6


async def shorthand_filters(case: Case) -> None:
    await some_accounts(case)
    for query, expected in (
        ("employees=1", [1, 1]),
        ("employees[gte]=2", [2, 3]),
        ("employees[in]=2,3", [2, 3]),
        ("employees[empty]=true", [None, None]),
        ("name=a&employees[lt]=3", [1]),
    ):
        found = (await case.client.get(f"/accounts?sort=employees&{query}")).json()["data"]
        assert [row["employees"] for row in found] == expected, query


async def a_near_name_is_suggested(case: Case) -> None:
    told = is_problem(await case.client.get("/accounts?employes=1"), 400, "unknownField")
    assert told["errors"][0]["pointer"] == "employes"
    assert "Did you mean employees?" in told["detail"]


async def a_value_of_another_type_is_refused(case: Case) -> None:
    for query in ("employees=many", "parentId=17", "createdAt[gt]=yesterday", "annualRevenue[lt]=NaN"):
        is_problem(await case.client.get(f"/accounts?{query}"), 400, "wrongType")


async def lists_are_sorted(case: Case) -> None:
    await some_accounts(case)
    for sort, step in (("employees", 1), ("-employees", -1)):
        found = [row["employees"] for row in await rows(case.client, f"/accounts?employees[gt]=0&sort={sort}")]
        assert found == [1, 1, 2, 3][::step]
    is_problem(await case.client.get("/accounts?sort=industry"), 400, "badSort")


async def empty_values_come_last(case: Case) -> None:
    await some_accounts(case)
    for sort in ("employees", "-employees"):
        found = [row["employees"] for row in await rows(case.client, f"/accounts?sort={sort}&limit=100")]
        assert found[4:] == [None, None]


async def pages_join_without_gap_or_repeat(case: Case) -> None:
    await some_accounts(case)
    for sort in ("employees,-name", "-employees,name", "name,-employees", "-name,employees", "-employees"):
        whole = (await case.client.get(f"/accounts?sort={sort}&limit=100")).json()["data"]
        assert await rows(case.client, f"/accounts?sort={sort}&limit=2") == whole, sort


async def a_cursor_keeps_its_place_while_rows_come_and_go(case: Case) -> None:
    made = [await created(case.client, name=name) for name in "bdfh"]
    page = (await case.client.get("/accounts?sort=name&limit=2")).json()
    await created(case.client, name="a")
    await case.client.delete(f"/accounts/{made[1]['id']}")
    cursor = page["page"]["nextCursor"]
    rest = (await case.client.get(f"/accounts?sort=name&limit=2&cursor={cursor}")).json()["data"]
    assert [row["name"] for row in rest] == ["f", "h"]


async def a_cursor_is_bound_to_its_question(case: Case) -> None:
    await some_accounts(case)
    cursor = (await case.client.get("/accounts?sort=name&limit=1")).json()["page"]["nextCursor"]
    colleague = await case.world.member_of(case.client)
    for asker, query in (
        (case.client, "sort=-name"),
        (case.client, "sort=name&employees=1"),
        (case.client, "sort=name&filter=employees==1"),
        (case.client, "sort=name&fields=id"),
        (colleague, "sort=name"),
        (case.stranger, "sort=name"),
    ):
        is_problem(await asker.get(f"/accounts?{query}&limit=1&cursor={cursor}"), 400, "otherQuery")


async def a_cursor_that_was_changed_is_refused(case: Case) -> None:
    await some_accounts(case)
    cursor = (await case.client.get("/accounts?sort=name&limit=1")).json()["page"]["nextCursor"]
    for other in (cursor[:8] + urlsafe_b64encode(b"[[1]]").decode(), cursor[:-8], cursor[:8], "ä"):
        is_problem(await case.client.get(f"/accounts?sort=name&limit=1&cursor={other}"), 400, "badCursor")


async def too_large_a_limit_is_refused(case: Case) -> None:
    for limit in ("201", "0", "-1", "x", "1e2"):
        told = is_problem(await case.client.get(f"/accounts?limit={limit}"), 400, "badLimit")
        assert told["errors"][0]["pointer"] == "limit"
    assert (await case.client.get("/accounts?limit=200")).status_code == 200


async def only_the_fields_asked_for(case: Case) -> None:
    made = await created(case.client)
    assert (await case.client.get("/accounts?fields=name,id")).json()["data"] == [{"id": made["id"], "name": "Acme"}]
    assert (await case.client.get(f"/accounts/{made['id']}?fields=name")).json() == {"name": "Acme"}


async def references_are_shown_inline(case: Case) -> None:
    parent = await created(case.client, name="Parent")
    child = await created(case.client, parentId=parent["id"])
    shown = (await case.client.get(f"/accounts/{child['id']}?expand=parent,owner")).json()
    assert shown == child | {"parent": parent, "owner": None}


async def lists_inline_are_capped(case: Case) -> None:
    parent = await created(case.client)
    body = {"name": "child", "parentId": parent["id"]}
    await asyncio.gather(*(case.client.post("/accounts", json=body) for _ in range(21)))
    inline = (await case.client.get(f"/accounts/{parent['id']}?expand=children")).json()["children"]
    assert (len(inline["data"]), inline["hasMore"]) == (20, True)


async def expansion_ends_at_two(case: Case) -> None:
    assert (await case.client.get("/accounts?expand=parent.owner")).status_code == 200
    is_problem(await case.client.get("/accounts?expand=parent.parent.owner"), 400, "tooDeep")


async def expansion_has_a_budget(case: Case) -> None:
    is_problem(await case.client.get("/accounts?limit=200&expand=children.contacts"), 400, "expandTooLarge")
    assert (await case.client.get("/accounts?limit=10&expand=children.contacts")).status_code == 200


async def the_count_is_exact(case: Case) -> None:
    await some_accounts(case)
    answer = await case.client.get("/accounts?name=a&limit=1&count=exact")
    assert answer.json()["meta"] == {"count": 3}


async def a_body_asks_the_same(case: Case) -> None:
    await some_accounts(case)
    asked = {"employees[gte]": 2, "sort": "-employees", "limit": 1}
    queried = await case.client.post("/accounts/query", json=asked)
    listed = await case.client.get("/accounts", params=asked)
    assert (queried.status_code, queried.content) == (200, listed.content)
    assert listed.json()["data"][0]["employees"] == 3


async def what_may_not_be_seen_does_not_exist(case: Case) -> None:
    foreign = await created(case.stranger)
    answers = [await case.client.get(f"/accounts/{id_}") for id_ in (foreign["id"], str(uuid7()), "17")]
    for answer in answers:
        is_problem(answer, 404, "notFound")
    assert len({answer.content.replace(answer.headers["request-id"].encode(), b"") for answer in answers}) == 1


async def a_known_answer_is_not_sent_again(case: Case) -> None:
    made = await created(case.client)
    for path in (f"/accounts/{made['id']}", "/accounts?limit=3", f"/accounts/{made['id']}?expand=owner"):
        tag = (await case.client.get(path)).headers["etag"]
        assert tag.startswith('"')
        for known in (tag, f'W/{tag}, "x"'):
            again = await case.client.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)


async def the_tag_names_version_and_view(case: Case) -> None:
    url = f"/accounts/{(await created(case.client))['id']}"
    whole, narrow, other = [
        (await case.client.get(url + view)).headers["etag"] for view in ("", "?fields=id", "?fields=name")
    ]
    assert len({whole, narrow, other}) == 3
    assert {tag.partition("-")[0] for tag in (whole, narrow, other)} == {'"1'}


READING = (
    Convention(
        topic="list",
        name="envelope",
        rule="A list answers data, page and meta; page.nextCursor leads on until it is null.",
        proof=a_page_says_where_the_next_begins,
        mutation=without((record_routes, "page_body", lambda page, _: b'{"data":%b}' % page.records)),
    ),
    Convention(
        topic="filter",
        name="shorthand",
        rule="Parameters named after fields, with an operator in brackets, filter.",
        proof=shorthand_filters,
        mutation=without((listing, "parse", always(EVERYTHING))),
    ),
    Convention(
        topic="filter",
        name="suggestion",
        rule="An unknown field is refused with its place and the nearest known one.",
        proof=a_near_name_is_suggested,
        mutation=without((shorthand, "get_close_matches", always([]))),
    ),
    Convention(
        topic="filter",
        name="typed",
        rule="A value that the field cannot have is refused.",
        proof=a_value_of_another_type_is_refused,
        mutation=without((shorthand, "_typed", lambda _, __, value: value)),
    ),
    Convention(
        topic="list",
        name="sort",
        rule="A list is sorted by the fields that are declared so, ascending or descending.",
        proof=lists_are_sorted,
        mutation=without((listing, "order", always((Sort("created_at", descending=False),)))),
    ),
    Convention(
        topic="list",
        name="empty values last",
        rule="Empty values come last in both directions.",
        proof=empty_values_come_last,
        mutation=without((reading, "from_start", plainly_ordered)),
    ),
    Convention(
        topic="list",
        name="keyset pages",
        rule="Pages join without gap or repeat, with empty values and mixed directions.",
        proof=pages_join_without_gap_or_repeat,
        mutation=without((keyset, "_comparable", always(value=True))),
    ),
    Convention(
        topic="list",
        name="keyset place",
        rule="A cursor keeps its place while rows before it come and go.",
        proof=a_cursor_keeps_its_place_while_rows_come_and_go,
        mutation=without((reading, "beyond", lambda keys, _: keyset.from_start(keys))),
    ),
    Convention(
        topic="list",
        name="cursor bound",
        rule="A cursor belongs to its filter, sort, view and actor.",
        proof=a_cursor_is_bound_to_its_question,
        mutation=without((listing, "_binding", always(b"______"))),
    ),
    Convention(
        topic="list",
        name="cursor opaque",
        rule="A cursor that was not issued here is refused.",
        proof=a_cursor_that_was_changed_is_refused,
        mutation=without((listing, "_after", always(None))),
    ),
    Convention(
        topic="list",
        name="limit",
        rule="A limit over the maximum is refused, not clamped.",
        proof=too_large_a_limit_is_refused,
        mutation=without((listing, "limit_of", lambda text: min(max(int(text), 1), 200) if text.isdecimal() else 50)),
    ),
    Convention(
        topic="list",
        name="fields",
        rule="`fields` shows only what it names, in lists and single reads.",
        proof=only_the_fields_asked_for,
        mutation=without((listing, "sparse", always(()))),
    ),
    Convention(
        topic="expand",
        name="to-one",
        rule="A reference is shown inline, null when it is not there.",
        proof=references_are_shown_inline,
        mutation=without((listing, "_expansions", always(()))),
    ),
    Convention(
        topic="expand",
        name="to-many",
        rule="A list inline is capped and says when there are more.",
        proof=lists_inline_are_capped,
        mutation=without((projection, "TO_MANY", 1_000)),
    ),
    Convention(
        topic="expand",
        name="depth",
        rule="References are followed two deep.",
        proof=expansion_ends_at_two,
        mutation=without((listing, "MAX_DEPTH", 9)),
    ),
    Convention(
        topic="expand",
        name="budget",
        rule="What could show too many records inline is refused.",
        proof=expansion_has_a_budget,
        mutation=without((listing, "MAX_ROWS", 10**9)),
    ),
    Convention(
        topic="list",
        name="exact count",
        rule="`count=exact` counts all that match as meta.count.",
        proof=the_count_is_exact,
        mutation=without((listing, "_counted", always(value=False))),
    ),
    Convention(
        topic="list",
        name="query",
        rule="POST .../query answers the bytes of the list for the same members in a body.",
        proof=a_body_asks_the_same,
        mutation=without((Call, "json", always({}))),
    ),
    Convention(
        topic="errors",
        name="404 record",
        rule="A foreign record, a missing one and an id that is none answer the same bytes.",
        proof=what_may_not_be_seen_does_not_exist,
        mutation=without((service, "_found", lambda thing: thing or _not_found())),
    ),
    Convention(
        topic="concurrency",
        name="If-None-Match",
        rule="An ETag that the client holds is answered by 304 without a body.",
        proof=a_known_answer_is_not_sent_again,
        mutation=without(
            (record_routes, "show_unless_known", lambda body, tag, _: Answer(200, body, [*JSON, (b"etag", tag)]))
        ),
    ),
    Convention(
        topic="concurrency",
        name="ETag",
        rule="The ETag begins with the version and differs from view to view.",
        proof=the_tag_names_version_and_view,
        mutation=without((record_repository, "shape_of", always("same"))),
    ),
)


def _not_found() -> object:
    raise NotFound(f"There is no such record in {uuid7()}.")
