"""Bodies that no write takes: each is refused with a pointer to what is wrong, and leaves nothing behind."""

import json
from collections.abc import AsyncIterator
from functools import cache
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest

from app.domain.kernel.object_type import AnyObject
from app.domain.registry import CATALOG, OBJECT_TYPES
from tests.factories.making import fresh, make_needed
from tests.fuzz.conftest import Untouched
from tests.fuzz.problem import pointers_of, problem_of
from tests.fuzz.shared import THOROUGHLY_AT, document_text
from tests.world import Client

JSON_TYPES = (None, True, 0, 1.5, -1, "", "0", "text", [], ["text"], {}, {"text": 1})
JSON = {"Content-Type": "application/json"}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
MEGABYTE = b" " * 1_000_000
DOCUMENT = "urn:rapport:document"

kinds = pytest.mark.parametrize("kind", OBJECT_TYPES, ids=lambda kind: kind.name)


def example_of(kind: AnyObject) -> dict[str, Any]:
    return fresh(kind.example)


@cache
def components() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document_text())["components"]
    return found


def schema_named(name: str) -> dict[str, Any]:
    found: dict[str, Any] = components()["schemas"][name]
    return found


def wrong_values(schema: dict[str, Any]) -> list[Any]:
    """Of each JSON type those values that the document forbids."""
    return _wrong_values(json.dumps(schema))


@cache
def _registry() -> jsonschema_rs.Registry:
    """What schemas refer to, read once: each validator would else read all of it."""
    return jsonschema_rs.Registry([(DOCUMENT, {"components": components()})])


@cache
def _wrong_values(schema: str) -> list[Any]:
    """By the text of the schema: the same schemas return in every object."""
    alone = json.loads(schema.replace('"#/', f'"{DOCUMENT}#/'))
    validator = jsonschema_rs.Draft202012Validator(alone, validate_formats=True, registry=_registry())
    return [value for value in JSON_TYPES if not validator.is_valid(value)]


async def write(client: Client, method: str, path: str, content: Any, headers: dict[str, str] | None = None) -> Any:
    """Under a key, so that a refusal which kept its answer would show."""
    keyed = {"Idempotency-Key": str(uuid4()), **(JSON if headers is None else headers)}
    return await client.request(method, path, content=content, headers=keyed)


@kinds
async def test_a_field_takes_only_the_types_that_the_document_names(
    client: Client, untouched: Untouched, kind: AnyObject
) -> None:
    name = kind.model.__name__
    await make_needed(client, kind, CATALOG)
    record = (await client.post(f"/{kind.plural}", json=example_of(kind))).json()
    created = "ContactWithAccount" if name == "Contact" else f"New{name}"
    routes = (
        ("POST", f"/{kind.plural}", created),
        ("PATCH", f"/{kind.plural}/{record['id']}", f"{name}Update"),
        ("PUT", f"/{kind.plural}/by/crm/1", f"{name}Create"),
    )
    async with untouched(client):
        for turn, (method, path, model) in enumerate(routes):
            for field, schema in schema_named(model)["properties"].items():
                values = wrong_values(schema)
                assert len(values) >= 5, f"{model}.{field} takes nearly anything"
                for value in values if kind.plural == THOROUGHLY_AT else values[turn :: len(routes)]:
                    answer = await write(client, method, path, json.dumps(example_of(kind) | {field: value}))
                    refused = pointers_of(answer, 422)
                    assert all(pointer.split("/")[1] == field for pointer in refused), (field, value, refused)
                    assert refused


@kinds
async def test_an_unknown_field_is_named(client: Client, untouched: Untouched, kind: AnyObject) -> None:
    async with untouched(client):
        for field in ("nonsense", "Name", "tenantId", "version", "createdAt", "settle", "__class__", "a/b~c", ""):
            body = json.dumps(example_of(kind) | {field: "x"})
            pointer = "/" + field.replace("~", "~0").replace("/", "~1")
            assert pointers_of(await write(client, "POST", f"/{kind.plural}", body), 422) == {pointer}
            assert pointers_of(await write(client, "PUT", f"/{kind.plural}/by/crm/1", body), 422) == {pointer}


# What is no JSON, or no JSON that two readers would read alike.
UNREADABLE = {
    "nothing": b"",
    "blank": b" \n",
    "cut off": b'{"name": "A',
    "trailing comma": b'{"name": "A",}',
    "single quotes": b"{'name': 'A'}",
    "comment": b'{"name": "A" /* b */}',
    "two documents": b'{"name": "A"} {"name": "B"}',
    "NaN": b'{"name": "A", "employees": NaN}',
    "Infinity": b'{"name": "A", "employees": Infinity}',
    "-Infinity": b'{"name": "A", "employees": -Infinity}',
    "leading zero": b'{"name": "A", "employees": 01}',
    "hexadecimal": b'{"name": "A", "employees": 0x1}',
    "duplicate key": b'{"name": "A", "name": "B"}',
    "duplicate key by escape": b'{"name": "A", "n\\u0061me": "B"}',
    "duplicate key inside": b'{"name": "A", "externalIds": {"a": "1", "a": "2"}}',
    "lone high surrogate": b'{"name": "\\ud800"}',
    "lone low surrogate": b'{"name": "\\udc00"}',
    "surrogates the wrong way round": b'{"name": "\\udc00\\ud800"}',
    "encoded surrogate": b'{"name": "\xed\xa0\x80"}',
    "NUL as a byte": b'{"name": "A\x00"}',
    "line break in text": b'{"name": "A\nB"}',
    "truncated UTF-8": b'{"name": "\xc3"}',
    "UTF-8 cut at the end": b'{"name": "A"}\xc3',
    "overlong UTF-8": b'{"name": "\xc0\xaf"}',
    "Latin-1": b'{"name": "\xe9"}',
    "UTF-16": '{"name": "A"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"name": "A"}',
    "deep arrays": b'{"name": ' + b"[" * 10_000,
    "deep arrays, closed": b'{"name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep objects": b'{"name": ' * 10_000,
    "deep objects, closed": b'{"name": ' * 10_000 + b"1" + b"}" * 10_000,
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_is_no_json_is_refused(client: Client, untouched: Untouched, content: bytes) -> None:
    account = (await client.post("/accounts", json={"name": "Acme"})).json()
    async with untouched(client):
        for method, path in (
            ("POST", "/accounts"),
            ("PUT", "/accounts/by/crm/1"),
            ("PATCH", f"/accounts/{account['id']}"),
            ("POST", "/accounts/query"),
            ("POST", "/api-keys"),
        ):
            assert problem_of(await write(client, method, path, content), 400)["code"] == "malformedJson"


@pytest.mark.parametrize("content", [b"null", b"true", b"1", b'"text"', b"[]", b"[{}]"])
async def test_a_body_that_is_no_object_is_refused(client: Client, untouched: Untouched, content: bytes) -> None:
    async with untouched(client):
        for method, path in (("POST", "/accounts"), ("PUT", "/accounts/by/crm/1"), ("POST", "/accounts/query")):
            problem_of(await write(client, method, path, content), 400, 422)


HUGE = {
    "2^31": b"2147483648",
    "2^63": b"9223372036854775808",
    "2^64": b"18446744073709551616",
    "below -2^63": b"-9223372036854775809",
    "1e400": b"1e400",
    "1e-400": b"1e-400",
    "4,000 digits": b"1" * 4_000,
    "5,000 decimals": b"0." + b"1" * 5_000,
}


@pytest.mark.parametrize("number", HUGE.values(), ids=HUGE.keys())
async def test_a_number_beyond_its_field_is_refused(client: Client, untouched: Untouched, number: bytes) -> None:
    account = (await client.post("/accounts", json={"name": "Acme"})).json()
    path = f"/accounts/{account['id']}"
    bodies = {
        "/employees": b'{"name": "A", "employees": %b}',
        "/foundedYear": b'{"name": "A", "foundedYear": %b}',
        "/annualRevenue/amount": b'{"name": "A", "annualRevenue": {"amount": %b, "currency": "EUR"}}',
    }
    async with untouched(client):
        for pointer, body in bodies.items():
            for method, where in (("POST", "/accounts"), ("PATCH", path)):
                assert pointers_of(await write(client, method, where, body % number), 422) == {pointer}
        if number not in (HUGE["2^31"], HUGE["1e-400"]):
            edit = b'{"name": "B", "baseVersion": %b}' % number
            assert pointers_of(await write(client, "PATCH", path, edit), 422) == {"/baseVersion"}


@pytest.mark.parametrize("digits", [5_000, 100_000])
async def test_a_number_that_nobody_reads_is_refused(client: Client, untouched: Untouched, digits: int) -> None:
    async with untouched(client):
        for field in (b"employees", b"nonsense"):
            body = b'{"name": "A", "%b": %b}' % (field, b"1" * digits)
            assert problem_of(await write(client, "POST", "/accounts", body), 400)["code"] == "malformedJson"


@pytest.mark.parametrize(
    "amount", ["1e400", "NaN", "Infinity", "-", "", "1.", ".5", "01", "1_0", " 1", "\uff11", "1,5"]
)
async def test_an_amount_is_a_plain_decimal(client: Client, untouched: Untouched, amount: str) -> None:
    async with untouched(client):
        body = {"name": "GTX", "listPrice": {"amount": amount, "currency": "EUR"}}
        answer = await write(client, "POST", "/products", json.dumps(body))
        assert pointers_of(answer, 422) == {"/listPrice/amount"}


DAYS = (
    "0",
    "1700000000",
    "2026-02-30",
    "0000-01-01",
    "2026-1-1",
    "20260101",
    "2026-01-01T00:00:00Z",
    "\uff12026-01-01",
    "today",
)


@pytest.mark.parametrize("day", DAYS)
async def test_a_date_is_one_of_the_calendar(client: Client, untouched: Untouched, day: str) -> None:
    async with untouched(client):
        body = json.dumps({"name": "Deal", "closeDate": day})
        assert pointers_of(await write(client, "POST", "/opportunities", body), 422) == {"/closeDate"}


TIMES = ("0", "1700000000", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T24:00:00Z", "2026-13-01T00:00:00Z")
TIMES += (
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-01-01T00:00:00+25:00",
    "+10000-01-01T00:00:00Z",
)


@pytest.mark.parametrize("time", TIMES)
async def test_a_time_has_its_offset_and_a_place_in_the_calendar(
    client: Client, untouched: Untouched, time: str
) -> None:
    async with untouched(client):
        body = json.dumps({"name": "Key", "scopes": ["accounts:read"], "expiresAt": time})
        assert pointers_of(await write(client, "POST", "/api-keys", body), 422) == {"/expiresAt"}


@kinds
async def test_nul_is_refused_wherever_text_goes(client: Client, untouched: Untouched, kind: AnyObject) -> None:
    name = kind.model.__name__
    texts = [
        field
        for field, one in schema_named(f"New{name}" if name != "Contact" else "ContactWithAccount")[
            "properties"
        ].items()
        if _takes_text(one)
    ]
    assert texts
    async with untouched(client):
        for field in texts:
            body = json.dumps(example_of(kind) | {field: "a\0b"})
            assert pointers_of(await write(client, "POST", f"/{kind.plural}", body), 422) == {f"/{field}"}
        for ids in ({"crm": "a\0b"}, {"c\0m": "1"}):
            body = json.dumps(example_of(kind) | {"externalIds": ids})
            assert pointers_of(await write(client, "POST", f"/{kind.plural}", body), 422)


def _takes_text(schema: dict[str, Any]) -> bool:
    return any(one.get("type") == "string" for one in (schema, *schema.get("anyOf", ())))


async def test_text_that_grows_when_it_is_normalised_still_fits(client: Client, untouched: Untouched) -> None:
    """U+0958 becomes two characters and U+1D160 three: the limit holds for what is stored."""
    for growing in ("\u0958", "\U0001d160"):
        async with untouched(client):
            body = json.dumps({"name": "Acme", "externalIds": {"crm": growing * 255}})
            assert pointers_of(await write(client, "POST", "/accounts", body), 422) == {"/externalIds/crm"}
            body = json.dumps({"name": growing * 200})
            assert pointers_of(await write(client, "POST", "/accounts", body), 422) == {"/name"}


async def test_a_body_over_the_limit_is_refused_whole(client: Client, untouched: Untouched) -> None:
    account = (await client.post("/accounts", json={"name": "Acme"})).json()["id"]
    body = b'{"name": "' + b"a" * 20_000_000 + b'"}'
    routes = (("POST", "/accounts"), ("PUT", "/accounts/by/crm/1"), ("PATCH", f"/accounts/{account}"))
    routes += (
        ("POST", "/accounts/query"),
        ("DELETE", f"/accounts/{account}"),
        ("POST", f"/accounts/{account}/restore"),
    )
    async with untouched(client):
        for method, path in routes:
            assert problem_of(await write(client, method, path, body), 413)["code"] == "tooLarge"


async def test_a_stream_without_a_length_is_read_up_to_the_limit(client: Client, untouched: Untouched) -> None:
    read = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal read
        yield b'{"name": "'
        for _ in range(20):
            read += 1
            yield MEGABYTE

    async with untouched(client):
        problem_of(await write(client, "POST", "/accounts", stream()), 413)
    assert read <= 2


MEDIA_TYPES = ("", "text/plain", "text/json", "application/jsonx", "application/x-www-form-urlencoded", "*/*", "json")
MEDIA_TYPES += ("multipart/form-data", "application/merge-patch+json", "application/json-patch+json", "\xff")


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
async def test_another_content_type_is_refused(client: Client, untouched: Untouched, media_type: str) -> None:
    headers = {"Content-Type": media_type.encode("latin-1")} if media_type else {}
    async with untouched(client):
        for method, path in (("POST", "/accounts"), ("PUT", "/accounts/by/crm/1"), ("POST", "/accounts/query")):
            problem_of(await write(client, method, path, b'{"name": "A"}', headers), 415)


async def test_json_with_a_parameter_and_a_merge_patch_are_read(client: Client) -> None:
    for media_type in ("application/json; charset=utf-8", "Application/JSON"):
        made = await write(client, "POST", "/accounts", b'{"name": "A"}', {"Content-Type": media_type})
        assert made.status_code == 201
        path = f"/accounts/{made.json()['id']}"
        assert (await write(client, "PATCH", path, b'{"name": "B"}', MERGE_PATCH)).status_code == 200


async def test_the_id_of_a_foreign_record_is_refused_like_one_that_never_was(
    client: Client, stranger: Client, untouched: Untouched
) -> None:
    theirs = (await stranger.post("/accounts", json={"name": "Theirs"})).json()["id"]
    async with untouched(client), untouched(stranger):
        told = []
        for account_id in (theirs, str(uuid4())):
            body = json.dumps({"lastName": "Lovelace", "accountId": account_id})
            problem = problem_of(await write(client, "POST", "/contacts", body), 422)
            told.append({name: value for name, value in problem.items() if name != "requestId"})
        assert told[0] == told[1]
        assert told[0]["errors"][0]["pointer"] == "/accountId"
