"""Whatever the document allows is served as it says, and whatever it forbids is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.api.v1.routes import PREFIX, ROUTES
from app.main import openapi_text
from tests.fuzz.attack import EVERY_CHECK, EXAMPLES, Outcome, Party, attack, schema_of
from tests.fuzz.valid import Valid
from tests.world import Client, World

Fuzz = Callable[..., Outcome]
TAGS = tuple(dict.fromkeys(route.tag for route in ROUTES))
SINGLE = ("about", "api-keys", "events", "bin", "metadata")
LINKED = {route.tag for route in ROUTES if route.links}
# Every object has the same ten operations by the same code; coverage enumerates the declared limits of each field.
ENUMERATED = ("contacts", *SINGLE)


@pytest.fixture
def document() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(openapi_text())
    return made


@pytest.fixture
def fuzz(url: str, document: dict[str, Any], client: Client, stranger: Client, tmp_path: Path) -> Fuzz:
    parties = [Party("own", client.key), Party("stranger", stranger.key)]

    def with_valid_values(tag: str, *phases: str) -> Outcome:
        schema = schema_of(url, document, parties, tmp_path, phases).include(tag=tag)
        with Valid(url, client.key, str(client.user_id)):
            return attack(schema)

    return with_valid_values


@pytest.fixture
async def colleague(world: World, client: Client) -> Client:
    return await world.member_of(client)


@pytest.mark.parametrize("tag", TAGS)
def test_generated_requests_are_answered_as_documented(fuzz: Fuzz, tag: str) -> None:
    outcome = fuzz(tag, "examples", "fuzzing")
    assert not outcome.failures, "\n".join(outcome.failures)
    assert outcome.checks.keys() == EVERY_CHECK
    for route in ROUTES:
        if route.tag == tag:
            label = f"{route.method} {PREFIX}{route.path}"
            assert outcome.cases[label] >= EXAMPLES
            assert outcome.statuses[label, route.status], f"nothing valid was sent to {label}"


@pytest.mark.parametrize("tag", ENUMERATED)
def test_every_declared_limit_holds(fuzz: Fuzz, tag: str) -> None:
    outcome = fuzz(tag, "coverage")
    assert not outcome.failures, "\n".join(outcome.failures)


@pytest.mark.parametrize("tag", sorted(LINKED))
def test_calls_that_follow_one_another_fit(fuzz: Fuzz, tag: str) -> None:
    outcome = fuzz(tag, "stateful")
    assert not outcome.failures, "\n".join(outcome.failures)


def test_an_answer_that_the_document_does_not_allow_is_found(fuzz: Fuzz, document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Me"]["properties"]["role"] = {"type": "integer"}
    assert any(
        failure.startswith("response_schema_conformance: GET /api/v1/me")
        for failure in fuzz("about", "fuzzing").failures
    )


def test_a_request_that_the_document_allows_and_the_server_refuses_is_found(
    fuzz: Fuzz, document: dict[str, Any]
) -> None:
    document["components"]["parameters"]["events.object"] |= {"required": True, "schema": {"enum": ["nothing"]}}
    assert any(
        failure.startswith("positive_data_acceptance: GET /api/v1/events")
        for failure in fuzz("events", "fuzzing").failures
    )


def test_a_record_that_somebody_else_may_read_is_found(
    url: str, document: dict[str, Any], client: Client, colleague: Client, tmp_path: Path
) -> None:
    """The key of a colleague in the place of a stranger's: it reads what a stranger must not."""
    parties = [Party("own", client.key), Party("colleague", colleague.key)]
    schema = schema_of(url, document, parties, tmp_path, ["fuzzing"]).include(tag="products")
    with Valid(url, client.key, str(client.user_id)):
        failures = attack(schema).failures
    assert {failure.partition(":")[0] for failure in failures} == {"object_level_authorization"}
