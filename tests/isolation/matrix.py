"""The route matrix: who belongs elsewhere learns nothing, not even that there was something to learn."""

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy.sql.base import Executable

from app.api.route import ApiRoute
from app.api.v1.routes import ROUTES
from app.repositories.compile import CACHE, Statement, StatementCache
from app.repositories.verify_schema import TENANT_TABLES, WITHOUT_TENANT
from tests.factories.making import FRESH
from tests.isolation.probes import PER_RECORD, Ask, Probe, probes
from tests.isolation.tenants import Inhabited
from tests.world import Client, World

TOO_MANY = 429  # what is not let through shows nothing of the route
PER_REQUEST = {"request-id", "ratelimit", "ratelimit-policy", "location"}
DIGEST = """
select '{0}', md5(string_agg(t::text, chr(10) order by t::text)) from "{0}" t where tenant_id = $1
"""
OWN_FILTER = re.compile(r"(\"?\w+\"?\.)?tenant_id = (\$\d+(::UUID)?)")


async def leaks(caller: Client, ours: Inhabited, theirs: Inhabited, routes: Sequence[ApiRoute] = ROUTES) -> list[str]:
    """Every probe that tells the caller anything about the other tenant."""
    secrets = theirs.secrets
    return [leak for probe in probes(ours, theirs, routes) for leak in await _leaks_of(probe, caller, secrets)]


async def _leaks_of(probe: Probe, caller: Client, secrets: set[str]) -> list[str]:
    answer = await ask(caller, probe.foreign)
    found = []
    if answer.status_code == TOO_MANY or answer.status_code >= 500:
        found.append(f"{probe.name}: {answer.status_code} {answer.text[:200]}")
    text = answer.text + repr(answer.headers)
    if seen := [one for one in secrets if one in text and not probe.foreign.names(one)]:
        found.append(f"{probe.name}: {answer.status_code} shows {seen}")
    if probe.missing:
        twin = await ask(caller, probe.missing)
        if shape(answer, probe) != shape(twin, probe):
            found.append(f"{probe.name}: {shape(answer, probe)} but {shape(twin, probe)}"[:600])
    return found


async def ask(caller: Client, one: Ask) -> httpx.Response:
    return await caller.request(one.method, one.path, params=one.query, json=one.body, headers=one.headers)


def shape(answer: httpx.Response, probe: Probe) -> tuple[int, list[tuple[str, str]], bytes]:
    """What must be the same for a foreign thing and for a missing one: all but what names the request itself."""
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in PER_REQUEST]
    body = re.sub(rb'"requestId":"[^"]*"|^retry: [0-9]+', b"", answer.content)
    for name in probe.echoed:
        body = body.replace(str(answer.request.url.params[name]).encode(), b"")
    if probe.creates and answer.is_success:
        record: dict[str, Any] = answer.json()
        differs = (*PER_RECORD, *FRESH)
        body = orjson.dumps({name: value for name, value in record.items() if name not in differs})
    if probe.creates or probe.echoed:  # packed, what names something else has another length
        headers = [pair for pair in headers if pair[0] not in ("content-length", "content-encoding")]
    return answer.status_code, headers, body


async def digest(world: World, client: Client) -> dict[str, str]:
    """Of all rows that the client's tenant has, by table."""
    [(tables,)] = await world.look(TENANT_TABLES, list(WITHOUT_TENANT))
    of_each = " union all ".join(DIGEST.format(table) for table in tables)
    return {row[0]: row[1] for row in await world.look(of_each, client.tenant_id)}


@contextmanager
def no_filters_of_our_own() -> Iterator[list[str]]:
    """Every comparison with the tenant is taken out of every statement; what is left is row-level security.

    Yields the statements that lost one.
    """
    plain, changed, known = StatementCache.get, [], {}

    def without(compiled: Statement) -> Statement:
        sql = OWN_FILTER.sub(r"\2 IS NOT NULL", compiled.sql)
        changed.extend([sql] if sql != compiled.sql else [])
        return Statement(sql, compiled.order, compiled.constants)

    def get(cache: StatementCache, key: Hashable, build: Callable[[], Executable]) -> Statement:
        compiled = plain(cache, key, build)
        if compiled.sql not in known:
            known[compiled.sql] = without(compiled)
        return known[compiled.sql]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StatementCache, "get", get)
        yield changed


@contextmanager
def room_for_every_statement() -> Iterator[None]:
    """Each probe of each object has a statement of its own, and to compile one takes longer than all else about it.

    A server lets go of the first before it comes to the last, and would compile all of them again for the next caller.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CACHE, "_statements", StatementCache(10_000, 400_000_000)._statements)
        yield


@contextmanager
def forgotten_statements() -> Iterator[None]:
    """What is compiled inside is not kept, and what was compiled before is not used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CACHE, "_statements", StatementCache()._statements)
        yield
