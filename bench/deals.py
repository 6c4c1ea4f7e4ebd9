"""A tenant with a million opportunities: what a sales team looks at in the morning."""

import asyncio
import json
from typing import Final

import asyncpg

from app.domain.governance.service import digest_of
from bench import rows
from bench.fill import SCOPES, Data, Tenant, an_id, dropped_indexes, stages

NUMBER: Final = 2_000
DEALS, ACCOUNTS, REPRESENTATIVES, PER_MANAGER = 1_000_000, 50_000, 300, 15
TABLES: Final = ("account", "contact", "opportunity", "stage_history")
_ID, _USER = rows.ID, rows.USER
_LARGE: Final = 4_096  # beyond every number of a tenant, so that deals have many owners

_INSERT_USERS = f"""
insert into "user" (tenant_id, id, version, settle, created_at, modified_at, name, email, role, status, manager_id)
select $1, {_ID.format(_USER, NUMBER, "n")}, 1, 1, now(), now(), 'User ' || n, 'user' || n || '@deals.example',
       case when n = 1 then 'admin' else 'member' end, 'active',
       case when n > 1 then {_ID.format(_USER, NUMBER, f"1 + (n - 2) / {PER_MANAGER}")} end
  from generate_series(1, {REPRESENTATIVES}) n
"""
_INSERT_PIPELINE = f"""
insert into pipeline (tenant_id, id, version, settle, created_at, modified_at, name, is_default, stages, won_reasons,
                      lost_reasons, reopen_role)
values ($1, {_ID.format(rows.PIPELINE, NUMBER, 1)}, 1, 1, now(), now(), 'Sales', true, $2, '{{}}', '{{}}', 'admin')
"""
_INSERT_STAGES = """
insert into pipeline_stage (tenant_id, pipeline_id, key)
select tenant_id, id, one ->> 'key' from pipeline, jsonb_array_elements(stages) one where tenant_id = $1
"""
# Each deal came in by the first stage, passed the second, and is in its own since: two or three stays of most.
_INSERT_STAYS = """
insert into stage_history (tenant_id, opportunity_id, id, pipeline_id, stage, entered_at, left_at, amount, amount_currency,
                           probability, owner_id, close_date, imported)
select tenant_id, id, gen_random_uuid(), pipeline_id, way[place], created_at + spent * (place - 1),
       case when place < cardinality(way) then created_at + spent * place end, amount, amount_currency, probability,
       owner_id, close_date, false
  from opportunity
 cross join lateral (select case stage when 'prospecting' then array[stage] when 'engaging' then array['prospecting', stage]
                            else array['prospecting', 'engaging', stage] end as way,
                            (10 + ('x' || right(id::text, 4))::bit(16)::int % 50) * interval '1 day' as spent) ways
 cross join lateral generate_subscripts(way, 1) place
 where tenant_id = $1
"""
_INSERT_QUOTAS = f"""
insert into quota (tenant_id, id, version, settle, created_at, modified_at, user_id, period, scope, amount, amount_currency)
select $1, gen_random_uuid(), 1, 1, now(), now(), {_ID.format(_USER, NUMBER, "n")}, '2026-Q' || q, 'own', 900000, 'EUR'
  from generate_series(1, {REPRESENTATIVES}) n, generate_series(1, 4) q
"""
_INSERT_RATES = """
insert into exchange_rate (tenant_id, id, version, settle, created_at, modified_at, currency, valid_from, rate)
select $1, gen_random_uuid(), 1, 1, now(), now(), 'USD', day, 0.9 + random() / 10
  from generate_series(date '2024-01-01', date '2026-12-31', interval '7 days') day
"""
# Every third deal is in another currency, and what is closed was so in time.
_CURRENCY = "case when ('x' || right(id::text, 4))::bit(16)::int % 3 = 0 then 'USD' else 'EUR' end"
_VARIED = f"""
update opportunity set closed_at = case when status <> 'open' then close_date + interval '9 hours' end,
       amount_currency = case when amount is not null then {_CURRENCY} end,
       expected_amount_currency = case when expected_amount is not null then {_CURRENCY} end
 where tenant_id = $1
"""


def tenant_of(data: Data) -> Tenant:
    return data.tenant(NUMBER, DEALS)


def filled(admin_url: str, data: Data) -> Tenant:
    tenant = tenant_of(data)
    asyncio.run(_filled(admin_url, tenant))
    return tenant


async def _filled(admin_url: str, tenant: Tenant) -> None:
    """Once in the life of a database."""
    connection = await asyncpg.connect(admin_url)
    try:
        if await connection.fetchval("select true from tenant where tenant_id = $1", tenant.id):
            return
        await connection.execute("set session_replication_role = replica; set synchronous_commit = off")
        await connection.execute("set maintenance_work_mem = '512MB'")
        await connection.execute(rows.NAMES)
        await connection.execute("select setseed(0.42)")
        indexes = await dropped_indexes(connection, TABLES)
        await _fill(connection, tenant)
        for index in indexes:
            await connection.execute(index)
        for table in (*TABLES, "user", "quota", "exchange_rate"):
            await connection.execute(f'vacuum (analyze) "{table}"')
        await connection.execute(rows.INSERT_TENANT, tenant.id, "Deals")
        await connection.execute("checkpoint")
    finally:
        await connection.close()


async def _fill(connection: asyncpg.Connection, tenant: Tenant) -> None:
    await connection.execute(_INSERT_USERS, tenant.id)
    await connection.execute(_INSERT_PIPELINE, tenant.id, json.dumps(stages()))
    await connection.execute(_INSERT_STAGES, tenant.id)
    key = (tenant.id, an_id(rows.KEY, NUMBER, 1), tenant.user_id, digest_of(tenant.key), [*SCOPES, "admin"])
    await connection.execute(rows.INSERT_KEY, *key)
    given = {"first": NUMBER, "last": NUMBER, "users": REPRESENTATIVES, "large": _LARGE}
    given |= {"contacts": ACCOUNTS, "accounts": ACCOUNTS, "opportunities": DEALS}
    for statement in (rows.INSERT_ACCOUNTS, rows.INSERT_CONTACTS, rows.INSERT_OPPORTUNITIES):
        await connection.execute(statement.format(**given))
    for statement in (_VARIED, _INSERT_STAYS, _INSERT_QUOTAS, _INSERT_RATES):
        await connection.execute(statement, tenant.id)
