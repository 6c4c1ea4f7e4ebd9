"""Boards, overviews, forecasts and sales figures over a million opportunities, as a frontend asks for them, with their plans."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle, islice
from typing import Any, Final
from uuid import UUID

import asyncpg

from app.api.listing import list_query
from app.domain.figures.service import FiguresService
from app.domain.figures.service import Question as Sales
from app.domain.forecasting.periods import parsed
from app.domain.forecasting.service import ForecastService, Question
from app.domain.governance.service import administrator
from app.domain.overviews.service import OverviewService
from app.domain.pipeline.objects import OPPORTUNITY
from app.domain.pipeline.service import OpportunityService
from app.domain.registry import SCHEMA
from app.repositories.compile import Statement
from app.repositories.pool import Pool, Target
from app.repositories.session import Session
from bench import rows
from bench.client import drive
from bench.compare import product_environment
from bench.deals import ACCOUNTS, DEALS, NUMBER, filled
from bench.fill import Data, Tenant, an_id
from bench.plans import explained
from bench.processes import cpu_of_children_us, serving
from bench.report import Line
from bench.searching import as_application
from bench.servers import Place
from bench.works import PREFIX, read

WARM_UPS, REQUESTS, RECORDS = 6, 40, 50
PIPELINE, MANAGER = an_id(rows.PIPELINE, NUMBER, 1), an_id(rows.USER, NUMBER, 2)
ACCOUNT_IDS = [an_id(rows.ACCOUNT, NUMBER, 1 + number * 7_919 % ACCOUNTS) for number in range(RECORDS)]
DEAL_IDS = [an_id(rows.OPPORTUNITY, NUMBER, 1 + number * 7_919 % DEALS) for number in range(RECORDS)]
Show = Callable[[Session], Awaitable[object]]
Ask = Callable[[FiguresService, Sales], Awaitable[object]]
Period = tuple[date, date]
QUARTER: Final = timedelta(days=92)
# In which deals of the bench close, and in which they come to their stages.
CLOSED: Final = ((date(2025, 7, 1), date(2025, 9, 30)), (date(2025, 1, 1), date(2025, 12, 31)))
ENTERED: Final = ((date(2024, 1, 1), date(2024, 3, 31)), (date(2024, 1, 1), date(2024, 12, 31)))


@dataclass(frozen=True, slots=True)
class Screen:
    """What a frontend asks for by one of `paths`; `show` is the service behind it. `target_ms` is of the 95th percentile."""

    name: str
    paths: Sequence[str]
    show: Show
    target_ms: float


def _board(narrowed: Sequence[tuple[str, str]]) -> Show:
    def show(session: Session) -> Awaitable[object]:
        where = list_query(OPPORTUNITY, narrowed, session.actor, session.schema).query.where
        return OpportunityService(session).board(PIPELINE, where, 20)

    return show


def _forecast(period: str, user_id: UUID | None = None) -> Show:
    return lambda session: ForecastService(session).forecast(Question(period=parsed(period), user_id=user_id))


def _figure(name: str, ask: Ask, period: Period | None, target_ms: float, suffix: str = "") -> Screen:
    """`ask` is what answers `/sales-figures/{name}` without further parameters; `suffix` tells what is asked beside that."""
    first, last = period or (date.min, date.max)
    days = f"from={first}&to={last}&" if period else ""
    of = "everything" if period is None else f"a {'year' if last - first > QUARTER else 'quarter'}"

    def show(session: Session) -> Awaitable[object]:
        where = list_query(OPPORTUNITY, (), session.actor, session.schema).query.where
        return ask(FiguresService(session), Sales(where, first, last))

    path = f"/sales-figures/{name}?{days}{suffix}".rstrip("?&")
    return Screen(f"{name.replace('-', ' ')} of {of}", [path], show, target_ms)


def _figures() -> Iterator[Screen]:
    for closed, factor in ((CLOSED[0], 1), (CLOSED[1], 2)):
        yield _figure("win-rates", lambda figures, asked: figures.win_rates(asked, "total"), closed, 750 * factor)
        yield _figure("won", lambda figures, asked: figures.won(asked, "total", "quarter"), closed, 500 * factor)
        by_owner = (lambda figures, asked: figures.velocity(asked, "owner"), closed, 1_000 * factor, "by=owner")
        yield _figure("velocity", *by_owner)
    for entered, target_ms in ((ENTERED[0], 1_000), (ENTERED[1], 2_000), (None, 4_000)):
        yield _figure(
            "stage-conversion", lambda figures, asked: figures.stage_conversion(asked, None), entered, target_ms
        )
    yield _figure("ageing", FiguresService.ageing, None, 1_500)


SCREENS: Final = {
    "board": (
        Screen("board", [f"/pipelines/{PIPELINE}/board?limit=20"], _board(()), 1_000),
        Screen(
            "board of one owner",
            [f"/pipelines/{PIPELINE}/board?limit=20&ownerId={MANAGER}"],
            _board([("ownerId", str(MANAGER))]),
            100,
        ),
    ),
    "overview": (
        Screen(
            "overview of an account",
            [f"/accounts/{one}/overview" for one in ACCOUNT_IDS],
            lambda session: OverviewService(session).account(ACCOUNT_IDS[0]),
            50,
        ),
        Screen(
            "overview of a deal",
            [f"/opportunities/{one}/overview" for one in DEAL_IDS],
            lambda session: OverviewService(session).opportunity(DEAL_IDS[0]),
            50,
        ),
    ),
    "forecast": (
        Screen("forecast of a quarter", ["/forecasts?period=2026-Q4"], _forecast("2026-Q4"), 500),
        Screen("forecast of a year", ["/forecasts?period=2026"], _forecast("2026"), 1_500),
        Screen(
            "forecast of a manager",
            [f"/forecasts?period=2026-Q4&userId={MANAGER}"],
            _forecast("2026-Q4", MANAGER),
            100,
        ),
    ),
    "sales-figures": tuple(_figures()),
}


def measure_of(name: str) -> Callable[[Place, Data], Iterator[Line]]:
    def measured(place: Place, data: Data) -> Iterator[Line]:
        tenant = filled(place.admin_url, data)
        with serving("product", "bench.product:app", product_environment(place)) as product:
            for screen in SCREENS[name]:
                requests = [read(tenant, f"{PREFIX}{path}") for path in screen.paths]
                drive(product.port, [list(islice(cycle(requests), WARM_UPS))])
                before = product.cpu_us(), cpu_of_children_us(place.postmaster)
                driven = drive(product.port, [list(islice(cycle(requests), REQUESTS))])
                used = product.cpu_us() - before[0], cpu_of_children_us(place.postmaster) - before[1]
                if driven.statuses != {200: REQUESTS}:
                    raise SystemExit(f"{screen.name}: {driven.statuses}: {driven.bodies[0][:500]!r}")
                cpu_ms, database_ms = (one / REQUESTS / 1_000 for one in used)
                yield Line(
                    work=f"{screen.name}, p95",
                    product=f"{cpu_ms:.1f} ms",
                    values=[driven.percentile_ms(0.95)],
                    target=screen.target_ms,
                    unit="ms",
                    size=str(len(driven.bodies[0])),
                    database=f"{database_ms:.1f} ms",
                    wall=" / ".join(f"{driven.percentile_ms(share):.1f}" for share in (0.5, 0.99)) + " ms",
                )

    return measured


class Recorded(Session):
    """Keeps what it asks the database for."""

    asked: list[tuple[Statement, list[Any]]]

    def _row(self, statement: Statement, parameters: Mapping[str, Any]) -> Awaitable[asyncpg.Record | None]:
        self.asked.append((statement, statement.arguments({**self._asking, **parameters})))
        return super()._row(statement, parameters)


def plans_of_screens(place: Place, data: Data) -> list[tuple[str, str]]:
    """Of every statement behind each screen, by the name of its file."""
    return asyncio.run(_plans(place, filled(place.admin_url, data)))


async def _plans(place: Place, tenant: Tenant) -> list[tuple[str, str]]:
    pool, connection = Pool(Target(place.url, "rapport_app", size=1)), await as_application(place, tenant)
    try:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        found = []
        for screens in SCREENS.values():
            for screen in screens:
                asked = await _asked(pool, tenant, screen.show)
                async with connection.transaction():
                    texts = [await _told(connection, *one) for one in asked]
                found.append((screen.name.replace(" ", "-"), "\n\n\n".join(texts)))
        return found
    finally:
        await connection.close()
        await pool.close()


async def _told(connection: asyncpg.Connection, statement: Statement, arguments: list[Any]) -> str:
    """What asks for nothing sets how the next one is planned, until the end of the transaction."""
    if arguments:
        return await explained(connection, statement, arguments)
    await connection.execute(statement.sql)
    return statement.sql


async def _asked(pool: Pool, tenant: Tenant, show: Show) -> list[tuple[Statement, list[Any]]]:
    session = Recorded(pool, administrator(tenant.id, tenant.user_id), SCHEMA)
    session.asked = []
    await show(session)
    return session.asked
