"""Many who listen and hear nothing: what each takes of one worker's memory, and how soon all hear of one event."""

import asyncio
import resource
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.domain.governance.schemas import ApiKeyCreate, TenantCreate
from app.domain.governance.service import create_key
from app.domain.registry import SCHEMA
from app.domain.tenants.service import create_tenant
from app.repositories.pool import Pool, Target
from bench.client import ask
from bench.compare import product_environment
from bench.fill import Data
from bench.processes import rss_mb, serving
from bench.report import Line
from bench.resources import READY
from bench.servers import Place
from bench.works import PREFIX

LISTENERS = 5_000
AT_ONCE = 100  # connections that are opened before it is waited for their first bytes
EVENTS = 5
WITHIN_S = 20.0


def stream(place: Place, _: Data, listeners: int = LISTENERS) -> Iterator[Line]:
    key = asyncio.run(_key(place))
    environment = {**product_environment(place), "CRM_STREAMS_PER_KEY": str(listeners)}
    with _files(listeners), serving("product", "app.main:application", environment, "--factory") as product:
        while ask(product.port, READY)[0] != 200:
            time.sleep(0.02)
        with _listening(product.port, key, AT_ONCE) as some:
            _heard_s(product.port, key, some)
        before = rss_mb(product.pid)
        with _listening(product.port, key, listeners) as all_of_them:
            each_kb = 1_024 * (rss_mb(product.pid) - before) / listeners
            heard_s = [_heard_s(product.port, key, all_of_them) for _ in range(EVENTS)]
    idle = f"stream, {listeners:,} who listen"
    yield Line(work=f"{idle}, each", product=f"{each_kb:.1f} KB", values=[each_kb], target=40.0, unit="KB")
    yield Line(work=f"{idle}, one event to all", product=f"{max(heard_s):.2f} s", values=heard_s, target=1.0, unit="s")


async def _key(place: Place) -> str:
    """Of a tenant of its own: nobody else writes there."""
    pool = Pool(Target(place.url, "rapport_app", size=1))
    try:
        new = await create_tenant(pool, SCHEMA, TenantCreate(name="Listening", currency="EUR"), "admin@bench.example")
        data = ApiKeyCreate(name="bench", scopes=["admin"])
        return await create_key(pool, SCHEMA, "bench", new.tenant_id, new.admin_user_id, data)
    finally:
        await pool.close()


@contextmanager
def _files(listeners: int) -> Iterator[None]:
    """Sockets are files, here and in the server that is started here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 2 * listeners + 500), hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def _listening(port: int, key: str, number: int) -> Iterator[Sequence[socket.socket]]:
    sockets: list[socket.socket] = []
    try:
        while len(sockets) < number:
            some = [_opened(port, key) for _ in range(min(AT_ONCE, number - len(sockets)))]
            sockets += some
            _await(some, b"\nid: ")
        yield sockets
    finally:
        for one in sockets:
            one.close()


def _opened(port: int, key: str) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.sendall(_request("GET", "/events/stream", key))
    made.settimeout(0)
    return made


def _heard_s(port: int, key: str, sockets: Sequence[socket.socket]) -> float:
    """From the answer to the write until the last of them has heard of it."""
    status, _ = ask(port, _request("POST", "/accounts", key, '{"name":"Heard of"}'))
    begun = time.monotonic()
    if status != 201:
        raise SystemExit(f"the write was answered {status}")
    _await(sockets, b"\nevent: account.created\n")
    return time.monotonic() - begun


def _request(method: str, path: str, key: str, body: str = "") -> bytes:
    about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {PREFIX}{path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n{about}\r\n"
    return f"{head}{body}".encode()


def _await(sockets: Sequence[socket.socket], sign: bytes) -> None:
    """Reads each until it has brought the sign."""
    end = time.monotonic() + WITHIN_S
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, selectors.EVENT_READ, bytearray())
        while selector.get_map():
            if time.monotonic() > end:
                heard = next(iter(selector.get_map().values())).data
                raise SystemExit(f"{len(selector.get_map())} of {len(sockets)} heard only {bytes(heard[-300:])!r}")
            for key, _ in selector.select(1.0):
                key.data.extend(one := key.fileobj.recv(65_536))  # type: ignore[union-attr]  # all are sockets
                if not one:
                    raise SystemExit(f"the server hung up: {bytes(key.data[:200])!r}")
                if sign in key.data:
                    selector.unregister(key.fileobj)
