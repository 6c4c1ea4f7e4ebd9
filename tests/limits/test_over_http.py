"""What a client sees of a limit."""

import pytest

from tests.world import running


@pytest.fixture
async def hurried(place):
    """The application with a limit of five requests a minute."""
    async with running(place, rate_limit_per_minute=5) as world:
        yield world


@pytest.mark.quick
async def test_every_answer_shows_the_limit_and_the_sixth_is_a_problem_that_says_when_to_come_again(hurried):
    client = await hurried.tenant()
    answers = [await client.get(path) for path in ("/me", "/accounts", "/accounts/x", "/nothing", "/me", "/me", "/me")]
    limited = [answer for answer in answers if "ratelimit" in answer.headers]
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404, 200, 200, 429]
    assert {answer.headers["ratelimit-policy"] for answer in limited} == {'"default";q=5;w=60'}
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in limited] == [
        f'"default";r={left}' for left in (4, 3, 2, 1, 0, 0)
    ]
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "rateLimited"
    assert 1 <= int(refused.headers["retry-after"]) <= 60


async def test_a_key_may_carry_a_limit_of_its_own(hurried):
    client = await hurried.tenant()
    patient = await hurried.key_of(client, rateLimitPerMinute=2)
    assert [(await patient.get("/me")).status_code for _ in range(3)] == [200, 200, 429]
    assert (await client.get("/me")).status_code == 200


async def test_a_refused_request_writes_nothing(hurried):
    client = await hurried.tenant()
    answers = [await client.post("/accounts", json={"name": f"Acme {number}"}) for number in range(10)]
    written = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    other = await hurried.key_of(client)
    assert len(written) == 5
    assert sorted(one["id"] for one in (await other.get("/accounts")).json()["data"]) == sorted(written)
