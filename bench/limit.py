"""The limit: raw ASGI on bare asyncpg connections, hand-written SQL, no checks, and the same bytes as the product.

It reaches the tables as the administrator, without row-level security. What it knows of a caller is a dict.
"""

import json
import os
import time
from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import UUID

import asyncpg
import orjson

from bench.statements import statements

CONNECTIONS = 8
GUARDED = "BENCH_GUARDED" in os.environ
SQL = statements(guarded=GUARDED)
CALLERS = {
    authorization.encode(): (UUID(tenant), UUID(user), ("{" + ",".join(owners) + "}",) if GUARDED else ())
    for authorization, (tenant, user, owners) in json.loads(os.environ["BENCH_CALLERS"]).items()
}
BINDINGS = {path.encode(): bytes.fromhex(binding) for path, binding in json.loads(os.environ["BENCH_BINDINGS"]).items()}


def fresh() -> UUID:
    return UUID(int=time.time_ns() // 1_000_000 << 80 | 7 << 76 | 2 << 62 | int.from_bytes(os.urandom(7)))


class Connections:
    """As many as there are clients, last in, first out: less than this no pool can cost."""

    def __init__(self) -> None:
        self._idle: list[asyncpg.Connection] = []

    async def open(self, count: int) -> None:
        for _ in range(count):
            settings = {"TimeZone": "UTC"}
            connection = await asyncpg.connect(os.environ["BENCH_ADMIN_URL"], server_settings=settings)
            await connection.set_type_codec("json", schema="pg_catalog", format="binary", encoder=bytes, decoder=bytes)
            self._idle.append(connection)

    async def row(self, sql: str, *arguments: Any) -> Any:
        connection = self._idle.pop()
        try:
            return await connection.fetchrow(sql, *arguments)
        finally:
            self._idle.append(connection)


POOL = Connections()


class Request(NamedTuple):
    tenant: UUID
    user: UUID
    owners: tuple[str, ...]
    scope: Any
    receive: Any


async def _create(request: Request) -> tuple[int, bytes]:
    body = orjson.loads((await request.receive())["body"])
    changes = orjson.dumps({name: [None, value] for name, value in body.items()}).decode()
    row = await POOL.row(
        SQL.create,
        request.tenant,
        fresh(),
        request.user,
        body["firstName"],
        body["lastName"],
        body.get("email"),
        body["phone"],
        UUID(body["accountId"]),
        UUID(body["ownerId"]),
        fresh(),
        changes,
    )
    return 201, row[0]


async def _update(request: Request) -> tuple[int, bytes]:
    """Reads, compares, and writes onto the version that it read, as the product must."""
    body = orjson.loads((await request.receive())["body"])
    record_id = UUID(request.scope["path"][-36:])
    old = await POOL.row(SQL.load, request.tenant, record_id, *request.owners)
    changes = orjson.dumps({"phone": [old["phone"], body["phone"]]}).decode()
    arguments = (old["version"], request.user, body["phone"], fresh(), changes, *request.owners)
    row = await POOL.row(SQL.change, request.tenant, record_id, *arguments)
    return 200, row[0]


async def _one(request: Request) -> tuple[int, bytes]:
    record_id = UUID(request.scope["path"][-36:])
    return 200, (await POOL.row(SQL.one, request.tenant, record_id, *request.owners))[0]


async def _page(request: Request) -> tuple[int, bytes]:
    query = request.scope["query_string"]
    path = request.scope["path"] + "?" + query.decode()
    sql, argument = SQL.pages[request.scope["path"].rpartition("/")[2]]
    value: Any = unquote(query.partition(b"=")[2].partition(b"&")[0].decode())
    row = await POOL.row(sql, request.tenant, argument(value), *request.owners)
    cursor = b"null"
    if row[2]:
        binding = BINDINGS[path.encode()]
        check = blake2b(row[1], key=binding, digest_size=4).digest()
        cursor = b'"%b"' % urlsafe_b64encode(binding + check + row[1])
    more = b"true" if row[2] else b"false"
    return 200, b'{"data":%b,"page":{"nextCursor":%b,"hasMore":%b},"meta":{}}' % (row[0], cursor, more)


HANDLERS = {"POST": _create, "PATCH": _update}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    caller = next(CALLERS[value] for name, value in scope["headers"] if name == b"authorization")
    handler = HANDLERS.get(scope["method"]) or (_page if scope["query_string"] else _one)
    status, body = await handler(Request(*caller, scope, receive))
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Any, send: Any) -> None:
    await receive()
    await POOL.open(CONNECTIONS)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
