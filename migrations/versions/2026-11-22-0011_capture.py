"""Capture: forms on the web, and what was sent by them."""

from alembic import op
from sqlalchemy import ARRAY, BigInteger, Boolean, Column, DateTime, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from app.repositories.tenant_table import EVERYTHING, protected, tenant_table

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

EMPTY = text("'{}'")

# It lies outside of the record and its events, and stays while the form lies in the bin.
SIGNING = """
CREATE TABLE form_secret (
  tenant_id uuid NOT NULL, form_id uuid NOT NULL,
  secret text NOT NULL DEFAULT encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'),
  PRIMARY KEY (tenant_id, form_id)
)
"""
# A page on the web knows nothing but the key of its form: the look-up precedes the tenant, as that of an API key does.
LOOKUP = """
CREATE FUNCTION form_lookup(wanted text)
  RETURNS TABLE (tenant_id uuid, form_id uuid, secret text, schema_version bigint, time_zone text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT f.tenant_id, f.id, s.secret, t.schema_version, t.time_zone
      FROM lead_form f
      JOIN form_secret s ON s.tenant_id = f.tenant_id AND s.form_id = f.id
      JOIN tenant t ON t.tenant_id = f.tenant_id
     WHERE f.form_key = wanted;
  END
"""
# Answers that nobody has confirmed yet lie outside of the record and its events, so that they can be erased.
UNCONFIRMED = """
CREATE TABLE unconfirmed_submission (
  tenant_id uuid NOT NULL, submission_id uuid NOT NULL, answers jsonb NOT NULL, expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, submission_id),
  CONSTRAINT unconfirmed_submission_submission_id_fkey FOREIGN KEY (tenant_id, submission_id)
    REFERENCES lead_submission (tenant_id, id) ON DELETE CASCADE
)
"""
# Each ticket admits one post. Used ones are kept until they would have expired anyway.
TICKET = """
CREATE TABLE used_ticket (
  tenant_id uuid NOT NULL, form_id uuid NOT NULL, ticket text COLLATE "C" NOT NULL, expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, form_id, ticket),
  CONSTRAINT used_ticket_form_id_fkey FOREIGN KEY (tenant_id, form_id)
    REFERENCES lead_form (tenant_id, id) ON DELETE CASCADE
)
"""


def upgrade() -> None:
    sortable = ("created_at", "modified_at")
    statements = [
        *tenant_table(
            _form(),
            references={"owner_id": "user"},
            sortable=(*sortable, "name"),
            searchable=("name", "title"),
        ),
        "CREATE INDEX form_key_lookup ON lead_form (form_key)",
        SIGNING,
        *protected("form_secret", ["tenant_id", "form_id", "secret"], "select, insert"),
        LOOKUP,
        "REVOKE ALL ON FUNCTION form_lookup(text) FROM PUBLIC",
        "GRANT EXECUTE ON FUNCTION form_lookup(text) TO rapport_app",
        *tenant_table(
            _submission(), references={"owner_id": "user", "form_id": "lead_form"}, sortable=(*sortable, "source")
        ),
        UNCONFIRMED,
        *protected(
            "unconfirmed_submission", ["tenant_id", "submission_id", "answers", "expires_at"], "select, insert, delete"
        ),
        TICKET,
        *protected("used_ticket", ["tenant_id", "form_id", "ticket", "expires_at"], EVERYTHING),
        "CREATE INDEX used_ticket_expiry_idx ON used_ticket (tenant_id, form_id, expires_at)",
    ]
    for statement in statements:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION form_lookup(text)")
    for name in ("used_ticket", "unconfirmed_submission", "lead_submission", "form_secret", "lead_form"):
        op.execute(f"DROP VIEW {name}_read")
        op.execute(f"DROP TABLE {name}")


def _record() -> list[Column[object]]:
    return [
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
    ]


def _form() -> Table:
    return Table(
        "lead_form",
        MetaData(),
        *_record(),
        Column("name", Text, nullable=False),
        Column("title", Text),
        Column("introduction", Text),
        Column("fields", JSONB, nullable=False),
        Column("consent_text", Text),
        Column("source", Text),
        Column("thanks_text", Text),
        Column("redirect_url", Text),
        Column("allowed_origins", ARRAY(Text), nullable=False),
        Column("double_opt_in", Boolean, nullable=False),
        Column("proof_of_work_bits", Integer, nullable=False),
        Column("disabled", Boolean, nullable=False),
        Column("form_key", Text(collation="C"), nullable=False),
    )


def _submission() -> Table:
    return Table(
        "lead_submission",
        MetaData(),
        *_record(),
        Column("answers", JSONB, nullable=False),
        Column("source", Text),
        Column("utm", JSONB),
        Column("referrer", Text),
        Column("page", Text),
        Column("consent_text", Text),
        Column("form_id", Uuid),
        Column("form_version", BigInteger),
        Column("state", Text, nullable=False),
        Column("lead_id", Uuid),
        Column("consent_at", DateTime(timezone=True)),
        Column("confirmed_at", DateTime(timezone=True)),
        Column("expires_at", DateTime(timezone=True)),
    )
