"""Tenants and their keys, the first five objects, and what lies beside every record: log, bin, stored answers."""

from collections.abc import Iterable
from typing import Any

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.repositories.tenant_table import across_tenants, tenant_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MONTHS_AHEAD = 3
NOW = text("now()")

# app.settle_base is set on the database after a restore into another cluster, whose transaction ids start again.
# app_horizon() is STABLE on purpose: it must see the same snapshot as the rows it is compared with.
# app_money is how a projection shows an amount.
FOUNDATION = (
    """
    CREATE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
      RETURN nullif(current_setting('app.tenant', true), '')::uuid
    """,
    """
    CREATE FUNCTION app_settle_base() RETURNS bigint LANGUAGE sql STABLE
      RETURN coalesce(nullif(current_setting('app.settle_base', true), ''), '0')::bigint
    """,
    """
    CREATE FUNCTION app_settle() RETURNS bigint LANGUAGE sql VOLATILE
      RETURN pg_current_xact_id()::text::bigint + app_settle_base()
    """,
    """
    CREATE FUNCTION app_horizon() RETURNS bigint LANGUAGE sql STABLE
      RETURN pg_snapshot_xmin(pg_current_snapshot())::text::bigint + app_settle_base()
    """,
    "CREATE TYPE app_money AS (amount text, currency text)",
    "CREATE SEQUENCE event_seq CACHE 1",
    "GRANT USAGE ON SEQUENCE event_seq TO rapport_app",
)

# A month holds the ids from the smallest UUIDv7 of its first millisecond on. Rows are reached through the parent only.
# The default partition stays empty: a row in it says that a month was not made in time.
EVENT_MONTHS = (
    """
    CREATE PROCEDURE app_add_event_month(month date) LANGUAGE plpgsql AS $$
    DECLARE
      first date := date_trunc('month', month::timestamp);
      name text := 'event_' || to_char(first, 'YYYY_MM');
      low uuid := (lpad(to_hex((extract(epoch FROM first) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
      high uuid := (lpad(to_hex((extract(epoch FROM first + interval '1 month') * 1000)::bigint), 12, '0')
                    || repeat('0', 20))::uuid;
    BEGIN
      IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF event FOR VALUES FROM (%L) TO (%L)', name, low, high);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
      END IF;
    END $$
    """,
    "REVOKE ALL ON PROCEDURE app_add_event_month(date) FROM PUBLIC",
    "CREATE TABLE event_default PARTITION OF event DEFAULT",
    "ALTER TABLE event_default ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE event_default FORCE ROW LEVEL SECURITY",
)

# An id that lies in the bin stays taken: its versions go on when it is restored. VOLATILE PL/pgSQL, so that it looks
# with a fresh snapshot after the insert has waited for a delete of the same id.
ID_IS_FREE = """
CREATE FUNCTION app_id_is_free(wanted_object text, wanted_id uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF EXISTS (SELECT FROM bin WHERE tenant_id = app_tenant() AND object = wanted_object AND record_id = wanted_id) THEN
    RAISE unique_violation USING CONSTRAINT = 'bin_pkey';
  END IF;
  RETURN true;
END $$
"""

# Runs before the tenant is known, hence as the owner; it shows what belongs to one key and nothing else.
AUTH_LOOKUP = (
    """
    CREATE FUNCTION auth_lookup(key_id uuid)
      RETURNS TABLE (tenant_id uuid, user_id uuid, role text, digest bytea, scopes text[],
                     rate_limit_per_minute integer, schema_version bigint)
      LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
      BEGIN ATOMIC
        SELECT k.tenant_id, k.user_id, u.role, k.digest, k.scopes, k.rate_limit_per_minute, t.schema_version
          FROM api_key k
          JOIN "user" u ON u.tenant_id = k.tenant_id AND u.id = k.user_id
          JOIN tenant t ON t.tenant_id = k.tenant_id
         WHERE k.id = key_id AND (k.expires_at IS NULL OR k.expires_at > now()) AND u.status = 'active';
      END
    """,
    "REVOKE ALL ON FUNCTION auth_lookup(uuid) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION auth_lookup(uuid) TO rapport_app",
)

HEARTBEAT = (
    """
    CREATE TABLE heartbeat (
      worker_id uuid PRIMARY KEY, host text NOT NULL, pid integer NOT NULL, kind text NOT NULL,
      started_at timestamptz NOT NULL, beat_at timestamptz NOT NULL,
      horizon_lag_s double precision NOT NULL DEFAULT 0, horizon_pid integer, horizon_database text
    )
    """,
    "ALTER TABLE heartbeat ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE heartbeat FORCE ROW LEVEL SECURITY",
    "CREATE POLICY owner ON heartbeat TO rapport_owner USING (true) WITH CHECK (true)",
    # Shown on /metrics, which the application role answers: it holds no data of any tenant.
    "CREATE POLICY shown ON heartbeat FOR SELECT TO rapport_app USING (true)",
    "GRANT SELECT ON heartbeat TO rapport_app",
)


def upgrade() -> None:
    op.execute("GRANT SELECT ON alembic_version TO rapport_app")
    _run(FOUNDATION)
    _event_log()
    _governance()
    _objects()
    _beside_the_records()
    _run(AUTH_LOOKUP)
    _run(HEARTBEAT)
    _run(across_tenants("heartbeat", "select, insert, update, delete"))


def downgrade() -> None:
    op.execute("DROP FUNCTION auth_lookup(uuid), app_id_is_free(text, uuid)")
    tables = ("opportunity", "product", "contact", "account", "api_key", "user", "tenant")
    for name in (*tables, "external_id", "field_index", "idempotency", "bin", "event"):
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f'DROP TABLE "{name}"')
    op.execute("DROP TABLE heartbeat")
    op.execute("DROP PROCEDURE app_add_event_month(date)")
    op.execute("DROP SEQUENCE event_seq")
    op.execute("DROP TYPE app_money")
    op.execute("DROP FUNCTION app_horizon(), app_settle(), app_settle_base(), app_tenant()")
    op.execute("REVOKE SELECT ON alembic_version FROM rapport_app")


def _event_log() -> None:
    table = _table(
        "event",
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("settle", BigInteger, nullable=False),
        Column("seq", BigInteger, nullable=False, server_default=text("nextval('event_seq')")),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("object", Text(collation="C"), nullable=False),
        Column("record_id", Uuid, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("type", Text, nullable=False),
        Column("actor_id", Uuid),
        Column("on_behalf_of", Uuid),
        Column("origin", Text, nullable=False),
        Column("change_set_id", Uuid),
        Column("cause_id", Uuid),
        Column("cause_depth", SmallInteger, nullable=False, server_default=text("0")),
        Column("changes", JSONB, nullable=False),
        Column("data", JSONB, nullable=False),
        partition_by="RANGE (id)",
    )
    _run(tenant_table(table, grants="select, insert"))
    _run(across_tenants("event", "select"))
    op.execute("CREATE INDEX event_stream ON event (tenant_id, settle, seq)")
    op.execute("CREATE INDEX event_relay ON event (settle, seq)")
    op.execute("CREATE INDEX event_record ON event (tenant_id, object, record_id, version)")
    _run(EVENT_MONTHS)
    for month in range(MONTHS_AHEAD + 1):
        op.execute(f"CALL app_add_event_month((now() AT TIME ZONE 'UTC' + interval '{month} month')::date)")


def _governance() -> None:
    tenant = _table(
        "tenant",
        Column("tenant_id", Uuid, primary_key=True),
        Column("name", Text, nullable=False),
        Column("time_zone", Text, nullable=False),
        Column("locale", Text, nullable=False),
        Column("currency", Text, nullable=False),
        Column("schema_version", BigInteger, nullable=False, server_default=text("1")),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=NOW),
    )
    _run(tenant_table(tenant, grants="select, insert, update"))
    _record(
        "user",
        Column("name", Text, nullable=False),
        Column("email", Text, nullable=False),
        Column("manager_id", Uuid),
        Column("region", Text),
        Column("role", Text, nullable=False),
        Column("status", Text, nullable=False),
        references={"manager_id": "user"},
        unique=("email",),
        sortable=("name", "email"),
    )
    api_key = _table(
        "api_key",
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("user_id", Uuid, nullable=False),
        Column("name", Text, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("scopes", ARRAY(Text), nullable=False),
        Column("rate_limit_per_minute", Integer),
        Column("expires_at", DateTime(timezone=True)),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=NOW),
        Column("created_by", Uuid),
    )
    _run(tenant_table(api_key, references={"user_id": "user"}))
    op.execute("CREATE INDEX api_key_lookup ON api_key (id)")


def _objects() -> None:
    _record(
        "account",
        Column("name", Text, nullable=False),
        Column("industry", Text),
        Column("employees", Integer),
        Column("annual_revenue", Numeric),
        Column("annual_revenue_currency", Text),
        Column("website", Text),
        Column("status", Text, nullable=False),
        Column("parent_id", Uuid),
        Column("founded_year", Integer),
        Column("country", Text),
        references={"parent_id": "account"},
        sortable=("name", "employees", "annual_revenue", "status"),
    )
    _record(
        "contact",
        Column("first_name", Text),
        Column("last_name", Text, nullable=False),
        Column("email", Text),
        Column("phone", Text),
        Column("account_id", Uuid),
        references={"account_id": "account"},
        sortable=("last_name", "email"),
    )
    _record(
        "product",
        Column("name", Text, nullable=False),
        Column("family", Text),
        Column("list_price", Numeric),
        Column("list_price_currency", Text),
        sortable=("name", "list_price"),
    )
    _record(
        "opportunity",
        Column("name", Text, nullable=False),
        Column("account_id", Uuid),
        Column("primary_contact_id", Uuid),
        Column("product_id", Uuid),
        Column("stage", Text, nullable=False),
        Column("amount", Numeric),
        Column("amount_currency", Text),
        Column("close_date", Date),
        Column("engage_date", Date),
        Column("probability", Integer),
        references={"account_id": "account", "primary_contact_id": "contact", "product_id": "product"},
        sortable=("name", "amount", "close_date", "stage"),
    )


def _beside_the_records() -> None:
    _bin()
    _idempotency()
    _external_id()
    _field_index()


def _bin() -> None:
    table = _table(
        "bin",
        Column("tenant_id", Uuid, primary_key=True),
        Column("object", Text(collation="C"), primary_key=True),
        Column("record_id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("deleted_at", DateTime(timezone=True), nullable=False),
        Column("deleted_by", Uuid),
        Column("data", JSONB, nullable=False),
    )
    _run(tenant_table(table, grants="select, insert, delete"))
    op.execute(ID_IS_FREE)


def _idempotency() -> None:
    """The body is JSON, not JSONB: a replay repeats its bytes."""
    table = _table(
        "idempotency",
        Column("tenant_id", Uuid, primary_key=True),
        Column("actor_id", Uuid, primary_key=True),
        Column("key", Text(collation="C"), primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("status", SmallInteger, nullable=False),
        Column("record_id", Uuid),
        Column("version", BigInteger),
        Column("shape", Text),
        Column("body", JSON),
        Column(
            "expires_at", DateTime(timezone=True), nullable=False, server_default=text("now() + interval '72 hours'")
        ),
        CheckConstraint("length(key) BETWEEN 1 AND 255", name="idempotency_key_check"),
    )
    _run(tenant_table(table, grants="select, insert"))
    _run(across_tenants("idempotency", "select, delete"))
    op.execute("CREATE INDEX idempotency_expires_at_idx ON idempotency (expires_at)")


def _external_id() -> None:
    table = _table(
        "external_id",
        Column("tenant_id", Uuid, primary_key=True),
        Column("object", Text(collation="C"), primary_key=True),
        Column("system", Text(collation="C"), primary_key=True),
        Column("value", Text(collation="C"), primary_key=True),
        Column("record_id", Uuid, nullable=False),
    )
    _run(tenant_table(table))
    op.execute("CREATE INDEX external_id_record_id_idx ON external_id (tenant_id, object, record_id)")


def _field_index() -> None:
    table = _table(
        "field_index",
        Column("tenant_id", Uuid, primary_key=True),
        Column("field_id", Uuid, primary_key=True),
        Column("record_id", Uuid, primary_key=True),
        Column("text_value", Text(collation="C")),
        Column("number_value", Numeric),
        Column("unique_value", Text(collation="C")),
    )
    _run(tenant_table(table))
    for statement in (
        "CREATE UNIQUE INDEX field_index_unique_value_key ON field_index (tenant_id, field_id, unique_value)",
        "CREATE INDEX field_index_text_value_idx ON field_index (tenant_id, field_id, text_value, record_id)",
        "CREATE INDEX field_index_number_value_idx ON field_index (tenant_id, field_id, number_value, record_id)",
    ):
        op.execute(statement)


def _record(name: str, *columns: Column[Any], references: dict[str, str] | None = None, **keys: Any) -> None:
    """What every record has, with the columns of its object."""
    table = _table(
        name,
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("settle", BigInteger, nullable=False),
        Column("owner_id", Uuid),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("created_by", Uuid),
        Column("modified_at", DateTime(timezone=True), nullable=False),
        Column("modified_by", Uuid),
        Column("external_ids", JSONB, nullable=False, server_default=text("'{}'")),
        Column("custom", JSONB, nullable=False, server_default=text("'{}'")),
        Column("search", Text),
        *columns,
    )
    keys["sortable"] = ("created_at", "modified_at", *keys.get("sortable", ()))
    _run(tenant_table(table, references={"owner_id": "user", **(references or {})}, **keys))


def _table(name: str, *parts: Column[Any] | CheckConstraint, partition_by: str | None = None) -> Table:
    return Table(name, MetaData(), *parts, postgresql_partition_by=partition_by)


def _run(statements: Iterable[str]) -> None:
    for statement in statements:
        op.execute(statement)
