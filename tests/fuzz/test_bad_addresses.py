"""Paths, query strings and cursors that mean nothing: refused by name, and nothing is written."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from uuid import uuid4

import httpx
import pytest

from app.domain.kernel.object_type import AnyObject
from app.domain.registry import OBJECT_TYPES
from tests.fuzz.conftest import Untouched
from tests.fuzz.problem import pointers_of, problem_of
from tests.world import Client, World

GARBAGE = ["%C3%28", "%ff", "%FE%FF", "%c0%af", "%ED%A0%80", "%80"]
NEVER = "019ad1c0-7b3e-7c11-9d52-6f0c3a9b1e44"  # an id that no record has
IDS = (
    "{}",
    "\\",
    "0",
    "null",
    "undefined",
    "-1",
    "1e9",
    "%00",
    "x" * 36,
    "%20",
    "{id}",
    "*",
    "'; drop table account;--",
)
IDS += ("{019ad1c0-7b3e-7c11-9d52-6f0c3a9b1e}", "\uff10" * 36, NEVER.replace("-", ""), f"{NEVER}%00", "a" * 10_000)
FIRST, SECOND = "/accounts?limit=1&sort=name", "/accounts?limit=1&sort=-name"

kinds = pytest.mark.parametrize("kind", OBJECT_TYPES, ids=lambda kind: kind.name)


@kinds
async def test_what_is_no_id_is_not_found(client: Client, untouched: Untouched, kind: AnyObject) -> None:
    async with untouched(client):
        for record_id in IDS:
            path = f"/{kind.plural}/{record_id}"
            for method, where in (
                ("GET", path),
                ("DELETE", path),
                ("GET", f"{path}/history"),
                ("POST", f"{path}/restore"),
            ):
                problem_of(await client.request(method, where), 404)
            problem_of(await client.patch(path, json={}), 404)


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_what_is_no_utf8_is_refused_in_paths_and_query_strings(
    client: Client, untouched: Untouched, garbage: str
) -> None:
    async with untouched(client):
        for path in (f"/accounts/{garbage}", f"/accounts/by/crm/{garbage}", f"/accounts/by/{garbage}/1"):
            assert problem_of(await client.get(path), 400)["code"] == "badEncoding"
        answer = await client.put(f"/accounts/by/crm/{garbage}", json={"name": "Acme"})
        assert problem_of(answer, 400)["code"] == "badEncoding"
        for query in (f"name={garbage}", f"{garbage}=1", f"name[in]=a,{garbage}", f"externalIds.crm={garbage}"):
            assert problem_of(await client.get(f"/accounts?{query}"), 400)["code"] == "badEncoding"


@pytest.mark.parametrize(
    "path", ["/", "//", "/nothing", "//accounts", "/accounts//", "/accounts/../users/", "/%2e%2e/me"]
)
async def test_an_unknown_path_is_not_found(client: Client, path: str) -> None:
    problem_of(await client.get(path), 404)


async def test_a_path_of_60_kilobytes_is_not_found(client: Client) -> None:
    problem_of(await client.get("/" + "a" * 60_000), 404)
    problem_of(await client.get("/accounts" + "/a" * 30_000), 404)


async def test_an_external_id_may_hold_what_urls_are_made_of(client: Client) -> None:
    for number, external_id in enumerate(("a/b", "a%b", "?", "#", "..", "a b", "é", "a//b/", "100%", "+", "%2F")):
        path = f"/accounts/by/crm/{httpx.QueryParams({'': external_id})!s}".replace("/=", "/").replace("+", "%20")
        path = path.replace("..", "%2E%2E")
        made = await client.put(path, json={"name": f"Acme {number}"})
        assert (made.status_code, made.json()["externalIds"]) == (201, {"crm": external_id})
        assert (await client.get(path)).json()["name"] == f"Acme {number}"


@pytest.mark.parametrize(
    "path", ["crm/" + "a" * 256, "crm/a%00b", "1crm/a", "c.rm/a", "c%00/a", "a" * 41 + "/a", "%20/a"]
)
async def test_what_can_be_no_external_id_is_refused(client: Client, untouched: Untouched, path: str) -> None:
    async with untouched(client):
        for answer in (
            await client.get(f"/accounts/by/{path}"),
            await client.put(f"/accounts/by/{path}", json={"name": "Acme"}),
        ):
            assert pointers_of(answer, 400) <= {"system", "externalId"}


# Each bad parameter, and what of it is pointed at.
QUERIES = {
    **{
        f"limit={limit}": "limit"
        for limit in ("0", "-1", "201", "abc", "1e1", "", "\u0665", "1.0", "9" * 30, "+5", "05")
    },
    "limit=1&limit=2": "limit",
    "sort=nonsense": "sort",
    "sort=website": "sort",
    "sort=name,employees,status": "sort",
    "sort=--name": "sort",
    "sort=name,": "sort",
    "sort=tenant_id": "sort",
    "fields=nonsense": "fields",
    "fields=id,,name": "fields",
    "fields=settle": "fields",
    "expand=nonsense": "expand",
    "expand=owner.nonsense": "expand",
    "expand=parent.parent.parent": "expand",
    "expand=.": "expand",
    "count=all": "count",
    "count=": "count",
    "cursor=": "cursor",
    "cursor=!": "cursor",
    "cursor=e30=": "cursor",
    "nonsense=1": "nonsense",
    "Name=A": "Name",
    "tenantId=1": "tenantId",
    "settle=1": "settle",
    "custom=1": "custom",
    "externalIds=1": "externalIds",
    "externalIds.=1": "externalIds.",
    "externalIds.a%20b=1": "externalIds.a b",
    "externalIds.crm[ne]=1": "externalIds.crm[ne]",
    "externalIds.crm=%00": "externalIds.crm",
    f"externalIds.crm={'a' * 256}": "externalIds.crm",
    "name[like]=A": "name[like]",
    "name[=A": "name[",
    "name[]=A": "name[]",
    "name[eq=A": "name[eq",
    "name[eq]]=A": "name[eq]]",
    "name[eq][eq]=A": "name[eq][eq]",
    "[eq]=A": "[eq]",
    "=A": "",
    "name=%00": "name",
    "name[icontains]=a%00": "name[icontains]",
    "name[in]=a,%00": "name[in]",
    f"name={'a' * 4_001}": "name",
    f"name[in]={','.join('a' * 201)}": "name[in]",
    "name[empty]=1": "name[empty]",
    "name[empty]=yes": "name[empty]",
    "name.length=1": "name.length",
    **{
        f"employees={value}": "employees"
        for value in ("", "a", "1.5", "1e3", "0x1", "1_0", "%201", "\u0665", "NaN", "null")
    },
    "employees=2147483648": "employees",
    f"employees={'9' * 5_000}": "employees",
    "employees[icontains]=1": "employees[icontains]",
    "employees[in]=1,,2": "employees[in]",
    "version=9223372036854775808": "version",
    "version=-9223372036854775809": "version",
    **{f"annualRevenue={value}": "annualRevenue" for value in ("NaN", "Infinity", "1e400", "1,5", "", "9" * 31, "1_0")},
    "annualRevenue.currency=euro": "annualRevenue.currency",
    "annualRevenue.cents=1": "annualRevenue.cents",
    **{f"id={value}": "id" for value in ("1", "null", "x" * 36, "%00")},
    f"id[lt]={NEVER}": "id[lt]",
    **{
        f"createdAt={value}": "createdAt"
        for value in ("0", "1700000000", "2026-01-01", "0001-01-01T00:00%2B14:00", "2026-01-01T24:00:00Z", "now")
    },
    "createdAt=9999-12-31T23:59:59-14:00": "createdAt",
}


@pytest.mark.parametrize("query", QUERIES)
async def test_a_bad_parameter_is_named(client: Client, query: str) -> None:
    assert pointers_of(await client.get(f"/accounts?{query}"), 400) == {QUERIES[query]}


async def test_a_date_that_is_none_is_named(client: Client) -> None:
    for day in ("0", "2026-02-30", "2026-01-01T00:00:00Z", "20260101", ""):
        assert pointers_of(await client.get(f"/opportunities?closeDate={day}"), 400) == {"closeDate"}


async def test_the_same_is_refused_in_a_body(client: Client) -> None:
    bad = [
        ("limit", 0),
        ("limit", True),
        ("limit", None),
        ("sort", None),
        ("sort", ["name"]),
        ("cursor", 1),
        ("name", 5),
    ]
    bad += [
        ("name", None),
        ("name", ["A"]),
        ("name", {"eq": "A"}),
        ("name[in]", [None]),
        ("name[in]", {}),
        ("name", "a\0"),
    ]
    bad += [
        ("name[in]", ["a"] * 201),
        ("employees", True),
        ("employees", 1.5),
        ("employees", 2**31),
        ("employees", "x"),
    ]
    bad += [
        ("version", 2**63),
        ("version", int("9" * 4_000)),
        ("name[empty]", 1),
        ("id", 5),
        ("nonsense", 1),
        ("count", 1),
    ]
    for name, value in bad:
        assert pointers_of(await client.post("/accounts/query", json={name: value}), 400) == {name}


async def test_too_many_parameters_are_refused(client: Client) -> None:
    for path in ("/accounts", f"/accounts/{uuid4()}", "/events", "/bin", "/me", "/limits", "/api-keys"):
        many = "&".join(["a=1"] * 10_000)
        assert problem_of(await client.get(f"{path}?{many}"), 400)["code"] == "tooMany"
    many = "&".join(f"name[ne]={number}" for number in range(31))
    assert problem_of(await client.get(f"/accounts?{many}"), 400)["code"] == "tooMany"
    problem_of(await client.post("/accounts/query", json={f"name{n}": 1 for n in range(10_000)}), 400)


async def test_a_route_without_parameters_takes_none(client: Client, untouched: Untouched) -> None:
    account = (await client.post("/accounts", json={"name": "Acme"})).json()["id"]
    async with untouched(client):
        for method, path in (
            *(("GET", path) for path in ("/me", "/limits", "/api-keys")),
            ("POST", "/accounts"),
            ("PATCH", f"/accounts/{account}"),
            ("DELETE", f"/accounts/{account}"),
            ("POST", f"/accounts/{account}/restore"),
            ("PUT", "/accounts/by/crm/1"),
        ):
            sent = {"json": {"name": "B"}} if method in ("PATCH", "PUT") or path == "/accounts" else {}
            assert pointers_of(await client.request(method, f"{path}?dry=true", **sent), 400) == {"dry"}


async def test_a_cursor_is_good_for_its_own_question_only(client: Client, stranger: Client, world: World) -> None:
    for who in (client, stranger):
        for name in ("A", "B", "C"):
            assert (await who.post("/accounts", json={"name": name})).status_code == 201
            assert (await who.post("/products", json={"name": name})).status_code == 201
    cursor = (await client.get(FIRST)).json()["page"]["nextCursor"]
    assert (await client.get(f"{FIRST}&cursor={cursor}")).json()["data"][0]["name"] == "B"
    colleague = await world.member_of(client)
    for who, path in (
        (client, SECOND),
        (client, f"{FIRST}&name[ne]=Z"),
        (client, "/products?limit=1&sort=name"),
        (client, "/contacts?limit=1"),
        (stranger, FIRST),
        (colleague, FIRST),
    ):
        answer = await who.get(f"{path}&cursor={cursor}")
        assert (problem_of(answer, 400)["code"], pointers_of(answer, 400)) == ("otherQuery", {"cursor"})


async def test_a_tampered_cursor_is_refused(client: Client) -> None:
    for name in ("A", "B", "C"):
        await client.post("/accounts", json={"name": name})
    cursor = urlsafe_b64decode((await client.get(FIRST)).json()["page"]["nextCursor"])
    bound, position = cursor[:6], cursor[10:]
    ((name, record_id),) = json.loads(position)
    wrong = ([], {}, None, 1, "x", [[]], [[name]], [name, record_id], [[name, record_id, 1]], [[record_id]])
    wrong += (
        [[5, record_id]],
        [[None, record_id]],
        [["a\0", record_id]],
        [[name, 5]],
        [[name, "x"]],
        [[{}, record_id]],
    )
    wrong += ([[name, record_id], [name, record_id]], [[["a"], record_id]], [[name, None]])
    forged = [_sealed(bound, json.dumps(one).encode()) for one in wrong]
    forged += [_sealed(bound, one) for one in (b"", b"[" * 10_000, b"\xff", position[:-1], b"[[NaN]]")]
    changed = [b"", bound, cursor[:-1], cursor[1:], cursor + b" ", cursor.replace(name.encode(), b"Z")]
    assert (await client.get(f"{FIRST}&cursor={_text(_sealed(bound, position))}")).status_code == 200
    for one in (*forged, *changed):
        assert pointers_of(await client.get(f"{FIRST}&cursor={_text(one)}"), 400) == {"cursor"}, one


def _sealed(bound: bytes, position: bytes) -> bytes:
    """With the checksum that anybody can work out: it is there against accidents, and what it seals is not trusted."""
    return bound + blake2b(position, key=bound, digest_size=4).digest() + position


def _text(cursor: bytes) -> str:
    return urlsafe_b64encode(cursor).decode()


CURSORS = (None, True, 0, -1, 1.5, 2**63, 10**30, "x", [], {}, [[[]]], ["2026-01-01T00:00:00Z"], ["x", "y"], [1, 2])
CURSORS += (["0001-01-01T00:00:00+14:00", NEVER], ["2026-01-01T00:00:00Z", 5], ["2026-01-01T00:00:00Z", "x"])


async def test_a_cursor_of_history_or_bin_that_was_not_issued_is_refused(client: Client) -> None:
    account = (await client.post("/accounts", json={"name": "Acme"})).json()["id"]
    for path in (f"/accounts/{account}/history", "/bin"):
        for position in CURSORS:
            cursor = urlsafe_b64encode(json.dumps(position).encode()).decode()
            assert pointers_of(await client.get(f"{path}?cursor={cursor}"), 400) == {"cursor"}, (path, position)
        for cursor in ("", "!", "%00", "AAAA", "W1tb" * 5_000):
            assert pointers_of(await client.get(f"{path}?cursor={cursor}"), 400) == {"cursor"}, (path, cursor)


@pytest.mark.parametrize(
    "after",
    [
        "",
        "0",
        "-",
        "1-",
        "1-2-",
        "a-b",
        "1-2-3-4",
        "9" * 19 + "-1",
        "1-" + "9" * 19,
        "1-1-" + "9" * 15,
        "\u0665-\u0665",
        " 1-2",
    ],
)
async def test_a_place_in_the_log_that_was_not_issued_is_refused(client: Client, after: str) -> None:
    assert pointers_of(await client.get(f"/events?after={after}"), 400) == {"after"}


async def test_a_place_far_behind_the_log_is_just_empty(client: Client) -> None:
    for after in ("9" * 18 + "-" + "9" * 18, "0-0-" + "9" * 14):
        assert (await client.get("/events", params={"after": after})).status_code == 200


@pytest.mark.parametrize(
    "as_of", ["", "0", "now", "2026-01-01", "9998-01-01T00:00:00Z", "0001-01-01T00:00%2B14:00", "%00"]
)
async def test_a_time_that_cannot_be_asked_for_is_named(client: Client, as_of: str) -> None:
    account = (await client.post("/accounts", json={"name": "Acme"})).json()["id"]
    assert pointers_of(await client.get(f"/accounts/{account}?asOf={as_of}"), 400) == {"asOf"}


async def test_a_foreign_id_finds_nothing(client: Client, stranger: Client) -> None:
    theirs = (await stranger.post("/accounts", json={"name": "Theirs"})).json()["id"]
    assert (await client.get(f"/accounts?parentId={theirs}&count=exact")).json()["meta"] == {"count": 0}
    assert (await client.get(f"/accounts?id[in]={theirs},{uuid4()}")).json()["data"] == []
    assert (await client.get(f"/events?recordId={theirs}")).json()["data"] == []
    problem_of(await client.get(f"/accounts/{theirs}"), 404)
