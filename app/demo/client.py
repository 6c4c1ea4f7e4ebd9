"""The public API as a patient client sees it: it repeats what may be repeated, when it is told to."""

import asyncio
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from app.demo.failure import LoadFailed

BASE = "/api/v1"
OUTCOME = "Upsert-Outcome"  # created, updated or unchanged
IN_FLIGHT = 8
PATIENCE_S = 120.0  # of all requests together, since the last one that got an answer
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 8.0
LATER = {429, 502, 503, 504}  # and whatever else carries a Retry-After


class Client:
    """Only GET and PUT go through it, so a request whose answer was lost is simply sent again."""

    def __init__(self, api_url: str, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.requests = self.repeated = 0
        self._pause_until = self._answered = 0.0
        self._http = httpx.AsyncClient(
            base_url=api_url.rstrip("/").removesuffix(BASE) + BASE,
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
            limits=httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        self._answered = _now()
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def get(self, path: str, **query: str | int) -> dict[str, Any]:
        answer = await self._send("GET", path, query)
        if answer.is_error:
            raise LoadFailed(f"GET {path}: {problem(answer)}")
        return document(answer)

    async def put(self, object_: str, system: str, key: str, body: dict[str, Any]) -> httpx.Response:
        answer = await self._send("PUT", f"/{object_}/by/{quote(system, safe='')}/{quote(key, safe='')}", {}, body)
        if answer.status_code in (401, 403):
            raise LoadFailed(f"The key may not write {object_}: {problem(answer)}")
        if answer.is_success and OUTCOME not in answer.headers:
            raise _no_api(answer)
        return answer

    async def _send(
        self, method: str, path: str, query: dict[str, str | int], body: dict[str, Any] | None = None
    ) -> httpx.Response:
        pause = FIRST_PAUSE_S
        while True:
            await self._turn()
            self.requests += 1
            try:
                answer = await self._http.request(method, path, params=query, json=body)
            except httpx.TransportError as error:
                why, wait = f"{type(error).__name__} {error}", pause
            else:
                if answer.status_code not in LATER and "Retry-After" not in answer.headers:
                    self._answered = _now()
                    return answer
                why, wait = problem(answer), _asked_to_wait(answer, pause)
            self._put_off(wait, why)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _turn(self) -> None:
        """A request to wait is for the key, so it holds up every request, not only the one that was told."""
        while (left := self._pause_until - _now()) > 0:  # noqa: ASYNC110  # no polling: the time is known, but may move
            await asyncio.sleep(left)

    def _put_off(self, wait: float, why: str) -> None:
        until = _now() + wait
        if until - self._answered > PATIENCE_S:
            raise LoadFailed(f"{self._http.base_url} takes no requests: {why}")
        self._pause_until = max(self._pause_until, until)
        self.repeated += 1


def document(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _no_api(answer)
    return content


def problem(answer: httpx.Response) -> str:
    """What a problem document says, in one line; a proxy in between may answer anything else."""
    try:
        content = answer.json()
        errors = [f"{error['pointer']}: {error['message']}" for error in content.get("errors") or []]
        said = [content.get("code"), content.get("detail"), *errors]
    except (ValueError, AttributeError, TypeError, KeyError):
        said = [answer.text[:200]]
    return " ".join([str(answer.status_code), *(str(part) for part in said if part)])


def _no_api(answer: httpx.Response) -> LoadFailed:
    return LoadFailed(f"{answer.request.url} does not answer as the API does; is the address right?")


def _asked_to_wait(answer: httpx.Response, otherwise: float) -> float:
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdigit() else otherwise


def _now() -> float:
    return asyncio.get_running_loop().time()
