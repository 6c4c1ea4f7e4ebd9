"""The route matrix: who belongs elsewhere learns nothing, not even that there was something to learn."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from sqlalchemy.sql.base import Executable

from app.api.route import ApiRoute
from app.api.v1.routes import ROUTES
from app.repositories import compile as compiling
from app.repositories.compile import CACHE, Statement, StatementCache
from app.repositories.verify_schema import TENANT_TABLES, WITHOUT_TENANT
from tests.isolation.probes import PER_RECORD, Ask, Probe, probes
from tests.isolation.tenants import Inhabited
from tests.world import Client, World

PER_REQUEST = {"request-id", "ratelimit", "ratelimit-policy", "location"}
OWN_FILTER = re.compile(r"(\"?\w+\"?\.)?tenant_id = (\$\d+(::UUID)?)")


async def leaks(caller: Client, ours: Inhabited, theirs: Inhabited, routes: Sequence[ApiRoute] = ROUTES) -> list[str]:
    """Every probe that tells the caller anything about the other tenant."""
    return [leak for probe in probes(ours, theirs, routes) for leak in await _leaks_of(probe, caller, theirs)]


async def _leaks_of(probe: Probe, caller: Client, theirs: Inhabited) -> list[str]:
    answer = await ask(caller, probe.foreign)
    found = []
    if answer.status_code >= 500:
        found.append(f"{probe.name}: {answer.status_code} {answer.text[:200]}")
    text = answer.text + repr(answer.headers)
    if seen := [one for one in theirs.secrets if one in text and not probe.foreign.names(one)]:
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
    body = re.sub(rb'"requestId":"[^"]*"', b"", answer.content)
    if probe.creates and answer.is_success:
        record: dict[str, Any] = answer.json()
        differs = (*PER_RECORD, *(("email",) if "email" in record else ()))
        body = orjson.dumps({name: value for name, value in record.items() if name not in differs})
        headers = [pair for pair in headers if pair[0] != "content-length"]
    return answer.status_code, headers, body


async def digest(world: World, tenant: Inhabited) -> dict[str, str]:
    """Of all rows that the tenant has, by table."""
    async with world.place.connect() as administrator:
        tables = await administrator.fetchval(TENANT_TABLES, list(WITHOUT_TENANT))
        return {
            table: await administrator.fetchval(
                f'select md5(string_agg(t::text, chr(10) order by t::text)) from "{table}" t where tenant_id = $1',
                tenant.admin.tenant_id,
            )
            for table in tables
        }


@contextmanager
def no_filters_of_our_own() -> Iterator[list[str]]:
    """Every comparison with the tenant is taken out of every statement; what is left is row-level security.

    Yields the statements that lost one.
    """
    plain, changed = compiling.compile_statement, []

    def without(statement: Executable) -> Statement:
        compiled = plain(statement)
        sql = OWN_FILTER.sub(r"\2 IS NOT NULL", compiled.sql)
        changed.extend([sql] if sql != compiled.sql else [])
        return Statement(sql, compiled.order, compiled.constants)

    with forgotten_statements(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "compile_statement", without)
        yield changed


@contextmanager
def forgotten_statements() -> Iterator[None]:
    """What is compiled inside is not kept, and what was compiled before is not used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CACHE, "_statements", StatementCache()._statements)
        yield
