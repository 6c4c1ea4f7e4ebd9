"""Random bodies against every write and random query strings against every read: answered or refused, never our fault."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.route import JSON_TYPE, ApiRoute
from app.api.v1.routes import ROUTES
from app.domain.registry import CATALOG, OBJECT_TYPES
from tests.factories.making import fresh, needed
from tests.fuzz.problem import check_any
from tests.fuzz.shared import REPEATED_EXAMPLES, is_repeated
from tests.world import Client

pytestmark = pytest.mark.portable

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
EXAMPLES = 40
THOROUGHLY_READ = "create_contact"


def steady(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def effort(route: ApiRoute) -> settings:
    return steady(REPEATED_EXAMPLES if is_repeated(route) else EXAMPLES)


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
    headers = {"Authorization": f"Bearer {client.key}"}
    # The server speaks no TLS, and to load the certificates takes longer than many a test.
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, verify=False) as made:
        yield made


def address_of(sender: httpx.Client, route: ApiRoute) -> str:
    """The path of the route, at a record that exists."""
    plural = route.path.split("/")[1]
    record_id = str(uuid4())
    if "{id}" in route.path and plural in BY_PLURAL:
        for needed_at, body in needed(BY_PLURAL[plural], CATALOG):
            sender.post(needed_at, json=body)
        record_id = sender.post(f"/{plural}", json=fresh(BY_PLURAL[plural].example)).json()["id"]
    return route.path.replace("{id}", record_id).replace("{system}", "crm").replace("{externalId}", "1")


def send(sender: httpx.Client, route: ApiRoute, path: str, body: Any) -> httpx.Response:
    """Also what Python would not write by itself: lone surrogates as escapes, NaN and Infinity."""
    return sender.request(route.method, path, content=json.dumps(body), headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("route", WRITES, ids=lambda route: route.name)
def test_any_body_is_answered_or_refused(sender: httpx.Client, route: ApiRoute) -> None:
    path = address_of(sender, route)

    @effort(route)
    @given(body=anything)
    def whatever(body: Any) -> None:
        check_any(send(sender, route, path, body))

    @effort(route)
    @given(changes=st.dictionaries(st.sampled_from(FIELDS), anything, min_size=1, max_size=3))
    def nearly_right(changes: dict[str, Any]) -> None:
        check_any(send(sender, route, path, {**route.body_example, **changes}))

    # One parser reads the bodies of all: one route shows what it refuses, the others that they ask it.
    @steady(EXAMPLES if route.name == THOROUGHLY_READ else REPEATED_EXAMPLES)
    @given(content=st.binary(max_size=60))
    def no_json(content: bytes) -> None:
        check_any(sender.request(route.method, path, content=content, headers={"Content-Type": "application/json"}))

    whatever()
    nearly_right()
    no_json()


@pytest.mark.parametrize("route", READS, ids=lambda route: route.name)
def test_any_query_string_is_answered_or_refused(sender: httpx.Client, route: ApiRoute) -> None:
    path, ends = address_of(sender, route), "" if route.media == JSON_TYPE else "for=0&"

    @effort(route)
    @given(query=query_strings)
    def whatever(query: str) -> None:
        check_any(sender.get(f"{path}?{ends}{_printable(query)}"))

    whatever()


def test_any_path_is_answered_or_refused(sender: httpx.Client) -> None:
    segments = words | st.sampled_from(
        ["api", "v1", "accounts", "users", "by", "crm", "query", "history", "..", ".", "{}"]
    )

    @steady(EXAMPLES)
    @given(method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]), parts=st.lists(segments, max_size=4))
    def whatever(method: str, parts: list[str]) -> None:
        path = _printable("/".join(parts)).replace("?", "%3F")
        check_any(sender.request(method, sender.base_url.copy_with(raw_path=f"/api/v1/{path}".encode())))

    whatever()


def _printable(text: str) -> str:
    """No client can put anything else on a request line; lone surrogates go as the bytes that UTF-8 forbids."""
    raw = text.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if 33 <= byte <= 126 and byte != ord("#") else f"%{byte:02X}" for byte in raw)
