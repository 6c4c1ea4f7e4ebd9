"""Whatever the document allows is served as it says, and whatever it forbids is refused."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.v1.routes import PREFIX, ROUTES
from tests.capture.web import Visitor
from tests.factories.webhooks import log_delivery
from tests.factories.work import make_job, park_work
from tests.fuzz.attack import (
    EVERY_CHECK,
    EXAMPLES,
    Outcome,
    Party,
    attack,
    label_of,
    schema_of,
)
from tests.fuzz.shared import REPEATED_EXAMPLES, THOROUGHLY_AT, document_text, is_repeated
from tests.fuzz.valid import Valid
from tests.world import Client, World

pytestmark = pytest.mark.portable

Fuzz = Callable[..., Outcome]
Make = Callable[[World, Client], Coroutine[Any, Any, str]]
TAGS = tuple(dict.fromkeys(route.tag for route in ROUTES))
TOGETHER = 5
SINGLE = ("about", "api-keys", "events", "bin", "metadata")
LINKED = {route.tag for route in ROUTES if route.links and not is_repeated(route)}
# Coverage enumerates the declared limits of each field.
ENUMERATED = (THOROUGHLY_AT, *SINGLE)


def together() -> Iterator[tuple[str, ...]]:
    """Objects without code of their own share what an attack takes to prepare, which is more than it takes itself."""
    own = [tag for tag in TAGS if any(route.tag == tag and not is_repeated(route) for route in ROUTES)]
    yield from ((tag,) for tag in own)
    plain = [tag for tag in TAGS if tag not in own]
    yield from (tuple(plain[at : at + TOGETHER]) for at in range(0, len(plain), TOGETHER))


def efforts(tags: Sequence[str]) -> dict[int, list[str]]:
    """The operations with those tags, by how many requests each is worth."""
    found: dict[int, list[str]] = {}
    for route in ROUTES:
        if route.tag in tags:
            found.setdefault(REPEATED_EXAMPLES if is_repeated(route) else EXAMPLES, []).append(label_of(route))
    return found


@pytest.fixture
def document() -> dict[str, Any]:
    """Patches of either media type go to what has code of its own, and to the one object that is tried thoroughly."""
    made: dict[str, Any] = json.loads(document_text())
    for route in ROUTES:
        if is_repeated(route):
            _let_one_media_type_do(made["paths"][f"{PREFIX}{route.path}"][route.method.lower()])
    return made


@pytest.fixture
def fuzz(url: str, document: dict[str, Any], world: World, client: Client, stranger: Client, tmp_path: Path) -> Fuzz:
    parties = [Party("own", client.key), Party("stranger", stranger.key)]

    def with_valid_values(tags: Sequence[str], *phases: str) -> Outcome:
        schemas = [
            schema_of(url, document, parties, tmp_path, phases, examples).include(name=labels)
            for examples, labels in efforts(tags).items()
        ]
        with Valid(url, client.key, str(client.user_id), tags) as valid, ThreadPoolExecutor(1) as beside:
            if "webhook-endpoints" in tags:
                endpoint_id = valid.spare["webhook-endpoints"]["id"]
                logged = beside.submit(asyncio.run, log_delivery(world, client, endpoint_id, endpoint_id))
                valid.delivery_id = logged.result()
            if "lead-submissions" in tags:
                held = beside.submit(asyncio.run, _hold(url, world, client, valid.stock["lead-forms"]))
                valid.pending_id = held.result()
            valid.beside = {
                word: partial(_made, beside, make, world, client)
                for word, make in (("jobs", make_job), ("admin", park_work))
            }
            return attack(*schemas)

    return with_valid_values


async def _hold(url: str, world: World, client: Client, form: Mapping[str, Any]) -> str:
    """What somebody has sent by the form, and not confirmed yet."""
    visitor = Visitor(world)
    async with httpx.AsyncClient(base_url=url) as visitor.http:
        sent = await visitor.post(form, answers={"email": "grace@acme.example"})
        assert sent.is_success, sent.text
        authorized = {"Authorization": f"Bearer {client.key}"}
        found = await visitor.http.get(f"/api/v1/lead-submissions?formId={form['id']}", headers=authorized)
    return str(found.json()["data"][0]["id"])


def _made(threads: ThreadPoolExecutor, make: Make, world: World, client: Client) -> str:
    """In a thread with a loop of its own: whoever asks is blocked."""
    return threads.submit(asyncio.run, make(world, client)).result()


@pytest.fixture
async def colleague(world: World, client: Client) -> Client:
    return await world.member_of(client)


@pytest.mark.parametrize("tags", list(together()), ids=",".join)
def test_generated_requests_are_answered_as_documented(fuzz: Fuzz, tags: tuple[str, ...]) -> None:
    outcome = fuzz(tags, "examples", "fuzzing")
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.checks.keys() == EVERY_CHECK
    for route in ROUTES:
        if route.tag in tags:
            label = label_of(route)
            assert outcome.cases[label] >= (REPEATED_EXAMPLES if is_repeated(route) else EXAMPLES)
            assert outcome.statuses[label, route.status], f"nothing valid was sent to {label}: {outcome.statuses}"


@pytest.mark.parametrize("tag", ENUMERATED)
def test_every_declared_limit_holds(fuzz: Fuzz, document: dict[str, Any], tag: str) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            _let_one_media_type_do(operation)
    outcome = fuzz([tag], "coverage")
    assert not outcome.failures, "\n".join(outcome.failures)


def _let_one_media_type_do(operation: dict[str, Any]) -> None:
    """A merge patch is JSON, read by the same code: tests/fuzz/test_bad_bodies.py."""
    operation.get("requestBody", {}).get("content", {}).pop("application/merge-patch+json", None)


@pytest.mark.parametrize("tag", sorted(LINKED))
def test_calls_that_follow_one_another_fit(fuzz: Fuzz, tag: str) -> None:
    outcome = fuzz([tag], "stateful")
    assert not outcome.failures, "\n".join(outcome.failures)


def test_an_answer_that_the_document_does_not_allow_is_found(fuzz: Fuzz, document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Me"]["properties"]["role"] = {"type": "integer"}
    assert any(
        failure.startswith("response_schema_conformance: GET /api/v1/me")
        for failure in fuzz(["about"], "fuzzing").failures
    )


def test_a_request_that_the_document_allows_and_the_server_refuses_is_found(
    fuzz: Fuzz, document: dict[str, Any]
) -> None:
    document["components"]["parameters"]["events.object"] |= {"required": True, "schema": {"enum": ["nothing"]}}
    assert any(
        failure.startswith("positive_data_acceptance: GET /api/v1/events")
        for failure in fuzz(["events"], "fuzzing").failures
    )


def test_a_record_that_somebody_else_may_read_is_found(
    url: str, document: dict[str, Any], client: Client, colleague: Client, tmp_path: Path
) -> None:
    """The key of a colleague in the place of a stranger's: it reads what a stranger must not."""
    parties = [Party("own", client.key), Party("colleague", colleague.key)]
    schema = schema_of(url, document, parties, tmp_path, ["fuzzing"], REPEATED_EXAMPLES)
    with Valid(url, client.key, str(client.user_id), ["products"]):
        failures = attack(schema.include(tag="products")).failures
    assert {failure.partition(":")[0] for failure in failures} == {"object_level_authorization"}
