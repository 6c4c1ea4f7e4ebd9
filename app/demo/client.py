"""The public API as a patient client sees it: it repeats what may be repeated, when it is told to."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from app.demo.answers import OUTCOME, Result, document, no_api
from app.demo.failure import LoadFailed

BASE = "/api/v1"
IN_FLIGHT = 4
PATIENCE_S = 120.0  # of all requests together, since the last one that got an answer
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 8.0
LATER = {429, 502, 503, 504}  # and whatever else carries a Retry-After


class Client:
    """What goes through it may be done twice, so a request whose answer was lost is simply sent again."""

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
            raise LoadFailed(f"GET {path}: {Result.of(answer).problem()}")
        return document(answer)

    async def put(self, object_: str, system: str, key: str, body: dict[str, Any]) -> Result:
        answer = await self._send("PUT", place(object_, system, key), {}, body)
        if answer.status_code in (401, 403):
            raise LoadFailed(f"The key may not write {object_}: {Result.of(answer).problem()}")
        if answer.is_success and OUTCOME not in answer.headers:
            raise no_api(answer)
        return Result.of(answer)

    async def write(self, method: str, path: str, body: dict[str, Any]) -> Result:
        return Result.of(await self._send(method, path, {}, body))

    async def together(self, operations: Sequence[dict[str, Any]]) -> list[Result] | None:
        """All of them, or None where one was refused: nothing is written then, and only one by one shows which."""
        answer = await self._send("POST", "/batch", {}, {"operations": list(operations)})
        if answer.is_error:
            return None
        return [Result.in_batch(one) for one in document(answer)["results"]]

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
                why, wait = Result.of(answer).problem(), _asked_to_wait(answer, pause)
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


def place(object_: str, system: str, key: str) -> str:
    return f"/{object_}/by/{quote(system, safe='')}/{quote(key, safe='')}"


def _asked_to_wait(answer: httpx.Response, otherwise: float) -> float:
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdigit() else otherwise


def _now() -> float:
    return asyncio.get_running_loop().time()
