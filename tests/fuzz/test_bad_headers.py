"""Headers that mean nothing, and keys that are none."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from tests.fuzz.conftest import Untouched
from tests.fuzz.problem import check_any, pointers_of, problem_of
from tests.world import Client

NEVER = "019ad1c0-7b3e-7c11-9d52-6f0c3a9b1e44"
TAGS = ("", "x", '"', '""', '"-1-0"', "1-0", 'W/"1-0"', '"1-0', '"1-0" "2-0"', '"1-0",', '"1-G"', '"1 -0"', '*, "1-0"')
TAGS += ('"' + "9" * 19 + '-0"', '"' + "1" * 10_000 + '"', "\xff", '"\uff11-0"'.encode().decode("latin-1"))


@pytest.fixture
async def visitor(client: Client) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody whose credentials are up to the test."""
    async with httpx.AsyncClient(transport=client._transport, base_url="http://test/api/v1") as made:
        yield made


@pytest.mark.parametrize("tag", TAGS)
async def test_an_if_match_that_is_no_etag_is_refused(client: Client, untouched: Untouched, tag: str) -> None:
    path = f"/accounts/{(await client.post('/accounts', json={'name': 'Acme'})).json()['id']}"
    headers = {"If-Match": tag.encode("latin-1")}
    async with untouched(client):
        assert pointers_of(await client.patch(path, json={"name": "B"}, headers=headers), 400) == {"If-Match"}
        assert pointers_of(await client.delete(path, headers=headers), 400) == {"If-Match"}


@pytest.mark.parametrize("key", ["", " ", "a b", "a" * 256, "\xe9", "a\tb", "\x7f", "a" * 100_000])
async def test_an_idempotency_key_is_short_visible_ascii(client: Client, untouched: Untouched, key: str) -> None:
    account = (await client.post("/accounts", json={"name": "Acme"})).json()["id"]
    headers = {"Idempotency-Key": key.encode("latin-1")}
    async with untouched(client):
        for method, path, sent in (
            ("POST", "/accounts", {"json": {"name": "B"}}),
            ("PUT", "/accounts/by/crm/1", {"json": {"name": "B"}}),
            ("PATCH", f"/accounts/{account}", {"json": {"name": "B"}}),
            ("DELETE", f"/accounts/{account}", {}),
        ):
            assert pointers_of(await client.request(method, path, headers=headers, **sent), 400) == {"Idempotency-Key"}


@pytest.mark.parametrize(
    "header", ["If-None-Match", "Prefer", "Accept", "Accept-Encoding", "Range", "Request-Id", "Cookie"]
)
async def test_a_header_that_means_nothing_is_ignored(client: Client, header: str) -> None:
    account = (await client.post("/accounts", json={"name": "Acme"})).json()["id"]
    for value in (
        "",
        "x",
        '"',
        ",,,",
        "\xff\xfe",
        "wait=",
        "wait=-1",
        "wait=\xb2",
        "wait=" + "9" * 5_000,
        "q=1;" * 1_000,
    ):
        answer = await client.get(f"/accounts/{account}", headers={header: value.encode("latin-1")})
        assert answer.status_code == 200, (header, value)


async def test_a_preview_is_never_written_however_it_is_spelled(client: Client, untouched: Untouched) -> None:
    async with untouched(client):
        for value in ("dry-run", "wait=1, dry-run", "DRY-RUN", "dry-run=1", "dry-run;x"):
            answer = await client.post("/accounts", json={"name": "Acme"}, headers={"Prefer": value})
            assert (answer.status_code, answer.headers["preference-applied"]) == (200, "dry-run")
        for value in ("", "yes", "TRUE", "1", "true&dryRun=true", "false&dryRun=true"):
            answer = await client.post(f"/accounts?dryRun={value}", json={"name": "Acme"})
            assert pointers_of(answer, 400) == {"dryRun"}


@pytest.mark.parametrize("path", ["/me", "/accounts", f"/accounts/{NEVER}", "/events", "/api-keys"])
async def test_garbage_is_no_key(visitor: httpx.AsyncClient, client: Client, path: str) -> None:
    _, _, key_id, secret = client.key.split("_")
    for value in (
        *(
            "",
            "Bearer",
            "Bearer ",
            "Basic eDp5",
            "Bearer \xff",
            "Bearer a b",
            "Bearer crm",
            "Bearer crm__",
            "Bearer ___",
        ),
        *(
            f"Bearer crm_test_{key_id}_",
            f"Bearer crm_test_{key_id}_{secret[:-1]}",
            f"Bearer crm_test_{key_id}_{secret}x",
        ),
        *(
            f"Bearer crm_live_{key_id}_{secret}",
            f"Bearer crm_test_{uuid4().hex}_{secret}",
            client.key,
            "Bearer " + "a" * 100_000,
        ),
        *(f"Bearer crm_test_{'0' * 31}_{secret}", f"Bearer CRM_TEST_{key_id}_{secret}", f"Token {client.key}"),
    ):
        answer = await visitor.get(path, headers={"Authorization": value.encode("latin-1")})
        problem_of(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_whatever_the_method_the_answer_is_a_problem(client: Client) -> None:
    for path in ("/accounts", f"/accounts/{uuid4()}", "/me", "/accounts/query", "/accounts/by/crm/1"):
        for method in ("TRACE", "OPTIONS", "PUT", "PATCH", "DELETE", "QUERY", "PROPFIND", "NONSENSE", "get", "CONNECT"):
            check_any(await client.request(method, path))
