"""Accounts and contacts in full, relations between them, and what each organisation does about duplicates."""

from alembic import op
from sqlalchemy import BigInteger, Column, Date, DateTime, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import read_view, search_document, tenant_table

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

RECORD = (
    *("tenant_id", "id", "version", "settle", "owner_id", "created_at", "created_by", "modified_at", "modified_by"),
    *("external_ids", "custom"),
)
ACCOUNT = (
    *("name", "industry", "employees", "annual_revenue", "annual_revenue_currency", "website", "status"),
    *("parent_id", "founded_year", "country"),
)
CONTACT = ("first_name", "last_name", "email", "phone", "account_id")
TENANT = ("tenant_id", "name", "time_zone", "locale", "currency", "schema_version", "created_at")
LIST, FALSE = "jsonb NOT NULL DEFAULT '[]'", "boolean NOT NULL DEFAULT false"
NEW_OF_ACCOUNT = {"phone": "text", "size": "text", "description": "text", "tags": LIST, "addresses": LIST}
NEW_OF_CONTACT = {
    "title": "text",
    "reports_to_id": "uuid",
    "other_emails": LIST,
    "other_phones": LIST,
    "addresses": LIST,
    "social_profiles": LIST,
    "birthday": "date",
    "do_not_email": FALSE,
    "do_not_call": FALSE,
    "time_zone": "text",
    "locale": "text",
    "description": "text",
    "tags": LIST,
}
SEARCHED = {"account": ("name", "website"), "contact": ("first_name", "last_name", "email", "phone")}
POLICIES = "duplicate_policies"
EMPTY = text("'{}'")

# The body of 0003 with one column more.
LOOKUP = """
CREATE FUNCTION auth_lookup(key_id uuid)
  RETURNS TABLE (tenant_id uuid, user_id uuid, role text, digest bytea, scopes text[],
                 rate_limit_per_minute integer, schema_version bigint, time_zone text{column})
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT k.tenant_id, k.user_id, u.role, k.digest, k.scopes, k.rate_limit_per_minute, t.schema_version, t.time_zone{value}
      FROM api_key k
      JOIN "user" u ON u.tenant_id = k.tenant_id AND u.id = k.user_id
      JOIN tenant t ON t.tenant_id = k.tenant_id
     WHERE k.id = key_id AND (k.expires_at IS NULL OR k.expires_at > now()) AND u.status = 'active';
  END
"""


def upgrade() -> None:
    _widen("account", NEW_OF_ACCOUNT, (*RECORD, *ACCOUNT), (*SEARCHED["account"], "phone"))
    _widen("contact", NEW_OF_CONTACT, (*RECORD, *CONTACT), SEARCHED["contact"])
    op.execute("CREATE INDEX contact_reports_to_id_idx ON contact (tenant_id, reports_to_id, id)")
    op.execute(
        "ALTER TABLE contact ADD CONSTRAINT contact_reports_to_id_fkey FOREIGN KEY (tenant_id, reports_to_id) "
        "REFERENCES contact (tenant_id, id)"
    )
    _relations()
    op.execute(f"ALTER TABLE tenant ADD COLUMN {POLICIES} jsonb NOT NULL DEFAULT '{{}}'")
    op.execute(read_view("tenant", (*TENANT, POLICIES)))
    _replace_lookup(column=f", {POLICIES} jsonb", value=f", t.{POLICIES}")


def downgrade() -> None:
    _replace_lookup(column="", value="")
    op.execute("DROP VIEW tenant_read")
    op.execute(f"ALTER TABLE tenant DROP COLUMN {POLICIES}")
    op.execute(read_view("tenant", TENANT))
    op.execute("GRANT SELECT ON tenant_read TO rapport_app")
    op.execute("DROP VIEW account_relation_read")
    op.execute("DROP TABLE account_relation")
    _narrow("contact", NEW_OF_CONTACT, (*RECORD, *CONTACT))
    _narrow("account", NEW_OF_ACCOUNT, (*RECORD, *ACCOUNT))


def _widen(table: str, new: dict[str, str], columns: tuple[str, ...], searched: tuple[str, ...]) -> None:
    added = ", ".join(f"ADD COLUMN {name} {definition}" for name, definition in new.items())
    op.execute(f"ALTER TABLE {table} {added}")
    for statement in search_document(table, (*columns, *new), searched):
        op.execute(statement)


def _narrow(table: str, new: dict[str, str], columns: tuple[str, ...]) -> None:
    for statement in search_document(table, columns, SEARCHED[table]):
        op.execute(statement)
    op.execute(f"ALTER TABLE {table} {', '.join(f'DROP COLUMN {name}' for name in new)}")


def _relations() -> None:
    table = Table(
        "account_relation",
        MetaData(),
        Column("tenant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("settle", BigInteger, nullable=False),
        Column("owner_id", Uuid),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("created_by", Uuid),
        Column("modified_at", DateTime(timezone=True), nullable=False),
        Column("modified_by", Uuid),
        Column("external_ids", JSONB, nullable=False, server_default=EMPTY),
        Column("custom", JSONB, nullable=False, server_default=EMPTY),
        Column("search", Text),
        Column("account_id", Uuid),
        Column("contact_id", Uuid),
        Column("role", Text, nullable=False),
        Column("starts_on", Date),
        Column("ends_on", Date),
    )
    references = {"owner_id": "user", "account_id": "account", "contact_id": "contact"}
    sortable = ("created_at", "modified_at", "role", "starts_on", "ends_on")
    for statement in tenant_table(table, references=references, sortable=sortable, searchable=("role",)):
        op.execute(statement)


def _replace_lookup(*, column: str, value: str) -> None:
    """The type of its answer changes, so it has to be made anew."""
    op.execute("DROP FUNCTION auth_lookup(uuid)")
    op.execute(LOOKUP.format(column=column, value=value))
    op.execute("REVOKE ALL ON FUNCTION auth_lookup(uuid) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION auth_lookup(uuid) TO rapport_app")
