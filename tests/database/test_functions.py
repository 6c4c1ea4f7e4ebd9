"""The functions that the schema brings along."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from app.domain.kernel.clock import utc_now
from app.domain.kernel.ids import uuid7
from tests.world import Place

EVENT = """
insert into event (tenant_id, id, settle, at, object, record_id, version, type, origin, changes, data)
values (gen_random_uuid(), $1, app_settle(), now(), 'account', gen_random_uuid(), 1, 'x', 'x', '{}', '{}')
returning tableoid::regclass::text
"""

TENANT = "insert into tenant (tenant_id, name, time_zone, locale, currency) values ($1, 'x', 'UTC', 'en', 'EUR')"
USER = """
insert into "user" (tenant_id, id, version, settle, created_at, modified_at, name, email, role, status)
values ($1, $2, 1, 1, now(), now(), 'Ada', 'ada@test.example', 'member', 'active')
"""
KEY = """
insert into api_key (tenant_id, id, user_id, name, digest, scopes) values ($1, $2, $3, 'x', 'digest', '{events:read}')
"""
BINNED = """
insert into bin (tenant_id, object, record_id, version, deleted_at, data) values ($1, 'account', $2, 1, now(), '{}')
"""

FIRST_MONTH = """
select min(inhrelid::regclass::text) from pg_inherits
 where inhparent = 'event'::regclass and inhrelid::regclass::text ~ '[0-9]$'
"""
PRODUCT = """
insert into product (tenant_id, id, version, settle, created_at, modified_at, name)
values (gen_random_uuid(), gen_random_uuid(), 1, 1, now(), now(), 'x')
"""
STORED = """
insert into idempotency (tenant_id, actor_id, key, fingerprint, status)
values (gen_random_uuid(), gen_random_uuid(), $1, '', 201) returning expires_at - now()
"""


@dataclass(frozen=True)
class Key:
    connection: asyncpg.Connection
    tenant_id: UUID
    user_id: UUID
    id: UUID

    async def look_up(self) -> asyncpg.Record | None:
        """As the application does: in its role and before it knows a tenant."""
        await self.connection.execute("set local role rapport_app")
        row = await self.connection.fetchrow("select * from auth_lookup($1)", self.id)
        await self.connection.execute("reset role")
        return row


@pytest.fixture
async def key(spoilt: asyncpg.Connection) -> Key:
    made = Key(spoilt, uuid7(), uuid7(), uuid7())
    await spoilt.execute(TENANT, made.tenant_id)
    await spoilt.execute(USER, made.tenant_id, made.user_id)
    await spoilt.execute(KEY, made.tenant_id, made.id, made.user_id)
    return made


def first_id_at(moment: datetime) -> UUID:
    return UUID(int=int(moment.timestamp() * 1000) << 80)


async def test_an_event_lies_in_the_month_of_its_id(spoilt: asyncpg.Connection) -> None:
    await spoilt.execute("call app_add_event_month('2031-12-17')")
    start, end = datetime(2031, 12, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)
    tick = timedelta(milliseconds=1)

    lies_in = {
        moment: await spoilt.fetchval(EVENT, first_id_at(moment)) for moment in (start - tick, start, end - tick, end)
    }

    assert list(lies_in.values()) == ["event_default", "event_2031_12", "event_2031_12", "event_default"]


async def test_a_month_that_exists_is_left_alone(spoilt: asyncpg.Connection) -> None:
    await spoilt.execute("call app_add_event_month('2031-12-01'); call app_add_event_month('2031-12-31')")

    assert await spoilt.fetchval("select count(*) from pg_class where relname = 'event_2031_12'") == 1


async def test_four_months_are_made_from_the_beginning(place: Place) -> None:
    """That is when the first run of the migrations was, which may have been in the month before this one."""
    async with place.connect() as administrator:
        first = await administrator.fetchval(FIRST_MONTH)
        month = datetime.strptime(first, "event_%Y_%m").replace(tzinfo=UTC).date()
        assert month <= utc_now().date() < month + timedelta(days=33)
        for _ in range(4):
            assert await administrator.fetchval("select to_regclass($1)", f"event_{month:%Y_%m}") is not None
            month = (month + timedelta(days=31)).replace(day=1)


async def test_a_new_month_is_as_guarded_as_its_parent(spoilt: asyncpg.Connection) -> None:
    await spoilt.execute("call app_add_event_month('2031-12-01')")

    guarded = await spoilt.fetchval(
        "select relrowsecurity and relforcerowsecurity and relacl is null from pg_class where relname = 'event_2031_12'"
    )
    assert guarded


async def test_a_key_tells_who_it_is(key: Key) -> None:
    found = await key.look_up()

    assert found is not None
    assert dict(found) == {
        "tenant_id": key.tenant_id,
        "user_id": key.user_id,
        "role": "member",
        "digest": b"digest",
        "scopes": ["events:read"],
        "rate_limit_per_minute": None,
        "schema_version": 1,
        "time_zone": "UTC",
        "duplicate_policies": "{}",
        "country": None,
    }


@pytest.mark.parametrize(
    "change",
    [
        "update api_key set expires_at = now() where id = $1",
        "delete from api_key where id = $1",
        """update "user" set status = 'inactive' where id = (select user_id from api_key where id = $1)""",
    ],
)
async def test_a_key_that_no_longer_holds_is_not_found(key: Key, change: str) -> None:
    await key.connection.execute(change, key.id)

    assert await key.look_up() is None


async def test_a_key_that_expires_later_is_found(key: Key) -> None:
    await key.connection.execute("update api_key set expires_at = now() + interval '1 hour' where id = $1", key.id)

    assert await key.look_up() is not None


async def test_only_the_application_looks_keys_up(spoilt: asyncpg.Connection) -> None:
    await spoilt.execute("set local role rapport_work")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await spoilt.fetch("select * from auth_lookup($1)", uuid7())


async def test_an_id_in_the_bin_is_taken_within_its_tenant(spoilt: asyncpg.Connection) -> None:
    ours, theirs, record = uuid7(), uuid7(), uuid7()
    await spoilt.execute(BINNED, theirs, record)
    await spoilt.execute("select set_config('app.tenant', $1, true)", str(ours))
    assert await spoilt.fetchval("select app_id_is_free('account', $1)", record)

    await spoilt.execute(BINNED, ours, record)

    assert await spoilt.fetchval("select app_id_is_free('contact', $1)", record)
    with pytest.raises(asyncpg.UniqueViolationError) as refusal:
        await spoilt.fetchval("select app_id_is_free('account', $1)", record)
    assert refusal.value.constraint_name == "bin_pkey"


async def test_positions_and_the_horizon_are_moved_by_the_same_base(spoilt: asyncpg.Connection) -> None:
    await spoilt.execute("set transaction isolation level repeatable read")  # or what others do moves the horizon, too
    before = await spoilt.fetchrow("select app_settle(), app_horizon()")
    await spoilt.execute("set local app.settle_base = '1000000'")
    after = await spoilt.fetchrow("select app_settle(), app_horizon()")

    assert before is not None
    assert after is not None
    assert [new - old for new, old in zip(after, before, strict=True)] == [1_000_000, 1_000_000]


async def test_what_a_transaction_writes_is_not_settled_while_it_runs(spoilt: asyncpg.Connection) -> None:
    settle = await spoilt.fetchval("select app_settle()")

    assert not await spoilt.fetchval("select $1 < app_horizon()", settle)


@pytest.mark.parametrize("money", ["list_price = 1", "list_price_currency = 'EUR'"])
async def test_an_amount_without_its_currency_is_refused(spoilt: asyncpg.Connection, money: str) -> None:
    await spoilt.execute(PRODUCT)

    with pytest.raises(asyncpg.CheckViolationError, match="product_list_price_currency_check"):
        await spoilt.execute(f"update product set {money}")


@pytest.mark.parametrize("length", [1, 255])
async def test_an_answer_is_kept_under_its_key_for_three_days(spoilt: asyncpg.Connection, length: int) -> None:
    assert await spoilt.fetchval(STORED, "k" * length) == timedelta(hours=72)


@pytest.mark.parametrize("length", [0, 256])
async def test_a_key_of_another_length_is_refused(spoilt: asyncpg.Connection, length: int) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="idempotency_key_check"):
        await spoilt.fetchval(STORED, "k" * length)
