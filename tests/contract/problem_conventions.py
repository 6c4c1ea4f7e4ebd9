"""Conventions of failures: each is a problem with its status, its code and what to do."""

from typing import Any

import httpx

from app.api import auth, dispatch, edge, errors
from app.api.answer import Answer
from app.api.edge import Call
from app.api.limits import UNLIMITED, RateLimiter
from app.domain.kernel.actor import Actor
from app.domain.kernel.errors import AppError, NotFound
from app.main import create_app
from app.repositories import pool
from app.repositories.records import Records
from tests.contract.convention import Case, Convention, always, created, eventually, is_problem, without

read_body = edge._body


async def unknown_parameters_are_refused(case: Case) -> None:
    for path in ("/me?x=1", "/bin?x=1", "/events?x=1", "/limits?x=1"):
        assert is_problem(await case.client.get(path), 400, "unknownParameter")["errors"][0]["pointer"] == "x"


async def a_wrong_key_is_refused(case: Case) -> None:
    wrong = case.client.key[:-4] + ("0000" if not case.client.key.endswith("0000") else "1111")
    for authorization in (
        {},
        {"Authorization": f"Bearer {wrong}"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer x"},
    ):
        async with httpx.AsyncClient(transport=case.client._transport, base_url=case.client.base_url) as anybody:
            answer = await anybody.get("/accounts", headers=authorization)
        is_problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"] == "Bearer"


async def scopes_narrow(case: Case) -> None:
    reader = await case.world.key_of(case.client, scopes=["contacts:read"])
    assert (await reader.get("/contacts")).status_code == 200
    is_problem(await reader.get("/accounts"), 403, "missingScope")
    is_problem(await reader.post("/contacts", json={"lastName": "x"}), 403, "missingScope")
    is_problem(await reader.get("/contacts?expand=account"), 403, "missingScope")


async def an_unknown_path_is_a_problem(case: Case) -> None:
    for path in ("/nowhere", "/accounts/x/y/z", "http://test/nowhere"):
        is_problem(await case.client.get(path), 404, "notFound")


async def a_method_is_refused_with_those_that_are_known(case: Case) -> None:
    answer = await case.client.put("/accounts")
    is_problem(answer, 405, "methodNotAllowed")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


async def a_large_body_is_refused(case: Case) -> None:
    body = b'{"name":"x"' + b" " * 1_000_000 + b"}"
    answer = await case.client.post("/accounts", content=body, headers={"Content-Type": "application/json"})
    is_problem(answer, 413, "tooLarge")


async def another_content_type_is_refused(case: Case) -> None:
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}, {}):
        answer = await case.client.post("/accounts", content=b'{"name":"x"}', headers=headers)
        is_problem(answer, 415, "unsupportedMedia")


async def too_many_requests_are_refused(case: Case) -> None:
    slow = await case.world.key_of(case.client, rateLimitPerMinute=3)
    answers = [await slow.get("/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    is_problem(answers[-1], 429, "rateLimited")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


async def a_fault_of_ours_tells_nothing(case: Case) -> None:
    made = await created(case.client)

    async def broken(*_: Any) -> None:
        raise RuntimeError("password of the database")

    with_fault = without((Records, "get", broken))
    with with_fault(case):
        answer = await case.client.get(f"/accounts/{made['id']}")
    is_problem(answer, 500, "internalError")
    assert "password" not in answer.text


async def without_its_database_it_says_so(case: Case) -> None:
    nowhere = case.world.settings.model_copy(update={"database_url": "postgresql://crm@127.0.0.1:1/crm"})
    transport = httpx.ASGITransport(create_app(nowhere), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=case.client.headers) as client:
        answer = await client.get("/api/v1/accounts")
    is_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def any_parameters(self: Call, *_: str) -> dict[str, str]:
    return dict(self.pairs())


async def any_size(receive: Any, _: int, deadline: float) -> bytes:
    return await read_body(receive, 10**9, deadline)


def telling_all(error: Exception) -> AppError:
    return error if isinstance(error, AppError) else AppError(str(error))


PROBLEMS = (
    Convention(
        topic="errors",
        name="400",
        rule="A parameter that a route does not know is refused.",
        proof=unknown_parameters_are_refused,
        mutation=without((Call, "options", any_parameters)),
    ),
    Convention(
        topic="errors",
        name="401",
        rule="Who has no valid key gets 401 with WWW-Authenticate.",
        proof=a_wrong_key_is_refused,
        mutation=without((auth, "compare_digest", always(value=True))),
    ),
    Convention(
        topic="errors",
        name="403",
        rule="Scopes narrow what a key may do, expansion included.",
        proof=scopes_narrow,
        mutation=without((Actor, "may", always(value=True))),
    ),
    Convention(
        topic="errors",
        name="404 path",
        rule="An unknown path answers a problem.",
        proof=an_unknown_path_is_a_problem,
        mutation=without(
            (errors, "_of_framework", always(Answer(404, b"Not Found", [(b"content-type", b"text/plain")])))
        ),
    ),
    Convention(
        topic="errors",
        name="405",
        rule="An unknown method answers 405 and names the known ones.",
        proof=a_method_is_refused_with_those_that_are_known,
        mutation=without((dispatch, "MethodNotAllowed", lambda _: NotFound("Nothing here."))),
    ),
    Convention(
        topic="errors",
        name="413",
        rule="A body over the limit answers 413.",
        proof=a_large_body_is_refused,
        mutation=without((edge, "_body", any_size)),
    ),
    Convention(
        topic="errors",
        name="415",
        rule="A body that is not said to be JSON answers 415.",
        proof=another_content_type_is_refused,
        mutation=without((Call, "json", always(None))),
    ),
    Convention(
        topic="errors",
        name="429",
        rule="Who sends more than the key may gets 429 with Retry-After.",
        proof=too_many_requests_are_refused,
        mutation=without((RateLimiter, "admit", eventually(UNLIMITED))),
    ),
    Convention(
        topic="errors",
        name="500",
        rule="A fault of ours is a problem that tells nothing of its cause.",
        proof=a_fault_of_ours_tells_nothing,
        mutation=without((errors, "refusal_of", telling_all)),
    ),
    Convention(
        topic="errors",
        name="503",
        rule="Without its database it answers 503 with Retry-After.",
        proof=without_its_database_it_says_so,
        mutation=without((pool, "Unavailable", RuntimeError)),
    ),
)
