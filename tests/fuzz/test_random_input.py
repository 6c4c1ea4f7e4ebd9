"""Random bodies against every write and random query strings against every read: answered or refused, never our fault."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.route import JSON_TYPE, ApiRoute
from app.api.v1.routes import ROUTES
from app.domain.registry import CATALOG, OBJECT_TYPES
from tests.factories.making import fresh, needed
from tests.fuzz.problem import check_any
from tests.fuzz.sender import Sender
from tests.fuzz.shared import REPEATED_EXAMPLES, is_repeated
from tests.world import Client

pytestmark = pytest.mark.portable

T = TypeVar("T")
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
POOL = 5 * EXAMPLES
STEP = 7  # so many further in the pool the next route begins
THOROUGHLY_READ = "create_contact"


def steady(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def drawn(strategy: st.SearchStrategy[T]) -> Sequence[T]:
    """What hypothesis thinks of, the simplest first. Once for all routes, since it takes longer than to send it to one."""
    found: list[T] = []

    @steady(POOL)
    @given(one=strategy)
    def collect(one: T) -> None:
        found.append(one)

    collect()
    return found


def effort(route: ApiRoute) -> int:
    return REPEATED_EXAMPLES if is_repeated(route) else EXAMPLES


def dealt(pool: Sequence[T], number: int, route: ApiRoute) -> Iterator[T]:
    """The simplest to every route, and of the others as many to each as if it were asked for them alone, in turn."""
    begin = ROUTES.index(route) * STEP
    yield pool[0]
    yield from (pool[1 + (begin + place) % (len(pool) - 1)] for place in range(number - 1))


@contextmanager
def told(sent: object) -> Iterator[None]:
    try:
        yield
    except AssertionError as error:
        error.add_note(f"It was sent {sent!r}.")
        raise


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


@pytest.fixture(scope="module")
def bodies() -> Sequence[Any]:
    return drawn(anything)


@pytest.fixture(scope="module")
def changes() -> Sequence[dict[str, Any]]:
    return drawn(st.dictionaries(st.sampled_from(FIELDS), anything, min_size=1, max_size=3))


@pytest.fixture(scope="module")
def contents() -> Sequence[bytes]:
    return drawn(st.binary(max_size=60))


@pytest.fixture(scope="module")
def queries() -> Sequence[str]:
    return drawn(query_strings)


@pytest.fixture
def sender(url: str, client: Client) -> Iterator[Sender]:
    with Sender(f"{url}/api/v1", client.key) as made:
        yield made


def address_of(sender: Sender, route: ApiRoute) -> str:
    """The path of the route, at a record that exists."""
    plural = route.path.split("/")[1]
    record_id = str(uuid4())
    if "{id}" in route.path and plural in BY_PLURAL:
        for needed_at, body in needed(BY_PLURAL[plural], CATALOG):
            sender.send("POST", needed_at, json.dumps(body))
        made = sender.send("POST", f"/{plural}", json.dumps(fresh(BY_PLURAL[plural].example)))
        record_id = made.json()["id"]
    return route.path.replace("{id}", record_id).replace("{system}", "crm").replace("{externalId}", "1")


@pytest.mark.parametrize("route", WRITES, ids=lambda route: route.name)
def test_any_body_is_answered_or_refused(
    sender: Sender,
    route: ApiRoute,
    bodies: Sequence[Any],
    changes: Sequence[dict[str, Any]],
    contents: Sequence[bytes],
) -> None:
    """Also what Python would not write by itself: lone surrogates as escapes, NaN and Infinity."""
    path = address_of(sender, route)
    sent: list[str | bytes] = [json.dumps(body) for body in dealt(bodies, effort(route), route)]
    nearly_right = ({**route.body_example, **one} for one in dealt(changes, effort(route), route))
    sent += [json.dumps(body) for body in nearly_right]
    # One parser reads the bodies of all: one route shows what it refuses, the others that they ask it.
    sent += dealt(contents, EXAMPLES if route.name == THOROUGHLY_READ else REPEATED_EXAMPLES, route)
    for content in sent:
        with told(content):
            check_any(sender.send(route.method, path, content))


@pytest.mark.parametrize("route", READS, ids=lambda route: route.name)
def test_any_query_string_is_answered_or_refused(sender: Sender, route: ApiRoute, queries: Sequence[str]) -> None:
    path, ends = address_of(sender, route), "" if route.media == JSON_TYPE else "for=0&"
    for query in dealt(queries, effort(route), route):
        with told(query):
            check_any(sender.send("GET", f"{path}?{ends}{_printable(query)}"))


def test_any_path_is_answered_or_refused(sender: Sender) -> None:
    segments = words | st.sampled_from(
        ["api", "v1", "accounts", "users", "by", "crm", "query", "history", "..", ".", "{}"]
    )

    @steady(EXAMPLES)
    @given(method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]), parts=st.lists(segments, max_size=4))
    def whatever(method: str, parts: list[str]) -> None:
        path = _printable("/".join(parts)).replace("?", "%3F")
        check_any(sender.send(method, f"/{path}"))

    whatever()


def _printable(text: str) -> str:
    """No client can put anything else on a request line; lone surrogates go as the bytes that UTF-8 forbids."""
    raw = text.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if 33 <= byte <= 126 and byte != ord("#") else f"%{byte:02X}" for byte in raw)
