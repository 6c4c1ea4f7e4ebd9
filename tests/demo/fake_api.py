"""The endpoints that the loader uses, for what a real server cannot be told to do: fail in a chosen way."""

import asyncio
import json
from collections.abc import Callable
from itertools import count
from urllib.parse import unquote

import httpx

BASE = "/api/v1/"
Misbehaviour = Callable[[httpx.Request, int], httpx.Response | None]


class FakeApi(httpx.AsyncBaseTransport):
    """Keeps what is put, by (object, key). `misbehave(request, nth)` may answer or raise in its place."""

    def __init__(self, misbehave: Misbehaviour | None = None):
        self.records, self.seen, self.started, self.most_in_flight = {}, [], [], 0
        self._misbehave, self._in_flight, self._ids = misbehave, 0, count(1)

    async def handle_async_request(self, request):
        self.seen.append(request)
        nth = len(self.seen)
        self.started.append(asyncio.get_running_loop().time())
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            await asyncio.sleep(0)  # others get their turn, as over a wire
            return (self._misbehave and self._misbehave(request, nth)) or self._answer(request)
        finally:
            self._in_flight -= 1

    def _answer(self, request):
        object_, *rest = unquote(request.url.path).removeprefix(BASE).split("/", 3)
        if request.method == "PUT":
            return self._put((object_, rest[2]), json.loads(request.content))
        return httpx.Response(200, json={"data": [{"id": "the-administrator"}]})

    def _put(self, place, body):
        before = self.records.get(place)
        if before and before["body"] == body:
            return httpx.Response(200, json=before, headers={"Upsert-Outcome": "unchanged"})
        self.records[place] = {"id": before["id"] if before else str(next(self._ids)), "body": body}
        status, outcome = (200, "updated") if before else (201, "created")
        return httpx.Response(status, json=self.records[place], headers={"Upsert-Outcome": outcome})

    def body(self, object_, key):
        return self.records[object_, key]["body"]
