"""Conventions of every answer: headers, browsers, keys, and what the API says of itself."""

import asyncio

import httpx

from app import main
from app.api import answer as answers
from app.api import auth, errors
from app.api.limits import Admission
from app.api.v1 import governance
from app.domain.governance.service import KeyService, TenantService
from app.main import create_app
from tests.contract.convention import (
    Case,
    Convention,
    always,
    created,
    eventually,
    is_problem,
    without,
    without_in,
)

ORIGIN = {"Origin": "https://app.example"}
EXPOSED = {"etag", "location", "ratelimit", "ratelimit-policy", "request-id", "retry-after", "idempotent-replayed"}


async def the_limit_is_told(case: Case) -> None:
    slow = await case.world.key_of(case.client, rateLimitPerMinute=7)
    for path, remaining in (("/me", 6), ("/accounts/17", 5)):
        answer = await slow.get(path)
        assert answer.headers.get("ratelimit-policy") == '"default";q=7;w=60'
        assert answer.headers["ratelimit"].startswith(f'"default";r={remaining};t=')


async def every_answer_has_its_id(case: Case) -> None:
    answers = [await case.client.get(path) for path in ("/me", "/me", "/nowhere", "http://test/health/live")]
    assert len({answer.headers["request-id"] for answer in answers}) == 4
    is_problem(answers[2], 404, "notFound")


async def the_id_of_the_caller_is_kept(case: Case) -> None:
    for path in ("/me", "/nowhere"):
        answer = await case.client.get(path, headers={"Request-Id": "checkout-7.2"})
        assert answer.headers["request-id"] == "checkout-7.2"
    assert answer.json()["requestId"] == "checkout-7.2"
    forged = await case.client.get("/me", headers={"Request-Id": 'x"; <script>'})
    assert "script" not in forged.headers["request-id"]


async def a_browser_may_ask(case: Case) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        wanted = {
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization, if-match, idempotency-key",
        }
        answer = await case.client.options("/accounts/x", headers=ORIGIN | wanted)
        assert answer.status_code == 200, answer.text
        assert method in answer.headers["access-control-allow-methods"]
        assert "idempotency-key" in answer.headers["access-control-allow-headers"].lower()


async def a_browser_may_read_problems_and_headers(case: Case) -> None:
    for path in ("/me", "/nowhere", "/accounts?limit=0"):
        answer = await case.client.get(path, headers=ORIGIN)
        assert answer.headers["access-control-allow-origin"] == "*"
        shown = {name.strip().lower() for name in answer.headers.get("access-control-expose-headers", "").split(",")}
        assert shown >= EXPOSED


async def long_answers_are_packed_for_who_unpacks_them(case: Case) -> None:
    for n in range(3):
        await created(case.client, name="x" * 150, industry=f"{n}")
    packed = await case.client.get("/accounts", headers={"Accept-Encoding": "gzip"})
    plain = await case.client.get("/accounts", headers={"Accept-Encoding": "identity"})
    assert packed.headers.get("content-encoding") == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert packed.content == plain.content
    assert len(plain.content) > 1_000
    assert int(packed.headers["content-length"]) < len(plain.content) / 2


async def other_answers_are_not_packed(case: Case) -> None:
    for n in range(3):
        await created(case.client, name="x" * 150, industry=f"{n}")
    plain = await case.client.get("/accounts", headers={"Accept-Encoding": "identity"})
    short = await case.client.get("/me", headers={"Accept-Encoding": "gzip"})
    assert {"content-encoding"} & (plain.headers.keys() | short.headers.keys()) == set()


async def me_tells_who_asks(case: Case) -> None:
    reader = await case.world.key_of(case.client, scopes=["contacts:read"])
    told = (await reader.get("/me")).json()
    assert (told["userId"], told["role"], told["scopes"]) == (str(case.client.user_id), "admin", ["contacts:read"])
    assert told["tenant"]
    assert told["tenant"].items() >= {"id": str(case.client.tenant_id), "currency": "EUR", "schemaVersion": 1}.items()


async def the_limits_are_those_that_hold(case: Case) -> None:
    slow = await case.world.key_of(case.client, rateLimitPerMinute=50)
    told = (await slow.get("/limits")).json()
    assert told["rateLimitPerMinute"] == 50
    most = told["pageSize"]
    assert (await slow.get(f"/accounts?limit={most}")).status_code == 200
    is_problem(await slow.get(f"/accounts?limit={most + 1}"), 400, "badLimit")
    too_long = ",".join(["1"] * (told["listedValues"] + 1))
    is_problem(await slow.get(f"/accounts?employees[in]={too_long}"), 400, "tooMany")


async def the_document_describes_every_route(case: Case) -> None:
    transport = httpx.ASGITransport(create_app(case.world.settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as anybody:
        answers = [await anybody.get(path) for path in ("/openapi.json", "/api/v1/openapi.json")]
    assert answers[0].content == answers[1].content
    paths = answers[0].json().get("paths", {})
    described = {(method.upper(), path.removeprefix("/api/v1")) for path, item in paths.items() for method in item}
    assert described == {(route.method, route.path) for route in main.ROUTES}


async def a_key_is_shown_once_and_works(case: Case) -> None:
    answer = await case.client.post("/api-keys", json={"name": "Website", "scopes": ["contacts:write"]})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers.get("cache-control") == "no-store"
    listed = (await case.client.get("/api-keys")).json()["data"]
    assert [one for one in listed if one["id"] == made["id"]] == [{name: made[name] for name in made if name != "key"}]
    website = {"Authorization": f"Bearer {made['key']}"}
    assert (await case.client.post("/contacts", json={"lastName": "x"}, headers=website)).status_code == 201
    is_problem(await case.client.get("/contacts", headers=website), 403, "missingScope")


async def a_revoked_key_stops_within_a_second(case: Case) -> None:
    made = (await case.client.post("/api-keys", json={"name": "Website", "scopes": ["contacts:read"]})).json()
    website = {"Authorization": f"Bearer {made['key']}"}
    assert (await case.client.get("/contacts", headers=website)).status_code == 200
    assert (await case.client.delete(f"/api-keys/{made['id']}")).status_code == 204
    await asyncio.sleep(1.05)
    is_problem(await case.client.get("/contacts", headers=website), 401, "unauthenticated")


async def kept_in_the_open(self: KeyService) -> bytes:
    keys = await all_keys(self)
    return keys.replace(b'"id":', b'"key":"crm_","id":')


all_keys = KeyService.all

EDGE = (
    Convention(
        topic="limits",
        name="headers",
        rule="RateLimit-Policy and RateLimit tell the limit and what is left, on refusals, too.",
        proof=the_limit_is_told,
        mutation=without((Admission, "headers", always([]))),
    ),
    Convention(
        topic="tracing",
        name="Request-Id out",
        rule="Every answer has an id, and a problem repeats it.",
        proof=every_answer_has_its_id,
        mutation=without((errors, "_request_id", always("1"))),
    ),
    Convention(
        topic="tracing",
        name="Request-Id in",
        rule="An id that the caller gives is kept.",
        proof=the_id_of_the_caller_is_kept,
        mutation=without((errors, "_request_id", lambda _: "1")),
    ),
    Convention(
        topic="browser",
        name="preflight",
        rule="Other origins may use every method, PATCH and DELETE included, with our headers.",
        proof=a_browser_may_ask,
        mutation=without_in(lambda case: [(case.world.app.cors, "allow_methods", ("GET", "POST"))]),
    ),
    Convention(
        topic="browser",
        name="exposed headers",
        rule="Other origins may read our headers, on problems, too.",
        proof=a_browser_may_read_problems_and_headers,
        mutation=without_in(
            lambda case: [(case.world.app.cors, "simple_headers", {"Access-Control-Allow-Origin": "*"})]
        ),
    ),
    Convention(
        topic="browser",
        name="compression",
        rule="Answers over 1 kB are packed for who asks for it.",
        proof=long_answers_are_packed_for_who_unpacks_them,
        mutation=without((answers, "PACKED_FROM_BYTES", 10**9)),
    ),
    Convention(
        topic="browser",
        name="no compression",
        rule="Short answers are not packed, nor any for who did not ask.",
        proof=other_answers_are_not_packed,
        mutation=without((answers, "PACKED_FROM_BYTES", 0)),
    ),
    Convention(
        topic="discovery",
        name="me",
        rule="GET /me tells user, role, scopes and tenant.",
        proof=me_tells_who_asks,
        mutation=without((TenantService, "own", eventually(b"null"))),
    ),
    Convention(
        topic="discovery",
        name="limits",
        rule="GET /limits tells the limits that hold.",
        proof=the_limits_are_those_that_hold,
        mutation=without((governance, "MAX_LIMIT", 100)),
    ),
    Convention(
        topic="discovery",
        name="openapi.json",
        rule="The document describes every route, for everybody.",
        proof=the_document_describes_every_route,
        mutation=without((main, "document", always({}))),
    ),
    Convention(
        topic="auth",
        name="shown once",
        rule="A key is shown when it is made and never again, and has its scopes only.",
        proof=a_key_is_shown_once_and_works,
        mutation=without((KeyService, "all", kept_in_the_open)),
    ),
    Convention(
        topic="auth",
        name="revoked",
        rule="A revoked key stops within a second.",
        proof=a_revoked_key_stops_within_a_second,
        mutation=without((auth, "CACHED_FOR_S", 60.0)),
    ),
)
