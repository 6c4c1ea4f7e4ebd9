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
    """Keeps what is put, by (object, key), and what is imported, by id.

    `misbehave(request, nth)` may answer or raise in its place; it sees the operations of a batch, too.
    """

    def __init__(self, misbehave: Misbehaviour | None = None):
        self.records, self.stays, self.seen, self.started, self.most_in_flight = {}, {}, [], [], 0
        self._misbehave, self._in_flight, self._ids = misbehave, 0, count(1)

    async def handle_async_request(self, request):
        self.seen.append(request)
        nth = len(self.seen)
        self.started.append(asyncio.get_running_loop().time())
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            await asyncio.sleep(0)  # others get their turn, as over a wire
            return self._attempt(request, nth)
        finally:
            self._in_flight -= 1

    def _attempt(self, request, nth):
        return (self._misbehave and self._misbehave(request, nth)) or self._answer(request, nth)

    def _answer(self, request, nth):
        if request.url.path == f"{BASE}batch":
            return self._batch(request, nth)
        object_, *rest = unquote(request.url.path).removeprefix(BASE).split("/", 3)
        if request.method == "PUT":
            return self._put((object_, rest[2]), json.loads(request.content))
        if request.method == "POST":
            self.stays[rest[0]] = json.loads(request.content)["stays"]
            return httpx.Response(200, json={"data": []})
        return httpx.Response(200, json={"data": [{"id": "the-administrator"}]})

    def _batch(self, request, nth):
        """All or nothing."""
        kept, answers = dict(self.records), []
        for one in json.loads(request.content)["operations"]:
            url = request.url.copy_with(raw_path=f"/api/v1{one['path']}".encode())
            answer = self._attempt(httpx.Request(one["method"], url, json=one["body"]), nth)
            if answer.is_error:
                self.records = kept
                return answer
            headers = {name.title(): value for name, value in answer.headers.items()}
            answers.append({"status": answer.status_code, "headers": headers, "body": answer.json()})
        return httpx.Response(200, json={"results": answers})

    def _put(self, place, body):
        before = self.records.get(place)
        if before and before["body"] == body:
            return httpx.Response(200, json=self._shown(before), headers={"Upsert-Outcome": "unchanged"})
        self.records[place] = record = {"id": before["id"] if before else str(next(self._ids)), "body": body}
        status, outcome = (200, "updated") if before else (201, "created")
        return httpx.Response(status, json=self._shown(record), headers={"Upsert-Outcome": outcome})

    def _shown(self, record):
        stays = self.stays.get(record["id"], [{"enteredAt": "2026-11-22T09:30:00.123456+00:00"}])
        return record | {"stageChangedAt": stays[-1]["enteredAt"]}

    def body(self, object_, key):
        return self.records[object_, key]["body"]

    def history(self, key):
        stays = self.stays.get(self.records["opportunities", key]["id"], [])
        return [(stay["stage"], stay["enteredAt"][:10], stay["leftAt"] and stay["leftAt"][:10]) for stay in stays]
