"""What every refusal looks like."""

from typing import Any

import httpx

from app.api.stream import EVENT_STREAM
from tests.stream.reading import events_in

MEMBERS = {"type", "title", "status", "detail", "code", "requestId", "errors"}


def problem_of(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """The body of a refusal, whose status is one of these."""
    told = f"{answer.request.method} {answer.request.url!s:.200} -> {answer.status_code} {answer.text[:500]}"
    assert answer.status_code in statuses, told
    assert answer.headers["content-type"] == "application/problem+json", told
    body: dict[str, Any] = answer.json()
    assert body.keys() == MEMBERS, told
    assert body["status"] == answer.status_code, told
    assert body["type"] == f"urn:rapport:problem:{body['code']}", told
    assert body["requestId"] == answer.headers["request-id"], told
    assert body["title"], told
    assert body["detail"], told
    for error in body["errors"]:
        assert error.keys() == {"pointer", "code", "message", "params"}, told
        assert error["message"], told
    return body


def pointers_of(answer: httpx.Response, *statuses: int) -> set[str]:
    return {error["pointer"] for error in problem_of(answer, *statuses)["errors"]}


def check_any(answer: httpx.Response) -> None:
    """Whatever was asked: it is answered, or refused in the one shape, and never our fault."""
    if answer.status_code >= 400:
        problem_of(answer, *range(400, 500))
    elif answer.headers.get("content-type") == EVENT_STREAM:
        assert all(one.data["id"] for one in events_in(answer.text))
    elif answer.status_code not in (204, 304):
        assert answer.headers["content-type"] == "application/json"
        answer.json()
