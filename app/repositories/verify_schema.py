"""What must hold for every table, index, view and function of the database, read from its own catalog.

Each rule is a query for what breaks it. An exemption is an entry of a table below, with its reason.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

WITHOUT_TENANT = {
    "alembic_version": "one row for the whole database: its revision",
    "heartbeat": "a worker serves every tenant",
}
READ_AND_WRITTEN_ACROSS_TENANTS = {
    "event": "SELECT",  # the relay
    "idempotency": "DELETE, SELECT",  # the purge of expired answers
    "heartbeat": "DELETE, INSERT, SELECT, UPDATE",  # each worker its own row
    "work": "DELETE, INSERT, SELECT, UPDATE",  # claims
    "work_target": "INSERT, SELECT, UPDATE",  # what a target bears decides what is claimed
    "relay_position": "INSERT, SELECT, UPDATE",  # the relay
    "webhook_endpoint": "SELECT",  # the relay asks who wants an event
    "webhook_secret": "SELECT",  # deliveries are signed
    "webhook_state": "SELECT, UPDATE",  # deliveries tell how an endpoint fares
    "webhook_delivery": "DELETE, INSERT, SELECT, UPDATE",  # the relay makes them, workers settle and purge them
}
SHOWN_TO_THE_APPLICATION = {
    "heartbeat": "the metrics tell when a worker last lived; it holds no data of a tenant",
}
INDEXES_WITHOUT_TENANT = {
    "alembic_version_pkc": "no tenant table",
    "heartbeat_pkey": "no tenant table",
    "event_relay": "the relay walks the events of all tenants in their one order",
    "api_key_lookup": "a key is looked up before its tenant is known",
    "form_key_lookup": "a form is looked up by its key before its tenant is known",
    "idempotency_expires_at_idx": "the purge walks the expired answers of all tenants",
    "work_due": "a claim of one kind of work walks from tenant to tenant",
    "work_time": "a claim looks whether anything of its kind is due, of whatever tenant",
    "webhook_delivery_age": "the purge walks the old deliveries of all tenants",
    "assignment_decision_age": "the purge walks the old decisions of all tenants",
    "score_change_age": "the purge walks the old scores of all tenants",
    "forecast_snapshot_age": "the purge walks the old days of all tenants",
}
LESS_THAN_EVERYTHING = {
    "alembic_version": "SELECT",  # readiness compares revisions
    "heartbeat": "SELECT",
    "tenant": "INSERT, SELECT, UPDATE",
    "event": "INSERT, SELECT",  # append-only
    "bin": "DELETE, INSERT, SELECT",
    "idempotency": "INSERT, SELECT",
    "relay_position": "INSERT, SELECT, UPDATE",
    "form_secret": "INSERT, SELECT",  # it stays what it is, and while the form lies in the bin
    "unconfirmed_submission": "DELETE, INSERT, SELECT",
    "job": "INSERT, SELECT, UPDATE",
    "webhook_state": "INSERT, SELECT, UPDATE",
    "assignment_state": "INSERT, SELECT, UPDATE",
    "quote_number": "INSERT, SELECT, UPDATE",
    "assignment_decision": "INSERT, SELECT",  # what was decided stays
    "behaviour_event": "INSERT, SELECT",  # what was done stays
    "score_change": "INSERT, SELECT",
}
DEFINER_FUNCTIONS = {
    "auth_lookup(uuid)": "looks a key up before its tenant is known",
    "form_lookup(text)": "looks a form up by its key before its tenant is known",
    "app_viewers(uuid[],uuid[])": "tells workers, who may not read users, what these may be told",
}
VOLATILITY = {
    "app_tenant()": "s",
    "app_settle()": "v",  # a transaction id of its own for every transaction
    "app_horizon()": "s",  # evaluated anew it would be later than the snapshot of the rows, and skip some
    "app_id_is_free(text, uuid)": "v",  # with a snapshot of its own
}


@dataclass(frozen=True)
class Rule:
    """`sql` answers one text for each breach."""

    name: str
    sql: str
    arguments: tuple[Any, ...] = ()

    async def breaches(self, connection: asyncpg.Connection) -> list[str]:
        encoded = [orjson.dumps(one).decode() if isinstance(one, dict) else one for one in self.arguments]
        return [row[0] for row in await connection.fetch(self.sql, *encoded)]


# What belongs to an extension is its own affair.
OURS = """
  c.relnamespace = 'public'::regnamespace
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
"""
OUR_FUNCTIONS = """
  p.pronamespace = 'public'::regnamespace
  and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
"""
PRIVILEGES = """
  (select coalesce(string_agg(distinct a.privilege_type, ', ' order by a.privilege_type), '')
     from aclexplode(c.relacl) a where a.grantee = '{role}'::regrole)
"""

QUERIES = (
    Rule(
        "row-level security is enabled and forced on every table and partition",
        f"""
            select c.relname from pg_class c
             where {OURS} and c.relkind in ('r', 'p') and c.relname <> 'alembic_version'
               and not (c.relrowsecurity and c.relforcerowsecurity)""",
    ),
    Rule(
        "every table has a tenant",
        f"""
            select c.relname from pg_class c
             where {OURS} and c.relkind in ('r', 'p') and not c.relname = any($1)
               and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id'
                                and a.attnotnull and a.atttypid = 'uuid'::regtype)""",
        (list(WITHOUT_TENANT),),
    ),
    Rule(
        "a tenant table has the policies of tenant and owner and no other",
        f"""
            select c.relname || ': ' || coalesce(p.policyname, 'none') from pg_class c
              left join pg_policies p on p.schemaname = 'public' and p.tablename = c.relname
             where {OURS} and c.relkind in ('r', 'p') and not c.relispartition and c.relname <> 'alembic_version'
               and ((p.policyname, p.roles, p.permissive, p.cmd, p.qual, p.with_check) in (
                      ('tenant', '{{rapport_app}}', 'PERMISSIVE', 'ALL', '(tenant_id = app_tenant())',
                       '(tenant_id = app_tenant())'),
                      ('owner', '{{rapport_owner}}', 'PERMISSIVE', 'ALL', 'true', 'true')) is not true
                    and not (p.policyname = 'work' and p.roles = '{{rapport_work}}' and c.relname = any($2))
                    and not (p.policyname = 'shown' and p.roles = '{{rapport_app}}' and p.cmd = 'SELECT'
                             and c.relname = any($3)))
            union all
            select c.relname || ' lacks ' || wanted from pg_class c
             cross join unnest(array['tenant', 'owner']) wanted
             where {OURS} and c.relkind in ('r', 'p') and not c.relispartition and not c.relname = any($1)
               and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = wanted)
            union all
            select c.relname || ' is a partition with a policy' from pg_class c join pg_policy p on p.polrelid = c.oid
             where {OURS} and c.relispartition""",
        (
            list(WITHOUT_TENANT),
            list(READ_AND_WRITTEN_ACROSS_TENANTS),
            list(SHOWN_TO_THE_APPLICATION),
        ),
    ),
    Rule(
        "the roles have no powers of their own",
        """
            select rolname from pg_roles where rolname in ('rapport_owner', 'rapport_app', 'rapport_work')
               and (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or rolcreatedb or rolreplication)
            union all
            select m.roleid::regrole || ' is granted to ' || m.member::regrole from pg_auth_members m
             where m.member in (select oid from pg_roles where rolname in ('rapport_owner', 'rapport_app', 'rapport_work'))
            union all
            select 'there are only ' || count(*) || ' roles' from pg_roles
             where rolname in ('rapport_owner', 'rapport_app', 'rapport_work') having count(*) <> 3""",
    ),
    Rule(
        "everything belongs to rapport_owner",
        f"""
            select c.relname from pg_class c where {OURS} and c.relowner <> 'rapport_owner'::regrole
            union all
            select p.proname from pg_proc p where {OUR_FUNCTIONS} and p.proowner <> 'rapport_owner'::regrole
            union all
            select t.typname from pg_type t where t.typnamespace = 'public'::regnamespace and t.typname like 'app%'
               and t.typowner <> 'rapport_owner'::regrole""",
    ),
    Rule(
        "the application may do what is listed for a table and nothing with a partition",
        f"""
            select c.relname || ': ' || granted.rights from pg_class c
             cross join lateral (select {PRIVILEGES.format(role="rapport_app")} as rights) granted
             where {OURS} and c.relkind in ('r', 'p', 'v', 'm')
               and granted.rights <> case when c.relispartition then ''
                                          when c.relkind in ('v', 'm') then 'SELECT'
                                          else coalesce($1::jsonb ->> c.relname, 'DELETE, INSERT, SELECT, UPDATE') end""",
        (LESS_THAN_EVERYTHING,),
    ),
    Rule(
        "the work role may do what is listed for a table and nothing else",
        f"""
            select c.relname || ': ' || granted.rights from pg_class c
             cross join lateral (select {PRIVILEGES.format(role="rapport_work")} as rights) granted
             where {OURS} and c.relkind in ('r', 'p', 'v', 'm')
               and granted.rights <> coalesce($1::jsonb ->> c.relname, '')""",
        (READ_AND_WRITTEN_ACROSS_TENANTS,),
    ),
    Rule(
        "nothing is granted to everybody, nor in advance",
        f"""
            select c.relname from pg_class c cross join aclexplode(c.relacl) a
             where {OURS} and a.grantee not in (select oid from pg_roles
                                                 where rolname in ('rapport_owner', 'rapport_app', 'rapport_work'))
            union all
            select 'default privileges in ' || d.defaclnamespace from pg_default_acl d""",
    ),
    Rule(
        "the key of a tenant table begins with the tenant",
        f"""
            select c.relname from pg_class c
             where {OURS} and c.relkind in ('r', 'p') and not c.relname = any($1)
               and not exists (
                 select from pg_index i where i.indrelid = c.oid and i.indisprimary
                    and (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = i.indkey[0])
                        = 'tenant_id')""",
        (list(WITHOUT_TENANT),),
    ),
    Rule(
        "every index begins with the tenant, but for those listed",
        f"""
            select x.relname from pg_index i
              join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
             where {OURS} and not x.relname = any($1) and not c.relispartition
               and (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = i.indkey[0])
                   is distinct from 'tenant_id'""",
        (list(INDEXES_WITHOUT_TENANT),),
    ),
    Rule(
        "text is indexed by code point",
        f"""
            select x.relname from pg_index i
              join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
              join pg_am m on m.oid = x.relam and m.amname = 'btree'
             where {OURS} and c.relname <> 'alembic_version'
               and exists (select from unnest(i.indcollation::oid[]) o where o <> 0 and o <> '"C"'::regcollation)""",
    ),
    Rule(
        "a foreign key holds the tenant of both sides, is named after its column and has an index",
        f"""
            select k.conname from pg_constraint k join pg_class c on c.oid = k.conrelid
             where {OURS} and k.contype = 'f' and k.conparentid = 0
               and not (k.conname = c.relname || '_' || (select a.attname from pg_attribute a
                                                          where a.attrelid = c.oid and a.attnum = k.conkey[2]) || '_fkey'
                        and (select a.attname from pg_attribute a where a.attrelid = c.oid and a.attnum = k.conkey[1])
                            = 'tenant_id'
                        and (select a.attname from pg_attribute a where a.attrelid = k.confrelid and a.attnum = k.confkey[1])
                            = 'tenant_id'
                        and exists (select from pg_index i where i.indrelid = c.oid
                                     and i.indkey[0] = k.conkey[1] and i.indkey[1] = k.conkey[2]))""",
    ),
    Rule(
        "who created or changed a record is no foreign key",
        f"""
            select k.conname from pg_constraint k join pg_class c on c.oid = k.conrelid
             where {OURS} and k.contype = 'f'
               and exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum = any(k.conkey)
                            and a.attname in ('created_by', 'modified_by'))""",
    ),
    Rule(
        "an amount is null together with its currency",
        f"""
            select c.relname || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
             where {OURS} and c.relkind in ('r', 'p') and a.attname like '%\\_currency'
               and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'c'
                                and a.attnum = any(k.conkey) and array_length(k.conkey, 1) = 2)""",
    ),
    Rule(
        "only listed functions run as their owner, with a fixed search path, and not for everybody",
        f"""
            select p.oid::regprocedure::text from pg_proc p
             where {OUR_FUNCTIONS} and p.prosecdef
               and not (p.oid::regprocedure::text = any($1)
                        and 'search_path=public, pg_temp' = any(coalesce(p.proconfig, '{{}}'))
                        and p.proacl is not null
                        and not exists (select from aclexplode(p.proacl) a where a.grantee = 0))""",
        (list(DEFINER_FUNCTIONS),),
    ),
    Rule(
        "functions see the snapshot they must see",
        """
            select wanted.key from jsonb_each_text($1::jsonb) wanted
             where (select p.provolatile from pg_proc p where p.oid = to_regprocedure(wanted.key))
                   is distinct from wanted.value::"char" """,
        (VOLATILITY,),
    ),
    Rule(
        "there are no triggers, rules or materialised views",
        f"""
            select t.tgname from pg_trigger t where not t.tgisinternal
            union all
            select r.rulename from pg_rewrite r join pg_class c on c.oid = r.ev_class
             where {OURS} and r.rulename <> '_RETURN'
            union all
            select c.relname from pg_class c where {OURS} and c.relkind = 'm'""",
    ),
    Rule(
        "no event lies in the default partition",
        "select id::text from event where tableoid = to_regclass('event_default')",
    ),
)


class ReadViews:
    """Every tenant table has its read view, which shows all of its columns for one tenant; there is no other view.

    The database prints both definitions, so that its version does not matter.
    """

    name = "a view is the read view of its table, exactly"

    async def breaches(self, connection: asyncpg.Connection) -> list[str]:
        expected = {f"{table}_read" for table in await connection.fetchval(TENANT_TABLES, list(WITHOUT_TENANT))}
        views = {row["relname"]: row["definition"] for row in await connection.fetch(VIEWS)}
        breaches = sorted(expected ^ views.keys())
        for view in sorted(expected & views.keys()):
            if views[view] != await self._expected(connection, view.removesuffix("_read")):
                breaches.append(view)
        return breaches

    async def _expected(self, connection: asyncpg.Connection, table: str) -> str:
        columns = await connection.fetchval(COLUMNS, table)
        await connection.execute(
            f'create view expected_view as select {columns} from "{table}" where tenant_id = app_tenant()'
        )
        definition = await connection.fetchval("select pg_get_viewdef('expected_view'::regclass)")
        await connection.execute("drop view expected_view")
        return str(definition)


async def faults(connection: asyncpg.Connection) -> list[str]:
    """What breaks a rule, in a transaction that is rolled back: views are compared with ones made for that."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        return [f"{rule.name}: {breach}" for rule in RULES for breach in await rule.breaches(connection)]
    finally:
        await transaction.rollback()


TENANT_TABLES = f"""
select array_agg(c.relname::text) from pg_class c
 where {OURS} and c.relkind in ('r', 'p') and not c.relispartition and not c.relname = any($1)
"""
VIEWS = f"""
select c.relname, coalesce(c.reloptions::text, '') || pg_get_viewdef(c.oid) as definition
  from pg_class c where {OURS} and c.relkind = 'v'
"""
COLUMNS = """
select string_agg(quote_ident(attname), ', ' order by attnum)
  from pg_attribute where attrelid = quote_ident($1)::regclass and attnum > 0 and not attisdropped
"""

RULES = (*QUERIES, ReadViews())
