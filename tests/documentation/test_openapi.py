"""The document keeps its rules, and each rule notices what breaks it."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import main
from app.main import openapi_text
from tests.documentation import openapi_rules as rules
from tests.documentation.openapi_rules import RULES, Document, Rule
from tests.world import PATIENT, Place, World, running

COMMITTED = Path(__file__).parents[2] / "openapi" / "v1.json"
LIST, ONE, KEYS = "/api/v1/accounts", "/api/v1/accounts/{id}", "/api/v1/api-keys"


@pytest.fixture(scope="module")
def text() -> str:
    return openapi_text()


@pytest.fixture
def document(text: str) -> Document:
    made: Document = json.loads(text)
    return made


@pytest.mark.quick
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_document_keeps_the_rule(document: Document, rule: Rule) -> None:
    assert rule(document) == []


def _forget(*path: str) -> Callable[[Document], None]:
    def damage(document: Document) -> None:
        *to, last = path
        part: Any = document
        for name in to:
            part = part[name]
        del part[last]

    return damage


def _say(value: Any, *path: str) -> Callable[[Document], None]:
    def damage(document: Document) -> None:
        *to, last = path
        part: Any = document
        for name in to:
            part = part[name]
        part[last] = value

    return damage


PLANTED: Mapping[Rule, Callable[[Document], None]] = {
    rules.is_openapi_3_1: _forget("info", "title"),
    rules.every_reference_leads_somewhere: _forget("components", "responses", "NotFound"),
    rules.every_component_is_used: _say({"type": "string"}, "components", "schemas", "Stray"),
    rules.the_routes_are_documented_and_no_others: _forget("paths", KEYS, "get"),
    rules.every_operation_explains_itself: _forget("paths", LIST, "get", "x-permission"),
    rules.operations_have_different_ids: _say("get_account", "paths", LIST, "get", "operationId"),
    rules.every_operation_needs_a_key: _say([{}], "paths", LIST, "get", "security"),
    rules.every_operation_names_its_errors: _forget("paths", LIST, "post", "responses", "413"),
    rules.every_error_is_a_problem: _say({}, "components", "responses", "Gone", "content"),
    rules.every_answer_names_its_request: _forget("paths", LIST, "get", "responses", "200", "headers", "Request-Id"),
    rules.every_parameter_is_described: _say("", "components", "parameters", "cursor", "description"),
    rules.every_part_of_a_path_is_a_parameter: _say([], "paths", ONE, "get", "parameters"),
    rules.every_body_has_an_example: _say(
        {"schema": {}}, "paths", LIST, "post", "requestBody", "content", "application/json"
    ),
    rules.every_example_fits_its_schema: _forget("components", "examples", "AccountView", "value", "id"),
    rules.every_link_leads_to_an_operation: _say(
        {"operationId": "get_nothing", "parameters": {}}, "paths", LIST, "post", "responses", "201", "links", "next"
    ),
    rules.a_record_can_be_followed_from_its_creation_to_its_restoration: _forget(
        "paths", ONE, "delete", "responses", "204", "links"
    ),
    rules.it_is_small_enough_to_be_read_at_once: _say("x" * rules.MOST_BYTES, "info", "description"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_finds_what_breaks_it(document: Document, rule: Rule) -> None:
    PLANTED[rule](document)
    assert rule(document)


def test_the_committed_document_is_what_the_code_says(text: str) -> None:
    assert COMMITTED.read_text() == text, "run `make openapi` and look at the difference"


async def test_the_server_shows_the_committed_document(world: World) -> None:
    visitor = httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url="http://test")
    for path in ("/openapi.json", "/api/v1/openapi.json"):
        shown = await visitor.get(path)
        assert (shown.headers["content-type"], shown.text) == ("application/json", COMMITTED.read_text())


def test_the_command_prints_and_checks_the_same_bytes_in_every_process() -> None:
    def openapi(hash_seed: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        argv = [sys.executable, "-m", "app.cli", "openapi", *arguments]
        return subprocess.run(argv, env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, check=False)

    assert openapi("1").stdout == COMMITTED.read_bytes()
    assert openapi("2", "--check").returncode == 0


def test_a_line_of_the_committed_document_says_one_thing() -> None:
    lines = COMMITTED.read_text().splitlines()
    assert len(lines) > 3_000
    assert max(len(line) for line in lines) < 1_200


async def test_whoever_asks_first_keeps_nobody_waiting(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    put_together, others_were_answered = main.document, threading.Event()

    def waiting(*given: Any) -> dict[str, Any]:
        assert others_were_answered.wait(10)
        return put_together(*given)

    monkeypatch.setattr(main, "document", waiting)
    async with running(place, **PATIENT) as world, await world.tenant() as client:
        asking = [asyncio.ensure_future(client.get("http://test/openapi.json")) for _ in range(2)]
        await asyncio.sleep(0.1)
        assert (await client.get("http://test/health/live")).status_code == 200
        others_were_answered.set()
        first, second = await asyncio.gather(*asking)
        assert (first.status_code, first.content) == (200, second.content)
