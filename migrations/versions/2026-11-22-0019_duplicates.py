"""The country of a tenant, and the further emails and phones of contacts in what is searched."""

from alembic import op

from app.repositories.tenant_table import read_view, search_document

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TENANT = (
    *("tenant_id", "name", "time_zone", "locale", "currency", "schema_version", "created_at"),
    "duplicate_policies",
)
SETTINGS = {"country": "text", "modified_at": "timestamptz", "modified_by": "uuid"}
CONTACT = (
    *("tenant_id", "id", "version", "settle", "owner_id", "created_at", "created_by", "modified_at", "modified_by"),
    *("external_ids", "custom", "first_name", "last_name", "email", "phone", "account_id", "title", "reports_to_id"),
    *("other_emails", "other_phones", "addresses", "social_profiles", "birthday", "do_not_email", "do_not_call"),
    *("time_zone", "locale", "description", "tags"),
)
TEXTS = ("first_name", "last_name", "email", "phone")
FURTHER = ("other_emails.address", "other_phones.number")
LOOKUPS = ("auth_lookup(uuid)", "form_lookup(text)")
AUTH = """
CREATE FUNCTION auth_lookup(key_id uuid)
  RETURNS TABLE (tenant_id uuid, user_id uuid, role text, digest bytea, scopes text[], rate_limit_per_minute integer,
                 schema_version bigint, time_zone text, duplicate_policies jsonb{column})
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT k.tenant_id, k.user_id, u.role, k.digest, k.scopes, k.rate_limit_per_minute, t.schema_version, t.time_zone,
           t.duplicate_policies{value}
      FROM api_key k
      JOIN "user" u ON u.tenant_id = k.tenant_id AND u.id = k.user_id
      JOIN tenant t ON t.tenant_id = k.tenant_id
     WHERE k.id = key_id AND (k.expires_at IS NULL OR k.expires_at > now()) AND u.status = 'active';
  END
"""
FORM = """
CREATE FUNCTION form_lookup(wanted text)
  RETURNS TABLE (tenant_id uuid, form_id uuid, secret text, schema_version bigint, time_zone text{column})
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
  BEGIN ATOMIC
    SELECT f.tenant_id, f.id, s.secret, t.schema_version, t.time_zone{value}
      FROM lead_form f
      JOIN form_secret s ON s.tenant_id = f.tenant_id AND s.form_id = f.id
      JOIN tenant t ON t.tenant_id = f.tenant_id
     WHERE f.form_key = wanted;
  END
"""


def upgrade() -> None:
    added = ", ".join(f"ADD COLUMN {name} {type_}" for name, type_ in SETTINGS.items())
    op.execute(f"ALTER TABLE tenant {added}")
    op.execute(read_view("tenant", (*TENANT, *SETTINGS)))
    _replace_lookups(column=", country text", value=", t.country")
    for statement in search_document("contact", CONTACT, (*TEXTS, *FURTHER)):
        op.execute(statement)


def downgrade() -> None:
    for statement in search_document("contact", CONTACT, TEXTS):
        op.execute(statement)
    _replace_lookups(column="", value="")
    op.execute("DROP VIEW tenant_read")
    op.execute(f"ALTER TABLE tenant {', '.join(f'DROP COLUMN {name}' for name in SETTINGS)}")
    op.execute(read_view("tenant", TENANT))
    op.execute("GRANT SELECT ON tenant_read TO rapport_app")


def _replace_lookups(*, column: str, value: str) -> None:
    """The types of their answers change, so they have to be made anew."""
    for name, body in zip(LOOKUPS, (AUTH, FORM), strict=True):
        op.execute(f"DROP FUNCTION {name}")
        op.execute(body.format(column=column, value=value))
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO rapport_app")
