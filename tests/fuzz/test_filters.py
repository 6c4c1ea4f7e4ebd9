"""Generated filters and bombs over HTTP: every answer is the oracle's, every refusal says where, and nothing is slow.

The oracle reads the same records in memory. FILTERS=5000 asks for the long run.
"""

import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote_from_bytes
from uuid import UUID

import httpx
import pytest

from app.api import listing
from app.domain import registry
from app.domain.kernel.expression import filters
from app.domain.kernel.expression.checker import check
from app.domain.kernel.expression.errors import ExpressionError
from app.domain.kernel.expression.functions import Profile
from app.domain.kernel.expression.memory import evaluator
from app.domain.kernel.schema import Schema
from app.domain.records import service
from tests.expression import generating, rows
from tests.expression.bombs import BOMBS, generated
from tests.expression.differential import ACTOR, ASKED_OF, NOW
from tests.expression.generating import Generator
from tests.expression.kinds import CATALOG
from tests.factories.accounts import make_account
from tests.factories.pipeline import make_opportunity
from tests.fuzz.problem import problem_of
from tests.run import Run
from tests.world import PATIENT, Client, Place, World, running

COUNT = int(os.environ.get("FILTERS", "300"))
SLOW_S = 2.0
TENANT = "insert into tenant (tenant_id, name, time_zone, locale, currency) values ($1, 'x', 'UTC', 'en', 'EUR')"
ADMINISTRATOR = """update "user" set role = 'admin', status = 'active' where tenant_id = $1 and id = $2"""
EDGE = 30  # a version: the shorthand beside every other filter asks for those from here on


@dataclass
class Report:
    answers: Counter[str] = field(default_factory=Counter)
    selecting: int = 0
    slowest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{dict(self.answers)}, {self.selecting} with rows, slowest {1000 * self.slowest_s:.0f} ms"


@dataclass(frozen=True)
class Asked:
    """A client of the tenant that `rows.fill` makes, and its records in memory."""

    client: Client
    viewer: rows.Viewer = field(repr=False)  # its records refer to one another

    async def ask(self, random: Random, count: int, *, first: bool = False) -> Report:
        """`first` stops at the first difference."""
        report = Report()
        for number in range(count):
            kind = random.choice(ASKED_OF)
            generator = Generator(random, CATALOG[kind], self.viewer.schema, ids=self._ids(random, kind))
            await self._compare(kind, generator.condition(random.choice((1, 2, 3, 4))), number, report)
            if first and report.wrong:
                break
        return report

    async def _compare(self, kind: str, text: str, number: int, report: Report) -> None:
        beside = {"version[gte]": EDGE} if number % 2 else {}
        asked: dict[str, Any] = {"filter": text, "fields": "id", "limit": 200, **beside}
        answer, took_s = await self._send(kind, asked, number)
        if took_s > SLOW_S:  # a busy machine does not stop twice at the same filter
            answer, took_s = await self._send(kind, asked, number)
        report.slowest_s = max(report.slowest_s, took_s)
        expected, found = self._expected(kind, text, EDGE if beside else 0), _told(answer)
        report.answers[found if isinstance(found, str) else "found"] += 1
        report.selecting += bool(expected) and not isinstance(expected, str)
        if found != expected:
            report.wrong.append(f"{kind}: {text}\n{expected}\n{answer.status_code} {answer.text[:500]}")

    async def _send(self, kind: str, asked: dict[str, Any], number: int) -> tuple[httpx.Response, float]:
        path, began = f"/{CATALOG[kind].plural}", time.monotonic()
        if number % 3 and len(asked["filter"]) < 2_000:
            answer = await self.client.get(path, params=asked)
        else:
            answer = await self.client.post(f"{path}/query", json=asked)
        return answer, time.monotonic() - began

    def _expected(self, kind: str, text: str, edge: int) -> set[str] | str:
        """The ids, or the code of the refusal."""
        try:
            expression = check(text, CATALOG[kind], self.viewer.schema, ACTOR).expression
        except ExpressionError as error:
            return f"400 {error.code} {error.position}"
        holds = evaluator(expression.shape, expression.bound(**NOW))
        return {str(one) for one, row in self.viewer.rows[kind].items() if row["version"] >= edge and holds(row, {})}

    def _ids(self, random: Random, kind: str) -> list[UUID]:
        return [UUID(rows.id_of(name, random.randrange(5))) for name in ("user", "account", "contact", kind)]


def _told(answer: httpx.Response) -> set[str] | str:
    if answer.status_code != 400:
        return {row["id"] for row in answer.json()["data"]} if answer.status_code == 200 else str(answer.status_code)
    (fault,) = problem_of(answer, 400)["errors"]
    assert fault["pointer"] == "filter"
    return f"400 {fault['code']} {fault['params']['position']}"


@pytest.fixture(scope="module")
def filled(run: Run) -> Place:
    return run.database()


@pytest.fixture(scope="module")
async def custom(filled: Place) -> AsyncIterator[World]:
    """An application of tenants that have custom fields."""
    schema = Schema(registry.CATALOG, custom=generating.CUSTOM)
    async with running(filled, schema=schema, rate_limit_per_minute=0, **PATIENT) as world:
        yield world


@pytest.fixture(scope="module")
async def asked(custom: World) -> AsyncIterator[Asked]:
    await rows.fill(custom.place, Random(7))
    async with custom.place.connect() as administrator:
        await administrator.execute(TENANT, rows.TENANT)
        await administrator.execute(ADMINISTRATOR, rows.TENANT, ACTOR.id)
    client = await custom._client(rows.TENANT, ACTOR.id, ["admin"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "utc_now", lambda: NOW["now"])
        yield Asked(client, await rows.viewer(custom.place, Schema(CATALOG, custom=generating.CUSTOM), {}))


async def test_generated_filters_find_what_the_oracle_finds(
    asked: Asked, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    report = await asked.ask(Random(seed), COUNT)
    with capsys.disabled():
        print(f"\n{COUNT} filters, SEED={seed}: {report}")  # noqa: T201  # the figure that the test is for
    assert not report.wrong, report.wrong[0]
    assert report.selecting >= 0.3 * COUNT
    assert report.slowest_s < SLOW_S


@pytest.mark.parametrize(
    ("owner", "name", "fault"),
    [
        (listing, "both", lambda first, _: first),
        (filters, "_moved", lambda node, _: node),
        (service, "bind", lambda one, actor, now: filters.bind(one, actor, now.replace(year=2020))),
    ],
    ids=["a condition is dropped", "arguments are mixed up", "now is another time"],
)
async def test_a_planted_fault_is_found(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, fault: Any
) -> None:
    """Each among questions of its own: a question that was asked before is not read again."""
    monkeypatch.setattr(owner, name, fault)
    assert (await asked.ask(Random(name), 150, first=True)).wrong


async def test_every_bomb_is_refused_with_its_place(client: Client) -> None:
    for name, text in BOMBS.items():
        for way in ("GET", "POST"):
            fault = await _refused(client, way, text)
            if fault is not None:
                params = fault["params"]
                assert 0 <= params["position"] <= params["end"] <= len(text), name
                assert len(fault["message"]) < 500, name


async def test_generated_bombs_are_refused_or_answered_at_once(client: Client, seed: int) -> None:
    for number, text in enumerate(generated(Random(seed), 150)):
        began = time.process_time()
        answer = await _send(client, ("GET", "POST")[number % 2], "/opportunities", text)
        assert answer.status_code == 200 or problem_of(answer, 400)
        assert time.process_time() - began < SLOW_S, text[:200]


async def _refused(client: Client, way: str, text: str) -> Any:
    """The fault of the filter; none where what carries it was refused already."""
    began = time.process_time()
    problem = problem_of(await _send(client, way, "/opportunities", text), 400, 413)
    assert time.process_time() - began < SLOW_S
    if problem["code"] in ("malformedJson", "badEncoding", "tooLarge"):
        return None
    (fault,) = problem["errors"]
    assert fault["pointer"] == "filter"
    return fault


async def _send(client: Client, way: str, path: str, text: str) -> httpx.Response:
    """Also what is no Unicode, as a careless client would send it."""
    if way == "GET" and len(text) < 4_000:
        return await client.get(f"{path}?filter={quote_from_bytes(text.encode(errors='surrogatepass'))}")
    json_type = {"Content-Type": "application/json"}
    return await client.post(f"{path}/query", content=json.dumps({"filter": text}), headers=json_type)


async def test_generated_filters_of_events_are_answered(custom: World, seed: int) -> None:
    client, schema = await custom.tenant(), Schema(CATALOG, custom=generating.CUSTOM)
    for number in range(5):
        account = await make_account(client, name=generating.SAMPLES[generating.Type.text][number + 3])
        made = await make_opportunity(client, accountId=account["id"], closeDate="2026-11-22", probability=number)
        for patch in ({"stage": "closedWon"}, {"closeDate": None}):
            await client.patch(f"/opportunities/{made['id']}", json=patch)
        await client.delete(f"/opportunities/{made['id']}")
    await custom.settled()
    random, selecting = Random(seed), 0
    for _ in range(200):
        kind = CATALOG[random.choice(("account", "opportunity"))]
        text = Generator(random, kind, schema, Profile.event).condition(random.choice((1, 2, 3)))
        answer = await client.get("/events", params={"object": kind.name, "filter": text})
        assert answer.status_code == 200 or problem_of(answer, 400)["code"] == "tooComplex", text
        selecting += bool(answer.json().get("data"))
    assert selecting > 40
