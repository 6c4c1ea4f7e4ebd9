"""Random bodies against every write and random query strings against every read: answered or refused, never our fault."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.route import ApiRoute
from app.api.v1.routes import ROUTES
from app.domain.registry import OBJECT_TYPES
from tests.fuzz.problem import check_any
from tests.world import Client

BY_PLURAL = {kind.plural: kind for kind in OBJECT_TYPES}
FIELDS = sorted({name for kind in OBJECT_TYPES for name in (*kind.fields, *kind.create.model_fields)})
WORDS = [
    *FIELDS,
    "externalIds.crm",
    "amount.currency",
    "id",
    "sort",
    "limit",
    "cursor",
    "fields",
    "expand",
    "count",
    "after",
]
WORDS += [
    "object",
    "type",
    "recordId",
    "asOf",
    "owner",
    "parent.owner",
    "-createdAt",
    "exact",
    "account.created",
    "EUR",
]
OPERATORS = [
    "",
    "[eq]",
    "[ne]",
    "[lt]",
    "[lte]",
    "[gt]",
    "[gte]",
    "[in]",
    "[empty]",
    "[icontains]",
    "[startsWith]",
    "[",
    "[]",
]
PIECES = [
    "%00",
    "%ff",
    "%",
    "+",
    "%2B",
    "&",
    "=",
    ";",
    ",",
    ".",
    "é",
    "0",
    "-1",
    "1e400",
    "true",
    "null",
    "2026-01-01",
    "[[1]]",
]

steady = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
scalars |= st.sampled_from(
    [
        "EUR",
        "active",
        "2026-01-01",
        "a@b.example",
        "+4930123456",
        "019ad1c0-7b3e-7c11-9d52-6f0c3a9b1e44",
        "\0",
        "\ud800",
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner, max_size=4),
    max_leaves=8,
)
words = st.sampled_from(WORDS) | st.sampled_from(PIECES) | st.text(max_size=8) | st.uuids().map(str)
terms = st.builds("{}{}={}".format, words, st.sampled_from(OPERATORS), st.lists(words, max_size=3).map(",".join))
query_strings = st.lists(terms, max_size=4).map("&".join)

WRITES = [route for route in ROUTES if route.body is not None]
READS = [route for route in ROUTES if route.method == "GET"]


@pytest.fixture
def sender(url: str, client: Client) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {client.key}"}) as made:
        yield made


def address_of(sender: httpx.Client, route: ApiRoute) -> str:
    """The path of the route, at a record that exists."""
    plural = route.path.split("/")[1]
    record_id = str(uuid4())
    if "{id}" in route.path and plural in BY_PLURAL:
        example = dict(BY_PLURAL[plural].example) | ({"email": f"{uuid4()}@test.example"} if plural == "users" else {})
        record_id = sender.post(f"/{plural}", json=example).json()["id"]
    return route.path.replace("{id}", record_id).replace("{system}", "crm").replace("{externalId}", "1")


def send(sender: httpx.Client, route: ApiRoute, path: str, body: Any) -> httpx.Response:
    """Also what Python would not write by itself: lone surrogates as escapes, NaN and Infinity."""
    return sender.request(route.method, path, content=json.dumps(body), headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("route", WRITES, ids=lambda route: route.name)
def test_any_body_is_answered_or_refused(sender: httpx.Client, route: ApiRoute) -> None:
    path = address_of(sender, route)

    @steady
    @given(body=anything)
    def whatever(body: Any) -> None:
        check_any(send(sender, route, path, body))

    @steady
    @given(changes=st.dictionaries(st.sampled_from(FIELDS), anything, min_size=1, max_size=3))
    def nearly_right(changes: dict[str, Any]) -> None:
        check_any(send(sender, route, path, {**route.body_example, **changes}))

    @steady
    @given(content=st.binary(max_size=60))
    def no_json(content: bytes) -> None:
        check_any(sender.request(route.method, path, content=content, headers={"Content-Type": "application/json"}))

    whatever()
    nearly_right()
    no_json()


@pytest.mark.parametrize("route", READS, ids=lambda route: route.name)
def test_any_query_string_is_answered_or_refused(sender: httpx.Client, route: ApiRoute) -> None:
    path = address_of(sender, route)

    @steady
    @given(query=query_strings)
    def whatever(query: str) -> None:
        check_any(sender.get(f"{path}?{_printable(query)}"))

    whatever()


def test_any_path_is_answered_or_refused(sender: httpx.Client) -> None:
    segments = words | st.sampled_from(
        ["api", "v1", "accounts", "users", "by", "crm", "query", "history", "..", ".", "{}"]
    )

    @steady
    @given(method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]), parts=st.lists(segments, max_size=4))
    def whatever(method: str, parts: list[str]) -> None:
        path = _printable("/".join(parts)).replace("?", "%3F")
        check_any(sender.request(method, sender.base_url.copy_with(raw_path=f"/api/v1/{path}".encode())))

    whatever()


def _printable(text: str) -> str:
    """No client can put anything else on a request line; lone surrogates go as the bytes that UTF-8 forbids."""
    raw = text.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if 33 <= byte <= 126 and byte != ord("#") else f"%{byte:02X}" for byte in raw)
