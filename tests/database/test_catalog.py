"""RELIABILITY S2: the database itself refuses what the code forgets, for every table there is."""

import re
from pathlib import Path

import asyncpg
import pytest

import app
from app.repositories.verify_schema import RULES, ReadViews, Rule

ROW_SECURITY = "alter table loose enable row level security; alter table loose force row level security;"
LOOSE = "create table loose (tenant_id uuid not null, id uuid not null, name text, primary key (tenant_id, id));"

# For each rule what must make it fail; `%` in a rule's name is nothing special.
PLANTED = {
    "row-level security is enabled and forced on every table and partition": [
        LOOSE,
        "alter table account no force row level security",
        "alter table event_default disable row level security",
    ],
    "every table has a tenant": ["create table loose (id uuid primary key)"],
    "a tenant table has the policies of tenant and owner and no other": [
        LOOSE,
        "create policy everybody on account to rapport_app using (true)",
        "drop policy owner on account",
        "alter policy tenant on account with check (true)",
        "create policy work on account to rapport_work using (true)",
        "create policy tenant on event_default to rapport_app using (tenant_id = app_tenant())",
        "create policy shown on account for select to rapport_app using (true)",
        "alter policy shown on heartbeat to rapport_owner",
        "drop policy owner on account; create policy owner on account to public using (true) with check (true)",
        (
            "drop policy tenant on account; create policy tenant on account for select to rapport_app"
            " using (tenant_id = app_tenant())"
        ),
    ],
    "the roles have no powers of their own": [
        "alter role rapport_app bypassrls",
        "alter role rapport_work superuser",
        "grant rapport_owner to rapport_app",
    ],
    "everything belongs to rapport_owner": [
        LOOSE,
        "alter view account_read owner to rapport_app",
        "alter function app_horizon() owner to rapport_app",
        "alter sequence event_seq owner to rapport_app",
        "alter type app_money owner to rapport_app",
    ],
    "the application may do what is listed for a table and nothing with a partition": [
        "grant update on event to rapport_app",
        "grant select on event_default to rapport_app",
        "grant truncate on account to rapport_app",
        "grant insert on account_read to rapport_app",
        "revoke delete on account from rapport_app",
        "grant update on heartbeat to rapport_app",
    ],
    "the work role may do what is listed for a table and nothing else": [
        "grant select on account to rapport_work",
        "grant delete on event to rapport_work",
    ],
    "nothing is granted to everybody, nor in advance": [
        "grant select on account to public",
        "alter default privileges in schema public grant select on tables to public",
    ],
    "the key of a tenant table begins with the tenant": [
        "create table loose (tenant_id uuid not null, id uuid primary key)",
        "create table loose (tenant_id uuid not null, id uuid)",
    ],
    "every index begins with the tenant, but for those listed": [
        "create index account_loose on account (modified_at, tenant_id)",
        "create unique index account_loose on account (website, id)",
        "create index account_loose on account ((tenant_id::text))",
    ],
    "text is indexed by code point": ["create index account_loose on account (tenant_id, country)"],
    "a foreign key holds the tenant of both sides, is named after its column and has an index": [
        LOOSE + "alter table loose add view_id uuid; create unique index on saved_view (id);"
        "alter table loose add constraint loose_view_id_fkey foreign key (view_id) references saved_view (id)",
        "alter table account rename constraint account_parent_id_fkey to account_parent",
        "drop index account_parent_id_idx",
    ],
    "who created or changed a record is no foreign key": [
        'alter table account add foreign key (tenant_id, created_by) references "user" (tenant_id, id)'
    ],
    "an amount is null together with its currency": [
        "alter table product drop constraint product_list_price_currency_check"
    ],
    "only listed functions run as their owner, with a fixed search path, and not for everybody": [
        "create function loose() returns int language sql security definer set search_path = public, pg_temp return 1",
        "alter function auth_lookup(uuid) reset search_path",
        "alter function auth_lookup(uuid) set search_path = public",
        "grant execute on function auth_lookup(uuid) to public",
        "create procedure loose() language sql security definer as 'select 1'",
    ],
    "functions see the snapshot they must see": [
        "alter function app_horizon() volatile",
        "alter function app_settle() stable",
        "drop function app_id_is_free(text, uuid)",
    ],
    "there are no triggers, rules or materialised views": [
        (
            "create function loose() returns trigger language plpgsql as 'begin return new; end';"
            "create trigger loose before insert on account for each row execute function loose()"
        ),
        "create rule loose as on delete to account do instead nothing",
        "create materialized view loose as select 1 as one",
    ],
    "no event lies in the default partition": [
        (
            "insert into event (tenant_id, id, settle, at, object, record_id, version, type, origin, changes, data) values"
            " (gen_random_uuid(), 'ffffffff-ffff-7fff-bfff-ffffffffffff', 1, now(), 'account', gen_random_uuid(), 1, 'x', 'x',"
            " '{}', '{}')"
        )
    ],
    "a view is the read view of its table, exactly": [
        LOOSE,
        "create view loose as select 1 as one",
        "create or replace view account_read as select * from account",
        "create or replace view account_read as select * from account where tenant_id = app_tenant() or name = 'x'",
        "alter table account add loose text",
        "alter view account_read set (security_barrier = true)",
        "alter view account_read set (security_invoker = true)",
    ],
}

OWNER_NAMED = re.compile(r"rapport_owner|from app.repositories.tenant_table import .*\bOWNER\b")
ACTS_AS_OWNER = {
    "repositories/tenant_table.py": "names the roles for the others",
    "repositories/migrate.py": "`crm migrate`",
    "repositories/verify.py": "`crm verify` reads the records of every tenant",
    "repositories/verify_schema.py": "the schema that `crm verify` expects names the roles",
    "repositories/tenants.py": "`crm up` asks who administers what is there before it serves",
    "workers/housekeeping.py": "makes the months of the event log ahead of time",
}


@pytest.mark.quick
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_holds_for_the_migrated_database(spoilt: asyncpg.Connection, rule: Rule | ReadViews) -> None:
    assert await rule.breaches(spoilt) == []


@pytest.mark.parametrize(
    ("rule", "planted"),
    [(rule, one) for rule in RULES for one in PLANTED[rule.name]],
    ids=lambda part: getattr(part, "name", part),
)
async def test_sees_what_breaks_it(spoilt: asyncpg.Connection, rule: Rule | ReadViews, planted: str) -> None:
    await spoilt.execute(planted)

    assert await rule.breaches(spoilt) != []


def test_only_those_listed_act_as_the_owner() -> None:
    """Row-level security holds for the others: the owner has a policy for every row."""
    package = Path(app.__file__).parent
    mentions = {
        str(path.relative_to(package)) for path in package.rglob("*.py") if OWNER_NAMED.search(path.read_text())
    }

    assert mentions <= ACTS_AS_OWNER.keys()
    assert {"repositories/migrate.py", "workers/housekeeping.py"} <= mentions
