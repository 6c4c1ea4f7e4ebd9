"""RELIABILITY S2, DECISIONS "Roles and tenant": a connection belongs to one tenant at a time, whatever happens to it."""

from collections.abc import AsyncIterator
from random import Random
from uuid import UUID

import pytest

from app.domain.kernel.ids import uuid7
from app.repositories import pool as pools
from app.repositories.pool import SET_TENANT, Connection, Pool, Target
from tests.pool.lending import SEEN, Lending, soon
from tests.world import Place

TENANT = "insert into tenant (tenant_id, name, time_zone, locale, currency) values ($1, 'Pool', 'UTC', 'en', 'EUR')"


@pytest.fixture
async def tenants(place: Place) -> list[UUID]:
    made = [uuid7() for _ in range(7)]
    async with place.connect() as administrator:
        await administrator.executemany(TENANT, [(one,) for one in made])
    return made


@pytest.fixture
async def lending(place: Place, tenants: list[UUID], seed: int) -> AsyncIterator[Lending]:
    pool = Pool(Target(place.url, "rapport_app", size=1))
    async with place.connect() as administrator:
        yield Lending(pool, administrator, tenants, Random(seed))
    await pool.close()


@pytest.mark.quick
async def test_a_thousand_loans_of_one_connection_show_no_foreign_row(lending: Lending) -> None:
    await lending.run(1_000)

    assert lending.faults == []
    assert len(lending.poisoned) > 30
    assert (lending.pool.in_use, lending.pool.waiting) == (0, 0)


async def test_without_a_tenant_there_are_no_rows(place: Place, tenants: list[UUID]) -> None:
    pool = Pool(Target(place.url, "rapport_app", size=1))
    row = await pool.row(None, SEEN, [], soon())
    await pool.close()

    assert row is not None
    assert row["seen"] == []


def lends_cancelled_connections(patch: pytest.MonkeyPatch) -> None:
    plain = pools._is_plain
    patch.setattr(pools, "_is_plain", lambda error: plain(error) or not isinstance(error, Exception))


def lends_timed_out_connections(patch: pytest.MonkeyPatch) -> None:
    plain = pools._is_plain
    patch.setattr(pools, "_is_plain", lambda error: plain(error) or isinstance(error, TimeoutError))


def remembers_the_tenant_too_early(patch: pytest.MonkeyPatch) -> None:
    async def lend(self: Pool, tenant: UUID | None, deadline: float) -> Connection:
        connection = self._pick(tenant) or await self._connect(3)
        if tenant is not None and connection.tenant != tenant:
            connection.tenant = tenant
            try:
                await connection.fetchval(SET_TENANT, str(tenant), timeout=pools._remaining(deadline))
            except BaseException:
                self._take_back(connection)
                raise
        return connection

    patch.setattr(Pool, "_lend", lend)


def never_sets_the_tenant_again(patch: pytest.MonkeyPatch) -> None:
    async def lend(self: Pool, tenant: UUID | None, deadline: float) -> Connection:
        connection = self._pick(tenant) or await self._connect(3)
        if connection.tenant is None and tenant is not None:
            await connection.fetchval(SET_TENANT, str(tenant))
            connection.tenant = tenant
        return connection

    patch.setattr(Pool, "_lend", lend)


@pytest.mark.parametrize(
    "bug",
    [
        lends_cancelled_connections,
        lends_timed_out_connections,
        remembers_the_tenant_too_early,
        never_sets_the_tenant_again,
    ],
)
async def test_the_loans_show_a_planted_bug(lending: Lending, monkeypatch: pytest.MonkeyPatch, bug) -> None:
    bug(monkeypatch)

    for _ in range(10):
        await lending.run(100)
        if lending.faults:
            return
    pytest.fail("nobody noticed")
